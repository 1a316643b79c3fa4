"""A simulated cluster: the scheduler of `rectifiers run` with 10⁵ trials and 10³ workers that die at random.

    python benchmarks/cluster.py [--trials 100000] [--workers 1000] [--runners 1 10 100] [--write]

The runners are the real ones: `Running`, with its order, leases as files in a real folder, tries of what failed, and
the taking over from runners that died. What is simulated is the clock and what happens on it: trainings, which take
lognormally distributed times about those of their kind and write an empty result; deaths of workers, or of machines
with a runner and all its workers, each replaced after a while; and the beats of the runners' files.

The bound is the time at which the workers that were there could have done all work if none had been lost and none had
waited. The cost of the scheduler is the processor time of this process in the runners' code, with the calls of the file
system, per trial.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rectifiers.experiments.backlog import LOOK
from rectifiers.experiments.crew import Hand
from rectifiers.experiments.failure import Failure
from rectifiers.experiments.leases import EXPIRY, Leases
from rectifiers.experiments.order import in_order, seed_by_seed
from rectifiers.experiments.provenance import provenance
from rectifiers.experiments.runner import Progress, Running
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial
from rectifiers.experiments.worker import Job

RESULTS = Path(__file__).parent / "results" / "cluster.json"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "clusters.md"
CELLS = 100
"""Kinds of trial, of 5 to 40 epochs that take 15 to 75 s each."""
SPREAD = 0.1
"""Of the logarithm of a trial's time about that of its kind."""
LIFE = 24 * 3600.0
"""Seconds that a worker, or a machine, lives on average."""
ABSENCE = 300.0
"""Seconds until one that died is replaced."""
CHECKPOINT = 300.0
"""Seconds of work between two checkpoints, from the last of which a trial goes on."""
BEAT = 60.0
"""Seconds between two beats, within `EXPIRY`."""


class Cluster:
    """Machines, their workers, and the events on them.

    Args:
        folder: of the results.
        trials: how many trials there are.
        workers: how many in all.
        runners: how many processes divide them; with one, workers die one by one as nodes of Ray do, with more,
            machines do with all their workers.
        life: seconds that a worker, or a machine, lives on average.
        seed: of all that is random.
    """

    def __init__(
        self, folder: Path, *, trials: int, workers: int, runners: int, life: float = LIFE, seed: int = 0
    ) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.life, self.each = life, workers // runners
        self.alone = runners == 1
        self.store = Store(folder, "sweep")
        self.trials = sweep(trials)
        self.seconds = {trial.id: self._draw(trial) for trial in self.trials}
        self.kept: dict[str, float] = {}
        """Seconds of work in a checkpoint, by trial."""
        self.ended: Counter[str] = Counter()
        self.absences: list[tuple[float, float, int]] = []
        """From when to when how many workers were away."""
        self.deaths = 0
        self.spent = 0.0
        """Seconds of this process in the code of the runners."""
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.machines = [Machine(self, number) for number in range(runners)]

    def _draw(self, trial: Trial) -> float:
        per_epoch = 15 + 60 * random.Random(trial.activation_args[0][1]).random()
        return trial.epochs * per_epoch * self.random.lognormvariate(0, SPREAD)

    def at(self, when: float, event: Callable[[], None]) -> None:
        """Let something happen."""
        heapq.heappush(self._events, (when, next(self._numbers), event))

    def lifetime(self) -> float:
        """How long something lives."""
        return self.random.expovariate(1 / self.life)

    def run(self) -> None:
        """Let all happen until every machine is done."""
        for machine in self.machines:
            machine.begin()
        while not all(machine.is_done for machine in self.machines):
            self.now, _, event = heapq.heappop(self._events)
            event()

    def bound(self, makespan: float) -> float:
        """Seconds that the workers that were there need at least."""
        work, longest = sum(self.seconds.values()), max(self.seconds.values())
        workers = self.each * len(self.machines)

        def capacity(until: float) -> float:
            away = sum(count * (min(until, end) - begin) for begin, end, count in self.absences if begin < until)
            return workers * until - away

        low, high = 0.0, makespan
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if capacity(middle) < work else (low, middle)
        return max(high, longest)


class Machine:
    """A runner with its workers.

    Args:
        cluster: that it belongs to.
        number: of the machine.
    """

    shares_memory = takes_mates = False

    def __init__(self, cluster: Cluster, number: int) -> None:
        self.cluster, self.number = cluster, number
        self.is_done = False
        self._life = 0
        self._away = 0
        self._ticks = False
        """Whether the next step is due when nothing is heard."""
        self._spoke: deque[SimulatedHand] = deque()

    def begin(self) -> None:
        """Begin a run on the shared folder, as `runner.run` does."""
        began = time.thread_time()
        cluster, store = self.cluster, self.cluster.store
        todo = store.missing(cluster.trials)
        self.leases = Leases(store.folder, beat=1e9, expiry=EXPIRY, clock=lambda: cluster.now)
        # Of a machine of its own: others cannot ask whether its process lives.
        self.leases._facts["process"] = f"machine {self.number} {self._life}"
        self.leases.__enter__()
        self.running = Running(
            Job(store, None, frozenset(), None, []),
            in_order(seed_by_seed(todo)),
            self.leases,
            Progress(total=len(cluster.trials), kept=len(cluster.trials) - len(todo)),
            lambda progress: None,
            lambda text, urgent: None,
            patient=True,
            time_limit=float("inf"),
            may_begin=lambda: True,
            clock=lambda: cluster.now,
        )
        cluster.spent += time.thread_time() - began
        self._spoke.clear()
        self._ticks = False
        life = self._life
        if not cluster.alone:
            self._in(cluster.lifetime(), self.die, life)
        self._in(BEAT, self._beat, life)
        self.go_on(life)

    def _in(self, seconds: float, what: Callable[[int], None], life: int) -> None:
        self.cluster.at(self.cluster.now + seconds, lambda: what(life))

    def go_on(self, life: int) -> None:
        """A step of the runner, and the next one when it has nothing to hear of."""
        if life != self._life or self.is_done:
            return
        began = time.thread_time()
        goes_on = self.running.step(self)
        self.cluster.spent += time.thread_time() - began
        if not goes_on:
            self.is_done = True
            self.leases.__exit__()
        elif not self._ticks and sum(hand.trial is not None for hand in self.running.pool) < self.room():
            self._ticks = True
            self._in(LOOK, self._tick, life)

    def _tick(self, life: int) -> None:
        if life == self._life:
            self._ticks = False
            self.go_on(life)

    def _beat(self, life: int) -> None:
        if life == self._life and not self.is_done:
            self.leases._write()
            self._in(BEAT, self._beat, life)

    def die(self, life: int) -> None:
        """Vanish with all workers; another machine takes the place after a while."""
        cluster = self.cluster
        if life != self._life or self.is_done:
            return
        self._life += 1
        cluster.deaths += 1
        for hand in self.running.pool:
            if isinstance(hand, SimulatedHand):
                hand.interrupt()
        cluster.absences.append((cluster.now, cluster.now + ABSENCE, cluster.each))
        # The process is gone: its thread ends, and its files stay.
        self.leases._ended.set()
        cluster.at(cluster.now + ABSENCE, self.begin)

    def lose(self) -> None:
        """A worker died; another one takes its place after a while."""
        cluster = self.cluster
        cluster.deaths += 1
        cluster.absences.append((cluster.now, cluster.now + ABSENCE, 1))
        self._away += 1

        def come_back() -> None:
            self._away -= 1
            self.go_on(self._life)

        cluster.at(cluster.now + ABSENCE, come_back)

    def hear(self, hand: SimulatedHand) -> None:
        """Let the runner hear what a worker says."""
        self._spoke.append(hand)
        self.go_on(self._life)
        # A step gives out trials before it listens.
        self.go_on(self._life)

    def room(self) -> int:
        """How many workers there are now."""
        return self.cluster.each - self._away

    def start(self) -> SimulatedHand:
        """One more worker."""
        return SimulatedHand(self)

    def ready(self, hands: Sequence[Hand], seconds: float) -> Sequence[Hand]:
        """Those that have spoken."""
        spoke = list(self._spoke)
        self._spoke.clear()
        return spoke

    def close(self) -> None:
        """Nothing is held."""


class SimulatedHand:
    """A worker.

    Args:
        machine: that it works on.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine, self.cluster = machine, machine.cluster
        self.trial: Trial | None = None
        self.mates: tuple[Trial, ...] = ()
        self.began = self.heard = self.cluster.now
        self.patience, self.doing = float("inf"), ""
        self.outcome: Any = None
        self.dies_at = self.cluster.now + self.cluster.lifetime() if self.cluster.alone else float("inf")

    def give(self, trial: Trial, patience: float, mates: Sequence[Trial] = ()) -> None:
        """Begin a trial, or go on from its checkpoint."""
        cluster = self.cluster
        self.trial, self.began = trial, cluster.now
        ends = cluster.now + cluster.seconds[trial.id] - cluster.kept.get(trial.id, 0.0)
        event = self._end if ends <= self.dies_at else self._die
        cluster.at(min(ends, max(self.dies_at, cluster.now)), lambda: event(trial))

    def _end(self, trial: Trial) -> None:
        if self.trial is trial:
            path = self.cluster.store.path(trial)
            path.parent.mkdir(exist_ok=True)
            path.touch()
            self.cluster.ended[trial.id] += 1
            self._say("done")

    def _die(self, trial: Trial) -> None:
        if self.trial is trial:
            self._keep_checkpoint()
            self.machine.lose()
            self._say(Failure("a node was lost", passing=True, lost=True))

    def _say(self, outcome: Any) -> None:
        self.outcome = outcome
        self.machine.hear(self)

    def _keep_checkpoint(self) -> None:
        assert self.trial is not None
        done = self.cluster.kept.get(self.trial.id, 0.0) + self.cluster.now - self.began
        self.cluster.kept[self.trial.id] = done // CHECKPOINT * CHECKPOINT

    def interrupt(self) -> None:
        """End with the machine."""
        if self.trial is not None:
            self._keep_checkpoint()
            self.trial = None

    def read(self) -> tuple[str, Any]:
        """How its trial ended."""
        return "ended", self.outcome

    def last_words(self) -> str:
        """None."""
        return ""

    def is_alive(self) -> bool:
        """Whether it can take another trial."""
        return True

    def ask_to_stop(self) -> None:
        """Nothing is asked."""

    def join(self, seconds: float) -> None:
        """Nothing is waited for."""

    def kill(self) -> None:
        """It has ended."""


def sweep(count: int) -> list[Trial]:
    """So many trials: cells with seeds, as an experiment has them."""
    cells = min(CELLS, max(1, count // 10))
    first = [
        Trial.create(
            dataset="digits",
            network="digits-conv",
            activation="arelu",
            lr=0.1,
            activation_args={"alpha": 0.5 + cell / 1000},
            epochs=(5, 10, 20, 40)[cell % 4],
        )
        for cell in range(cells)
    ]
    return [trial.with_seed(seed) for seed in range(count // cells) for trial in first]


def simulate(*, trials: int, workers: int, runners: int, life: float = LIFE, seed: int = 0) -> dict[str, Any]:
    """Run a sweep on a simulated cluster; what came out.

    Args:
        trials: how many.
        workers: how many in all.
        runners: how many processes divide them.
        life: seconds that a worker, or a machine, lives on average.
        seed: of all that is random.
    """
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    try:
        cluster = Cluster(folder, trials=trials, workers=workers, runners=runners, life=life, seed=seed)
        cluster.run()
        makespan = cluster.now
        bound = cluster.bound(makespan)
        return {
            "trials": len(cluster.trials),
            "workers": workers,
            "runners": runners,
            "hours_of_life": life / 3600,
            "deaths": cluster.deaths,
            "finished": len(cluster.ended),
            "finished_twice": sum(count > 1 for count in cluster.ended.values()),
            "hours": makespan / 3600,
            "bound_hours": bound / 3600,
            "ratio": makespan / bound,
            "milliseconds_per_trial": 1e3 * cluster.spent / len(cluster.trials),
        }
    finally:
        shutil.rmtree(folder)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--runners", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--write", action="store_true", help=f"keep what came out in {RESULTS.name} and {PAGE.name}")
    options = parser.parse_args(arguments)
    for runners in options.runners:
        found = simulate(trials=options.trials, workers=options.workers, runners=runners)
        print(json.dumps(found), file=sys.stderr, flush=True)
        if options.write:
            keep({**found, **provenance()})


def keep(found: dict[str, Any]) -> None:
    """Keep what came out, in place of what came out of the same before."""
    rows = {_size(one): one for one in [*json.loads(RESULTS.read_text(encoding="utf-8")), found]}
    kept = [rows[size] for size in sorted(rows)]
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    begin, end = "<!-- cluster:begin -->\n", "<!-- cluster:end -->"
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    PAGE.write_text(f"{head}{begin}\n{to_markdown(kept)}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def _size(found: dict[str, Any]) -> tuple[int, int, int]:
    return found["trials"], found["workers"], found["runners"]


def to_markdown(kept: Sequence[dict[str, Any]]) -> str:
    """The table of the documentation."""
    heads = ["Trials", "Workers", "Runners", "Deaths", "Trials finished", "Finished twice", "Time by the bound"]
    heads += ["Processor time of all runners per trial, in ms"]
    rows = [
        f"| {one['trials']:,} | {one['workers']:,} | {one['runners']} | {one['deaths']:,} | {one['finished']:,} "
        f"| {one['finished_twice']} | {one['ratio']:.3f} | {one['milliseconds_per_trial']:.2f} |"
        for one in kept
    ]
    return "\n".join([f"| {' | '.join(heads)} |", "|" + "--:|" * len(heads), *rows]) + "\n"


if __name__ == "__main__":
    main()
