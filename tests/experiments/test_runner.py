"""The local runner: nothing twice, nothing lost, whatever happens to its workers. Starting one takes seconds."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.experiments.experiment import Cell
from rectifiers.experiments.leases import Leases
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.runner import Progress, run
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial
from rectifiers.experiments.weights import read_run

from .samples import TINY, cells, outcome, result, tiny

SWEEP = [
    tiny(activation="rrelu", epochs=2),
    tiny(seed=1),
    tiny(lr=1e30, epochs=2),
    tiny(activation="relu"),
]


class Watch:
    """Keeps a copy of every progress report, and may act on it."""

    def __init__(self, act: Callable[[Progress], object] = lambda progress: None) -> None:
        self.reports: list[Progress] = []
        self.act = act

    def __call__(self, progress: Progress) -> None:
        self.reports.append(replace(progress, failed=dict(progress.failed)))
        self.act(progress)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Progress, Watch]:
    """Four trials, one of them in two cells and one that diverges, by two workers."""
    store, watch = Store(tmp_path_factory.mktemp("runs"), "sweep"), Watch()
    twice = [*cells(*SWEEP), Cell("again", "elsewhere", SWEEP[0])]
    return store, run(twice, store, workers=2, on_progress=watch), watch


def finished(store: Store) -> set[str]:
    return {path.parent.name for path in store.folder.glob("*/result.json")}


def ids(*trials: Trial) -> set[str]:
    return {trial.id for trial in trials}


def test_each_trial_runs_once(sweep: tuple[Store, Progress, Watch]) -> None:
    store, progress, _ = sweep
    assert (progress.total, progress.kept, progress.done, progress.failed) == (4, 0, 4, {})
    assert progress.remaining == 0
    assert finished(store) == ids(*SWEEP)


def test_diverged_trials_are_counted_and_kept(sweep: tuple[Store, Progress, Watch]) -> None:
    store, progress, _ = sweep
    assert progress.diverged == 1
    kept = store.read(SWEEP[2])
    assert kept is not None
    assert kept.status == "diverged"


def test_progress_comes_at_the_start_and_after_each(sweep: tuple[Store, Progress, Watch]) -> None:
    _, _, watch = sweep
    assert [(report.done, report.remaining) for report in watch.reports] == [(0, 4), (1, 3), (2, 2), (3, 1), (4, 0)]


def test_bits_are_those_of_a_lonely_run(sweep: tuple[Store, Progress, Watch]) -> None:
    store, _, _ = sweep
    for trial in SWEEP:
        kept = store.read(trial)
        assert kept is not None
        assert outcome(kept) == outcome(run_trial(trial))


def test_the_same_command_again_runs_nothing(sweep: tuple[Store, Progress, Watch]) -> None:
    store, _, _ = sweep
    written = {path: path.stat().st_mtime_ns for path in store.folder.rglob("*")}
    watch = Watch()
    progress = run(cells(*SWEEP), store, workers=2, on_progress=watch)
    assert (progress.total, progress.kept, progress.done) == (4, 4, 0)
    assert len(watch.reports) == 1
    assert {path: path.stat().st_mtime_ns for path in store.folder.rglob("*")} == written
    assert multiprocessing.active_children() == []


def test_more_seeds_later_run_only_the_new_ones(sweep: tuple[Store, Progress, Watch]) -> None:
    store, _, _ = sweep
    old, new = tiny(seed=1), tiny(seed=2)
    written = store.path(old).stat().st_mtime_ns
    progress = run(cells(old, new), store, here=True)
    assert (progress.total, progress.kept, progress.done) == (2, 1, 1)
    assert store.has(new)
    assert store.path(old).stat().st_mtime_ns == written


def test_an_impatient_runner_ends_while_another_one_works(tmp_path: Path) -> None:
    store, trial = Store(tmp_path, "sweep"), tiny()
    with Leases(store.folder) as other:
        assert other.take(trial)
        progress = run(cells(trial), store, workers=1, patient=False)
        assert (progress.done, progress.remaining) == (0, 1)
        assert run(cells(trial), store, here=True, patient=False).remaining == 1


@pytest.mark.parametrize("here", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("lives", [True, False])
def test_an_impatient_runner_makes_sure_that_others_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool, lives: bool
) -> None:
    """One of another machine may have died shortly before, as this one may itself, whose job was started anew."""
    monkeypatch.setattr("rectifiers.experiments.runner.Leases", partial(Leases, expiry=3.0))
    store, trial = Store(tmp_path, "sweep"), tiny()
    other = Leases(store.folder, beat=0.05)
    other._facts["process"] = "another machine 1"
    with other:
        assert other.take(trial)
        if not lives:
            other._ended.set()
        progress = run(cells(trial), store, workers=1, here=here, patient=False)
        assert progress.done == (not lives)


def test_errors_of_two_kinds(tmp_path: Path) -> None:
    """What nobody foresaw is told with its traceback and the sweep goes on; a user's error stops it, as raised."""
    store, watch = Store(tmp_path, "sweep"), Watch()
    unforeseen = tiny(activation_args={"device": "meta"})
    good, bad, later = tiny(), tiny(activation="arelo"), tiny(seed=1)
    with pytest.raises(UnknownNameError) as caught:
        run(cells(unforeseen, good, bad, later), store, workers=1, on_progress=watch)
    assert watch.reports[-1].failed.keys() == {unforeseen}
    assert "Traceback" in watch.reports[-1].failed[unforeseen]
    assert str(caught.value).startswith("unknown activation 'arelo'; did you mean arelu")
    assert caught.value.nearest[0] == "arelu"
    assert finished(store) == ids(good)
    assert multiprocessing.active_children() == []


def test_weights_are_made_up_for(tmp_path: Path) -> None:
    """A trial that has finished without its weights is trained again, to the same bits; its first result stays."""
    bare, keeping = Store(tmp_path, "sweep"), Store(tmp_path, "sweep", keep_weights=True)
    trial = tiny()
    bare.write(run_trial(trial))
    before = bare.read(trial)
    assert before is not None
    assert run(cells(trial), keeping, workers=1).done == 1
    kept = read_run(keeping.weights, trial)
    assert kept is not None
    assert outcome(kept[0]) == outcome(before)
    assert keeping.read(trial) == before
    assert run(cells(trial), keeping, workers=1).kept == 1


@pytest.mark.parametrize("workers", [0, -2])
def test_workers_must_be_positive(tmp_path: Path, workers: int) -> None:
    with pytest.raises(ConfigError, match=f"workers must be at least 1, got {workers}"):
        run(cells(tiny()), Store(tmp_path, "sweep"), workers=workers)


def kill_worker() -> None:
    """Kill the one worker there is, as the system does when memory runs out."""
    for child in multiprocessing.active_children():
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()


@pytest.mark.slow
def test_killed_workers_cost_their_trial_alone(tmp_path: Path) -> None:
    store = Store(tmp_path, "sweep")
    trials = [tiny(), tiny(seed=1), tiny(seed=2, epochs=20)]

    def act(text: str, urgent: bool) -> None:
        if " begins: " in text and not text.startswith(trials[1].id):
            threading.Timer(0.1, kill_worker).start()

    progress = run(cells(*trials), store, workers=1, on_event=act)
    reason = "the process died (exit code -9); out of memory?"
    assert progress.failed == {trials[0]: reason, trials[2]: reason}
    assert (progress.done, progress.remaining) == (1, 0)
    assert finished(store) == ids(trials[1])

    again = run(cells(*trials), store, workers=1)
    assert (again.kept, again.done, again.failed) == (1, 2, {})
    assert finished(store) == ids(*trials)


@pytest.mark.slow
def test_two_runs_on_one_folder(tmp_path: Path) -> None:
    """Either may take any trial; together they leave each once, whole, and both end well."""
    trials = [tiny(seed=seed) for seed in range(6)]
    found: dict[int, Progress] = {}

    def go(number: int) -> None:
        ordered = trials if number == 0 else trials[::-1]
        found[number] = run(cells(*ordered), Store(tmp_path, "sweep"), workers=1)

    threads = [threading.Thread(target=go, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: (p.kept + p.done, p.remaining, p.failed) for number, p in found.items()} == {
        0: (6, 0, {}),
        1: (6, 0, {}),
    }
    store = Store(tmp_path, "sweep")
    for trial in trials:
        kept = store.read(trial)
        assert kept is not None
        assert outcome(kept) == outcome(run_trial(trial))
    assert len([path for path in store.folder.rglob("*") if path.is_file()]) == 7


SCRIPT = """
import sys
from rectifiers.experiments.experiment import Cell
from rectifiers.experiments.runner import run
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial
from rectifiers.experiments.weights import read_run

if __name__ == "__main__":
    quick, endless = (Trial(**{settings}, epochs=epochs) for epochs in (1, 10**6))
    cells = [Cell("a", "b", quick), Cell("a", "b", endless)]
    store = Store(sys.argv[1], "sweep")
    try:
        run(cells, store, workers=2, on_progress=lambda progress: print(progress.done, flush=True))
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a signal to the process group")
def test_interrupt_keeps_what_has_finished(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("{settings}", repr(TINY)))
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "runs")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Shells let background jobs, the tests perhaps among them, ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert [process.stdout.readline().strip() for _ in range(2)] == ["0", "1"]
    os.killpg(process.pid, signal.SIGINT)
    # The worker holds the other end of these pipes too, so this returns once both have ended.
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 130
    assert complaints == ""
    store = Store(tmp_path / "runs", "sweep")
    assert finished(store) == ids(tiny(epochs=1))
    progress = run(cells(tiny(epochs=1)), store)
    assert (progress.kept, progress.done) == (1, 0)


def test_finished_by_another_run_in_the_meantime(tmp_path: Path) -> None:
    """What appears in the folder between the count and the start is kept, not run."""
    store = Store(tmp_path, "sweep")
    trial = tiny()
    progress = run(cells(trial), store, workers=1, on_progress=lambda _: store.write(result(trial)))
    assert (progress.kept, progress.done, progress.remaining) == (1, 0, 0)
    assert store.read(trial) == result(trial)


IMPORTED = """
import sys
import rectifiers
from rectifiers.experiments.experiment import Cell
from rectifiers.experiments.runner import run
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial

@rectifiers.register_activation("mine")
class Mine(rectifiers.PVLU):
    pass

{what}
    trials = [Trial(**{settings}, seed=seed) for seed in range(3)]
    print(run([Cell("a", "b", trial) for trial in trials], Store(sys.argv[1], "sweep"), workers=2).done)
"""


def run_script(tmp_path: Path, what: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "script.py"
    script.write_text(IMPORTED.format(what=what, settings=TINY | {"activation": "mine"}))
    return subprocess.run(
        [sys.executable, str(script), str(tmp_path / "runs")], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.slow
def test_functions_of_a_script_are_known_to_its_workers(tmp_path: Path) -> None:
    ended = run_script(tmp_path, 'if __name__ == "__main__":')
    assert (ended.stdout.split(), ended.stderr) == (["3"], "")


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_so_once(tmp_path: Path) -> None:
    ended = run_script(tmp_path, "if True:")
    assert ended.stdout == ""
    assert ended.stderr.count("put the code that runs them under `if __name__ == '__main__':`") == 1
    assert "out of memory" not in ended.stderr


@pytest.mark.slow
def test_a_script_that_fails_in_its_workers_tells_how(tmp_path: Path) -> None:
    ended = run_script(tmp_path, 'if __name__ != "__main__":\n    1 / 0\nif True:')
    assert ended.stderr.count("ZeroDivisionError") == 1
    assert "they import" not in ended.stderr
    assert "the processes that run trials import your script for what it defines, and it failed there" in ended.stderr
