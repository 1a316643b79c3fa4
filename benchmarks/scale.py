"""What sweeps cost beside their trainings: scheduling, workers, runners, memory, finished sweeps, start-up.

    python benchmarks/scale.py [--only workers memory finished start] [--rounds 3] [--write]

Two cores have to be free for `workers` (a minute a round). Times are wall-clock; of commands, the processor time is
given as well, which a busy machine changes less.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rectifiers import lab
from rectifiers.core.memory import peak
from rectifiers.experiments.experiment import Cell
from rectifiers.experiments.provenance import provenance
from rectifiers.experiments.result import Result
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.runner import Progress, run
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial

RESULTS = Path(__file__).parent / "results" / "scale.json"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "clusters.md"
SECOND = 1.0
"""How long the trials of the sweep are whose scheduling is measured."""
EACH = 10
"""Trials for each worker."""
MANY = 2000
FINISHED = 10_000
SEEDS_OF_QUICKSTART = FINISHED // 8
TIMES = 3
"""How often a command is timed."""
BYTECODE = Path(tempfile.gettempdir()) / f"rectifiers-scale-{os.getuid()}"
TINY = {"dataset": "digits", "network": "digits-conv", "activation": "relu", "lr": 0.1, "kernels": "cpu"}

RUNNER = """
import sys
from pathlib import Path
from benchmarks import scale
from rectifiers.experiments.runner import run
from rectifiers.experiments.store import Store
if __name__ == "__main__":
    run(scale.cells(int(sys.argv[2]), int(sys.argv[3])), Store(sys.argv[1], "sweep"), workers=1)
"""

# In a small process of its own, for a child is told to have held what its parent held when it began.
MEASURED = """
import os, resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e9)
sys.exit(code)
"""


def cells(count: int, epochs: int) -> list[Cell]:
    """So many trials of so many epochs."""
    trials = [Trial.create(**TINY, epochs=epochs, seed=seed) for seed in range(count)]
    return [Cell("relu", "digits", trial) for trial in trials]


def epochs_of_a_second() -> int:
    """How many epochs a trial has that takes a second here."""
    trial = Trial.create(**TINY, epochs=4)
    run_trial(trial)
    times: list[float] = [run_trial(trial).provenance["seconds"] for _ in range(3)]
    return max(1, round(4 * SECOND / statistics.median(times)))


def steady(folder: Path, at_once: int) -> float:
    """Seconds from one end of a trial to the next once all work.

    Args:
        folder: of the results.
        at_once: how many trials ran at a time.
    """
    ends = sorted(path.stat().st_mtime_ns / 1e9 for path in folder.glob("*/result.json"))
    return (ends[-1] - ends[at_once - 1]) / (len(ends) - at_once)


class Watch:
    """Notes when a runner hands out a trial, and when it hears of its end."""

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}
        self.ended: dict[str, float] = {}

    def __call__(self, text: str, urgent: bool) -> None:
        """Note what an event of the runner says."""
        name, _, rest = text.partition(" ")
        if rest.startswith("begins"):
            self.begun[name] = time.perf_counter()
        elif rest.startswith("ended"):
            self.ended[name] = time.perf_counter()

    def overhead(self, folder: Path, at_once: int) -> float:
        """The time of workers beside their trainings, as a part of these: to write a result, to wait for a trial.

        What a worker waits at the end, when there are no more trials, is none of it.

        Args:
            folder: of the results.
            at_once: how many workers there were; the first trial of each, for which it starts, does not count.
        """
        beside = trained = 0.0
        idle = sorted(self.ended.values())
        for name in sorted(self.begun, key=lambda name: self.begun[name])[at_once:]:
            path = folder / name / "result.json"
            seconds = json.loads(path.read_text(encoding="utf-8"))["provenance"]["seconds"]
            # The worker that gets a trial is the one whose last trial has just ended.
            waited = self.begun[name] - idle.pop(0)
            beside += waited + self.ended[name] - self.begun[name] - seconds
            trained += seconds
        return beside / trained


def measure_workers(rounds: int) -> dict[str, Any]:
    """One worker, two, and two runners with one worker each, on trials of a second; in turns."""
    epochs = epochs_of_a_second()
    between: dict[str, list[float]] = {"one worker": [], "two workers": [], "two runners": []}
    overheads: list[float] = []
    for _ in range(rounds):
        for name, times in between.items():
            with tempfile.TemporaryDirectory() as root:
                at_once = 1 if name == "one worker" else 2
                count = EACH * at_once
                if name == "two runners":
                    environment = {
                        **os.environ,
                        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path]),
                    }
                    script = Path(root) / "runner.py"
                    script.write_text(RUNNER, encoding="utf-8")
                    command = [sys.executable, str(script), root, str(count), str(epochs)]
                    runners = [subprocess.Popen(command, env=environment) for _ in range(2)]
                    codes = [runner.wait() for runner in runners]
                    if any(codes):
                        raise SystemExit("a runner failed")
                else:
                    watch = Watch()
                    run(cells(count, epochs), Store(root, "sweep"), workers=at_once, on_event=watch)
                    overheads += [watch.overhead(Path(root) / "sweep", at_once)] if at_once == 2 else []
                times.append(steady(Path(root) / "sweep", at_once))
    one = between["one worker"]
    return {
        "seconds_per_trial": {name: statistics.median(times) for name, times in between.items()},
        "two_workers_to_one": statistics.median(a / b for a, b in zip(one, between["two workers"], strict=True)),
        "two_runners_to_one": statistics.median(a / b for a, b in zip(one, between["two runners"], strict=True)),
        "overhead_of_scheduling": statistics.median(overheads),
        "rounds": rounds,
    }


def measure_memory() -> dict[str, Any]:
    """Bytes that a runner and its worker have held at most, by the number of trials done."""
    marks: dict[int, tuple[int, int]] = {}

    def note(progress: Progress) -> None:
        if progress.done in (MANY // 10, MANY // 2, MANY):
            (worker,) = multiprocessing.active_children()
            marks[progress.done] = (peak() or 0, peak(worker.pid or 0) or 0)

    with tempfile.TemporaryDirectory() as root:
        many = [Cell("relu", "digits", Trial.create(**TINY, train_size=64, seed=seed)) for seed in range(MANY)]
        run(many, Store(root, "sweep"), workers=1, on_progress=note)
    return {
        "megabytes_of_runner": {str(count): round(runner / 1e6, 1) for count, (runner, _) in marks.items()},
        "megabytes_of_worker": {str(count): round(worker / 1e6, 1) for count, (_, worker) in marks.items()},
    }


def time_command(arguments: Sequence[str], results: Path) -> dict[str, float]:
    """Seconds on the clock and of the processor, and gigabytes at most, of `rectifiers` with these arguments.

    Medians of `TIMES`, after once that compiles what an installed package has compiled.
    """
    environment = {**os.environ, "RECTIFIERS_RESULTS": str(results), "PYTHONPYCACHEPREFIX": str(BYTECODE)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-S", "-c", MEASURED, sys.executable, "-m", "rectifiers", *arguments]
    found = []
    for _ in range(1 + TIMES):
        ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if ended.returncode:
            raise SystemExit(f"rectifiers {' '.join(arguments)} failed: {ended.stderr}")
        found.append([float(word) for word in ended.stdout.split()[-3:]])
    seconds, processor, gigabytes = map(statistics.median, zip(*found[1:], strict=True))
    return {
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor, 2),
        "gigabytes": round(gigabytes, 3),
    }


def make_finished(root: Path) -> None:
    """A results folder in which a sweep of `FINISHED` trials has finished: one result of each row, for all seeds."""
    selection = lab.open("quickstart", seeds=SEEDS_OF_QUICKSTART, results=root)
    store = selection.open_store()
    made: dict[str, Result] = {}
    for cell in selection.cells:
        if cell.row not in made:
            made[cell.row] = run_trial(cell.trial)
        path = store.path(cell.trial)
        path.parent.mkdir()
        text = made[cell.row].model_copy(update={"trial": cell.trial}).model_dump_json()
        path.write_text(f"{text}\n", encoding="utf-8")


def measure_finished(root: Path) -> dict[str, Any]:
    """What the verbs take on a sweep that has finished, below a folder where it is made if it is not there."""
    if not root.exists():
        make_finished(root)
    sweep = ["quickstart", "--seeds", str(SEEDS_OF_QUICKSTART)]
    return {
        "run": time_command(["run", *sweep, "--no-report"], root),
        "table": time_command(["table", *sweep], root),
        "report": time_command(["report", *sweep, "--output", str(root / "page.html")], root),
        "list papers": time_command(["list", "papers"], root),
    }


def measure_start() -> dict[str, Any]:
    """What starting takes."""
    nowhere = Path("nowhere")
    imports = ["import torch", "import torch, rectifiers"]
    times: dict[str, list[float]] = {text: [] for text in imports}
    for _ in range(5):
        for text in imports:
            began = os.times()
            subprocess.run([sys.executable, "-c", text], check=True)
            ended = os.times()
            times[text].append(
                ended.children_user + ended.children_system - began.children_user - began.children_system
            )
    torch_alone, both = (statistics.median(times[text]) for text in imports)
    return {
        "import_above_torch_processor_seconds": round(both - torch_alone, 3),
        "import_torch_processor_seconds": round(torch_alone, 3),
        "show": time_command(["show", "arelu"], nowhere),
        "plan": time_command(["plan", "quickstart"], nowhere),
    }


def to_markdown(finished: Mapping[str, Any]) -> str:
    """The table of the documentation."""
    lines = ["| Command | Seconds | Gigabytes |", "|---|--:|--:|"]
    lines += [
        f"| `{name}` | {facts['seconds']:.1f} | {facts['gigabytes']:.2f} |"
        for name, facts in finished.items()
        if isinstance(facts, dict)
    ]
    return "\n".join(lines) + "\n"


def write_page(finished: Mapping[str, Any]) -> None:
    """Put the table into the documentation."""
    begin, end = "<!-- finished:begin -->\n", "<!-- finished:end -->"
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    PAGE.write_text(f"{head}{begin}\n{to_markdown(finished)}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("workers", "memory", "finished", "start")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, default=Path("scale"), help="results folder of the sweep that has finished; it stays"
    )
    parser.add_argument("--write", action="store_true", help=f"keep what came out in {RESULTS.name}, part by part")
    options = parser.parse_args(arguments)
    measures = {
        "workers": lambda: measure_workers(options.rounds),
        "memory": measure_memory,
        "finished": lambda: measure_finished(options.folder),
        "start": measure_start,
    }
    for name in options.only:
        found = {**measures[name](), **provenance()}
        print(json.dumps({name: found}, indent=2), flush=True)
        if options.write:
            kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
            RESULTS.write_text(json.dumps({**kept, name: found}, indent=2) + "\n", encoding="utf-8")
            if name == "finished":
                write_page(found)


if __name__ == "__main__":
    main()
