"""The main verb from end to end, on digits: what it runs, what it keeps, and what bad input gets."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rectifiers import lab
from rectifiers.lab import Results, Selection

from .conftest import Cli

SMOKE = ("run", "quickstart", "--preset", "smoke")
TINY = (*SMOKE, "--set", "train_size=64", "--set", "epochs=1")
# Four runs of half a second or more: long enough to be caught in the middle on a busy machine too.
LONG = (
    *("run", "quickstart", "--workers", "1", "--seeds", "1", "--no-report"),
    *("--only", "ReLU", "--only", "PReLU", "--only", "GELU", "--only", "AReLU"),
    *("--set", "train_size=256", "--set", "epochs=40"),
)

Start = Callable[..., "subprocess.Popen[str]"]


def results_in(folder: Path) -> dict[str, float]:
    return {path.parent.name: path.stat().st_mtime for path in folder.glob("quickstart/*/result.json")}


def wait_for(condition: Callable[[], object], seconds: float = 240.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.05)


def test_writes_results_and_a_report(finished: Path) -> None:
    assert len(results_in(finished)) == 6
    page = (finished / "quickstart-smoke.html").read_text(encoding="utf-8")
    assert "rectifiers run quickstart --preset smoke" in page


def test_runs_that_are_taken_away_meanwhile_are_missed(
    cli: Cli, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def move(selection: Selection, **_: object) -> Results:
        shutil.rmtree(next(path for path in (tmp_path / "runs" / "quickstart").glob("*/result.json")).parent)
        return lab.table(selection)

    shutil.copytree(finished, tmp_path / "runs")
    shutil.rmtree(next(path for path in (tmp_path / "runs" / "quickstart").glob("*/result.json")).parent)
    monkeypatch.setattr(lab, "run", move)
    outcome = cli(*SMOKE, "--no-report")
    assert outcome.code == 1
    assert "2 of 6 runs missing, though all ended: runs/quickstart was moved or emptied meanwhile" in outcome.err


def test_the_same_command_again_runs_nothing(cli: Cli, finished: Path) -> None:
    before = results_in(finished)
    outcome = cli(*SMOKE, "--results", finished, "--no-report")
    assert outcome.code == 0
    assert "6 done before" in outcome.err
    assert "Report" not in outcome.out
    assert results_in(finished) == before


def test_with_nothing_to_do_pytorch_is_not_loaded(finished: Path) -> None:
    code = """
import sys
from rectifiers.cli import main
try:
    main()
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""
    command = [sys.executable, "-c", code, *SMOKE, "--results", str(finished), "--no-report"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stderr.splitlines()[-1] == "False"


def test_more_seeds_run_only_the_missing_ones(cli: Cli, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "runs")
    before = results_in(tmp_path / "runs")
    outcome = cli(*SMOKE, "--seeds", "3", "--workers", "1", "--set", "trace_points=5")
    assert outcome.code == 0
    assert "9 runs, 6 done before" in outcome.err
    assert "over 3 runs per cell" in " ".join(outcome.out.split())
    after = results_in(tmp_path / "runs")
    assert len(after) == 9
    assert {name: after[name] for name in before} == before


def test_an_experiment_of_ones_own(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\nrows = ["relu", "arelu"]\nseeds = 1\n'
        '[settings]\ndataset = "digits"\nnetwork = "digits-conv"\nlr = 0.01\ntrain_size = 64\n'
    )
    outcome = cli("run", "mine.toml", "--workers", "1")
    assert outcome.code == 0
    assert "mine, preset full" in outcome.err
    assert (tmp_path / "runs" / "mine-full.html").exists()
    assert len(list((tmp_path / "runs" / "mine").glob("*/result.json"))) == 2


def test_ctrl_c_keeps_what_finished_and_says_how_to_go_on(start: Start, cli: Cli, tmp_path: Path) -> None:
    process = start(*LONG, start_new_session=True)
    wait_for(lambda: results_in(tmp_path / "runs"))
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    kept = results_in(tmp_path / "runs")
    assert process.returncode == 130
    assert 1 <= len(kept) < 4
    assert f"stopped: {len(kept)} of 4 runs are kept in runs/quickstart" in errors
    assert errors.rstrip().endswith(f"rectifiers {' '.join(LONG)}")
    assert "Traceback" not in errors

    again = cli(*LONG)
    assert again.code == 0, again.err
    assert f"{len(kept)} done before" in again.err
    assert "4 of 4 runs finished." in again.out
    after = results_in(tmp_path / "runs")
    assert {name: after[name] for name in kept} == kept


@pytest.mark.slow
def test_ctrl_c_before_the_first_result(start: Start, tmp_path: Path) -> None:
    process = start(*LONG, start_new_session=True)
    wait_for((tmp_path / "runs" / "quickstart" / "store.json").exists)
    wait_for(lambda: workers_of(process.pid))
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 130
    assert "of 4 runs are kept" in errors
    assert "Traceback" not in errors


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="closes what POSIX numbers")
@pytest.mark.parametrize("closed", [(2,), (0, 1, 2)])
def test_closed_standard_streams_are_no_obstacle(closed: tuple[int, ...], tmp_path: Path) -> None:
    """A pipe that got their numbers would be taken for them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rectifiers", "run", "quickstart", "--preset", "smoke", "--workers", "2"],
        cwd=tmp_path,
        preexec_fn=lambda: [os.close(number) for number in closed] and None,
    )
    assert process.wait(timeout=600) == 0
    assert len(results_in(tmp_path / "runs")) == 6
    assert list(tmp_path.glob("runs/*.html"))


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds the worker in /proc")
def test_a_worker_killed_twice_fails_its_run_alone(start: Start, cli: Cli, tmp_path: Path) -> None:
    process = start(*LONG)
    log = tmp_path / "runs" / "quickstart" / "log.txt"
    wait_for(lambda: results_in(tmp_path / "runs"))
    (first,) = workers_of(process.pid)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: "the process died" in log.read_text())
    victim = next(line for line in log.read_text().splitlines() if "the process died" in line).split()[2]
    wait_for(lambda: log.read_text().count(f"{victim} begins: ") == 2)
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    output, errors = process.communicate(timeout=240)
    assert process.returncode == 1, errors
    assert len(results_in(tmp_path / "runs")) == 3
    assert "the process died (exit code -9)" in errors
    assert "1 of 4 runs failed; try again with\n  rectifiers run quickstart" in errors
    assert "3 of 4 runs finished; 1 missing." in output
    (story,) = tmp_path.glob("runs/quickstart/*/error.txt")
    assert "activation=" in story.read_text()
    assert str(story.relative_to(tmp_path)) in errors

    again = cli(*LONG)
    assert again.code == 0, again.err
    assert not story.exists()
    assert len(results_in(tmp_path / "runs")) == 4


def workers_of(parent: int) -> list[int]:
    """Process ids of the runner's workers, found by their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, command = (folder / "stat").read_text(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if int(status.rpartition(")")[2].split()[1]) == parent and b"spawn_main" in command:
            found.append(int(folder.name))
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on file sizes")
def test_a_disk_that_takes_no_more_is_one_line(tmp_path: Path) -> None:
    # A limit on file sizes reaches the workers too, and needs no disk of its own: results do not fit, the card does.
    # Nor may what measures coverage write, whose files would not fit either.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 1; exec "$@"', "bash", sys.executable, "-m", "rectifiers", *TINY, "--workers", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**plain, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 2, done.stderr
    assert "error: cannot write runs/quickstart/" in done.stderr
    assert "everything that finished before is kept" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.glob("runs/quickstart/*/*result.json*")) == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["quikstart"], "unknown experiment 'quikstart'; did you mean quickstart"),
        (["nowhere.toml"], "cannot read nowhere.toml: No such file or directory"),
        (["quickstart", "--preset", "smok"], "did you mean smoke"),
        (["quickstart", "--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["quickstart", "--seeds", "-1"], "--seeds must be at least 1, got -1"),
        (["quickstart", "--workers", "0"], "--workers must be at least 1, got 0"),
        (["quickstart", "--workers", "-1"], "--workers must be at least 1, got -1"),
        (["quickstart", "--workers", "two"], "--workers must be a whole number, got 'two'"),
        (["quickstart", "--seeds", "1.5"], "--seeds must be a whole number, got '1.5'"),
        (["quickstart", "--set", "lr=-0.1"], "lr: expected more than 0, got -0.1"),
        (["quickstart", "--set", "lr=fast"], "lr: expected a number"),
        (["quickstart", "--set", "lr=NaN"], "lr: expected a finite number"),
        (["quickstart", "--set", "epochs=three"], "epochs: expected a whole number, got 'three'"),
        (["quickstart", "--set", "device=tpu"], "device: expected cpu, mps, cuda, or cuda: and a number, got 'tpu'"),
        (["quickstart", "--set", "milestones=5"], "milestones: expected a list, got 5"),
        (["quickstart", "--set", "epoch=1"], "unknown setting 'epoch'; did you mean epochs"),
        (["quickstart", "--set", "epochs"], "--set needs KEY=VALUE, such as epochs=5, got 'epochs'"),
        (["quickstart", "--set", "seed=3"], "seeds (--seeds) says how many"),
        (["quickstart", "--set", "activation=relu"], "that is what quickstart compares"),
        (["quickstart", "--set", "dataset=digit"], "unknown data set 'digit'; did you mean digits"),
        (["quickstart", "--set", "network=digit-conv"], "did you mean digits-conv"),
        (["quickstart", "--set", "network=mnist-conv"], "takes images of 28×28, got 8×8"),
        (["quickstart", "--set", "device=cuda:77"], "no device 'cuda:77'"),
        (["quickstart", "--slurm", "tasks=2", "--download"], "--download is not for --slurm, which runs nothing here"),
        (["quickstart", "--slurm", "tasks=2", "--time-limit", "4h"], "--time-limit is not for --slurm"),
        (["quickstart", "--submit", "--track", "tensorboard:logs"], "--track is not for --slurm"),
        (["quickstart", "--slurm", "tasks=2", "--on", "ray"], "--on is not for --slurm"),
        (["quickstart", "--slurm", "tasks=2", "--gpu-share", "0.5"], "--gpu-share is not for --slurm"),
        (["quickstart", "--gpu-share", "0.5"], "name the cluster by on (--on), or leave it out"),
        (
            ["quickstart", "--kernels", "cpu", "--set", "kernels=reference"],
            "kernels are given twice: --kernels cpu and",
        ),
        (
            ["quickstart", "--set", "epochs=5", "--set", "epochs=6"],
            "epochs is given twice: --set epochs=5 and --set epochs=6; leave one out",
        ),
        (["quickstart", "--set", "train_size=5000"], "cannot take 5000 of 1437 images"),
        (["arelu/table1", "--data-dir", "empty"], "4 of 4 files are missing"),
    ],
)
def test_mistakes_are_found_before_anything_runs(
    refused: Callable[..., str], tmp_path: Path, arguments: list[str], line: str
) -> None:
    assert line in refused("run", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_missing_data_says_where_it_looked_and_how_to_get_them(refused: Callable[..., str], tmp_path: Path) -> None:
    line = refused("run", "arelu/table1", "--data-dir", "empty")
    assert str(tmp_path / "empty" / "MNIST" / "raw" / "train-images-idx3-ubyte.gz") in line
    assert "--download" in line


def test_damaged_data_are_named(refused: Callable[..., str], tmp_path: Path) -> None:
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{part}-ubyte").write_bytes(b"\x00\x00\x08\x03")
    line = refused("run", "arelu/table1")
    assert "train-images-idx3-ubyte is damaged" in line
    assert "expected md5 6bbc9ace898e44ae57da46a324031adb" in line


def test_arguments_that_an_activation_does_not_take(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\nrows = [{label = "a", activation = "arelu", activation_args = {gamma = 1.0}}]\n'
        '[settings]\ndataset = "digits"\nnetwork = "digits-conv"\nlr = 0.01\n'
    )
    assert "AReLU: unknown argument 'gamma'" in refused("run", "mine.toml")


def test_a_results_folder_of_something_else(refused: Callable[..., str], tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "quickstart"
    folder.mkdir(parents=True)
    (folder / "store.json").write_text('{"runs": "other", "format": 1}')
    assert "holds the runs of 'other'" in refused(*SMOKE)
    (folder / "store.json").write_text('{"runs": "quickstart", "format": 99}')
    assert "was written in format 99" in refused(*SMOKE)
    (folder / "store.json").rename(folder / "notes.txt")
    assert "is not empty and holds no results" in refused(*SMOKE)


def test_a_results_folder_that_cannot_be_made(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "--results must be a folder, but file is a file" in refused(*SMOKE, "--results", "file")
    assert "cannot use file/runs/quickstart: Not a directory" in refused(*SMOKE, "--results", "file/runs")


def test_a_full_disk_before_the_first_training(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "no space left" in refused(*SMOKE)
    assert list(tmp_path.glob("runs/*/*")) == []
