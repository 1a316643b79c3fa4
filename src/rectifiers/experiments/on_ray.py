"""Trials as tasks of Ray: on the nodes of a cluster, each trial one task, with results in the store of the runner.

A node that sees the runner's folder writes there itself; from one that does not, results and needed weights come back
to the runner. Tasks are not repeated by Ray, but by the runner, which knows why they ended; one that runs twice all the
same does no harm, for the store keeps what it has.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ..core.errors import ConfigError, RectifiersError
from ..core.version import __version__
from . import own
from .crew import Hand
from .failure import Failure, from_error
from .leases import Leases
from .pulse import UNKNOWN, Pulse
from .result import Result
from .runner_files import runner_file
from .store import Store, read_bytes, weights_path, write_bytes_atomically
from .trial import Trial
from .worker import Job, Outcome, carry_out

NAME = "ray"
LOOK = 2.0
"""Seconds between two looks at what the cluster has."""
LISTEN = 0.5
"""Seconds between two looks at what tasks tell."""


@dataclass(frozen=True)
class OnRay:
    """A cluster of Ray.

    Args:
        address: of the cluster, as `ray.init` takes it; empty for that of RAY_ADDRESS, or one of this machine alone.
        gpu_share: how much of a GPU each trial takes that runs on one.
    """

    address: str = ""
    gpu_share: float = 1.0

    def gather(self, job: Job, leases: Leases, most: int | None, say: Callable[[str], None]) -> RayCrew:
        """Connect to the cluster, or start one.

        Raises:
            ConfigError: Ray is not installed, the cluster does not answer, or your script defines what trials need.
        """
        # Nothing is told to Ray's makers.
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ImportError as error:
            raise ConfigError(f"Ray is not installed ({error}): pip install 'rectifiers[ray]'") from None
        if job.main is not None:
            raise ConfigError(
                "your script defines what the trials need, and the nodes of a cluster cannot import it; put that into "
                "a file of its own, and give it by own= (--with)"
            )
        address = self.address or os.environ.get("RAY_ADDRESS") or "local"
        # One that is started here is nobody else's, and has no pages.
        starts = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"} if address == "local" else {}
        try:
            ray.init(address, logging_level=logging.ERROR, log_to_driver=False, **starts)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError) as error:
            ray.shutdown()
            raise ConfigError(f"cannot reach a Ray cluster at {address!r}: {_first_line(error)}") from None
        return RayCrew(job, leases.token, most, self.gpu_share, say)


class _Remote(NamedTuple):
    """What all tasks have in common.

    Args:
        job: with the store as the runner sees it.
        token: of the runner, whose file shows whether a node sees its folder.
        folder: the runner's working directory, which the paths of data sets may start from.
        versions: of what decides the bits.
    """

    job: Job
    token: str
    folder: str
    versions: Mapping[str, str]


class RayCrew:
    """Tasks on a cluster.

    Args:
        job: what they work on.
        token: of the runner.
        most: tasks at a time; None for as many as there is room for.
        gpu_share: how much of a GPU a task takes whose trial runs on one.
        say: told what the user has to know.
    """

    shares_memory = takes_mates = False

    def __init__(self, job: Job, token: str, most: int | None, gpu_share: float, say: Callable[[str], None]) -> None:
        import ray

        self.ray, self.most, self.gpu_share, self.say = ray, most, gpu_share, say
        store = Store(job.store.folder.parent.absolute(), job.store.name, keep_weights=job.store.keep_weights)
        self.job = job._replace(store=store, data_dir=job.data_dir and job.data_dir.absolute())
        self.common = ray.put(_Remote(self.job, token, str(Path.cwd()), _versions()))
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=True
        )
        self.board = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)(
            _Board
        ).remote()
        self.task = ray.remote(max_retries=0)(_carry_out)
        self._weights: dict[Trial, Any] = {}
        self._hands: dict[str, RayHand] = {}
        self._room, self._looked, self._listened = 1, -LOOK, 0.0
        self._threads, self._on_gpu, self._lacking = 1, False, ""

    def room(self) -> int:
        """As many tasks as the nodes that are there now have cores and GPUs for."""
        if time.monotonic() - self._looked > LOOK:
            self._looked = time.monotonic()
            there = self.ray.cluster_resources()
            rooms = [there.get("CPU", 0) // self._threads]
            rooms += [there.get("GPU", 0) // self.gpu_share] if self._on_gpu else []
            self._room = max(1, int(min(rooms)))
        return min(self._room, self.most or self._room)

    def start(self) -> RayHand:
        """One that has not begun."""
        return RayHand(self)

    def submit(self, hand: RayHand, trial: Trial) -> Any:
        """Let a trial be carried out; what stands for its end."""
        self._threads, self._on_gpu = max(self._threads, trial.threads), self._on_gpu or trial.device != "cpu"
        needs = {"num_cpus": trial.threads, "num_gpus": self.gpu_share if trial.device != "cpu" else 0}
        self._tell_what_lacks(needs)
        self._hands[trial.id] = hand
        starts = {one.id: self._share_weights(one) for one in trial.ancestors}
        return self.task.options(**needs, name=f"rectifiers {trial.id}").remote(trial, self.common, self.board, starts)

    def _tell_what_lacks(self, needs: Mapping[str, float]) -> None:
        """Say once if no node has what a trial needs; a node that has may come."""
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        wanted = f"{needs['num_cpus']} cores" + (f" and {needs['num_gpus']:g} GPUs" if needs["num_gpus"] else "")
        fits = any(
            node.get("CPU", 0) >= needs["num_cpus"] and node.get("GPU", 0) >= needs["num_gpus"] for node in nodes
        )
        if not fits and wanted != self._lacking:
            self._lacking = wanted
            self.say(f"no node of the cluster has {wanted}; what needs them waits until one comes")

    def _share_weights(self, trial: Trial) -> Any:
        """The kept weights of a trial for nodes that do not see the folder; None where there are none."""
        if trial not in self._weights:
            content = read_bytes(weights_path(self.job.store.weights, trial))
            if content is None:
                return None
            self._weights[trial] = self.ray.put(content)
        return self._weights[trial]

    def ready(self, hands: Sequence[Hand], seconds: float) -> Sequence[RayHand]:
        """Those whose task has ended, or told something."""
        by_end = {one.end: one for one in hands if isinstance(one, RayHand)}
        if not by_end:
            time.sleep(seconds)
            return []
        ended, going = self.ray.wait(list(by_end), timeout=seconds)
        ended += self.ray.wait(going, num_returns=len(going), timeout=0)[0] if going else []
        for hand in (by_end[end] for end in ended):
            # While words before it are read, the end is met again.
            if not hand.has_ended:
                hand.words.append(("ended", self._outcome(hand.end)))
        self._listen()
        return [one for one in by_end.values() if one.words]

    def _listen(self) -> None:
        """Hear what tasks told since the last time."""
        if time.monotonic() - self._listened < LISTEN:
            return
        self._listened = time.monotonic()
        with suppress(self.ray.exceptions.RayError):  # results come all the same
            for name, word, value in self.ray.get(self.board.take.remote(), timeout=LISTEN):
                hand = self._hands.get(name)
                # What a task told at its end may come when its hand has another trial.
                if hand is not None and hand.trial is not None and hand.trial.id == name and not hand.has_ended:
                    hand.words.append((word, value))

    def _outcome(self, end: Any) -> Outcome:
        """How a trial ended; what a task brings back is kept."""
        errors = self.ray.exceptions
        try:
            outcome, files = self.ray.get(end)
            for name, content in files.items():
                path = self.job.store.folder / name
                if path.name != "result.json":
                    write_bytes_atomically(path, content)
                elif not path.exists():
                    self.job.store.write(Result.model_validate_json(content))
        except errors.OutOfMemoryError as error:
            return Failure(f"memory ran out on a node: {_first_line(error)}", passing=True, memory=True)
        except (errors.NodeDiedError, errors.LocalRayletDiedError, errors.ObjectLostError) as error:
            return Failure(f"a node was lost: {_first_line(error)}", passing=True, lost=True)
        except errors.WorkerCrashedError as error:
            return Failure(f"the process died: {_first_line(error)}", passing=True)
        except errors.TaskCancelledError:
            return Failure("the task was ended", passing=True)
        except errors.RayError as error:
            return ConfigError(
                f"a node cannot carry out trials: {_first_line(error)}; install rectifiers {__version__} there"
            )
        except RectifiersError as error:
            return error
        return outcome  # type: ignore[no-any-return]

    def close(self) -> None:
        """Leave the cluster; one that was started for this ends."""
        self.ray.shutdown()


class RayHand:
    """The runner's end of one task at a time.

    Args:
        crew: that it belongs to.

    Attributes:
        words: told and not yet read.
        end: what stands for the end of its task.
    """

    def __init__(self, crew: RayCrew) -> None:
        self.crew = crew
        self.trial: Trial | None = None
        self.mates: tuple[Trial, ...] = ()
        self.began = self.heard = time.monotonic()
        self.patience, self.doing = UNKNOWN, ""
        self.words: deque[tuple[str, Any]] = deque()
        self.end: Any = None
        self.stopping = False

    @property
    def has_ended(self) -> bool:
        """Whether the end of its task was met."""
        return any(word == "ended" for word, _ in self.words)

    def give(self, trial: Trial, patience: float, mates: Sequence[Trial] = ()) -> None:
        """Let a task carry it out; until that begins, it is waited for however long that takes."""
        self.trial, self.doing, self.patience = trial, "waiting for a node", float("inf")
        self.began = self.heard = time.monotonic()
        self.end = self.crew.submit(self, trial)

    def read(self) -> tuple[str, Any]:
        """What was told first."""
        self.heard = time.monotonic()
        return self.words.popleft()

    def last_words(self) -> str:
        """What a task writes stays in the logs of its node."""
        return ""

    def is_alive(self) -> bool:
        """Tasks are made when they are needed."""
        return True

    def ask_to_stop(self) -> None:
        """Let its task end at its next step, with a checkpoint where the node sees the folder."""
        if self.trial is not None and not self.stopping:
            self.stopping = True
            self.crew.board.stop.remote(self.trial.id)

    def join(self, seconds: float) -> None:
        """Wait for its task."""
        if self.trial is not None:
            self.crew.ray.wait([self.end], timeout=seconds)

    def kill(self) -> None:
        """End the task, if it runs."""
        if self.end is not None:
            with suppress(self.crew.ray.exceptions.RayError):
                self.crew.ray.cancel(self.end, force=True)


class _Board:
    """What tasks tell, and which of them are to stop; an actor beside the runner."""

    def __init__(self) -> None:
        self.words: list[tuple[str, str, Any]] = []
        self.stopped: set[str] = set()

    def tell(self, name: str, word: str, value: Any) -> bool:
        """Note a word of a task; whether it is to stop."""
        self.words.append((name, word, value))
        return name in self.stopped

    def take(self) -> list[tuple[str, str, Any]]:
        """All that was noted since the last time."""
        words, self.words = self.words, []
        return words

    def stop(self, name: str) -> None:
        """Let a task stop that has this name."""
        self.stopped.add(name)


def _carry_out(
    trial: Trial, common: _Remote, board: Any, starts: Mapping[str, Any]
) -> tuple[Outcome, dict[str, bytes]]:
    """A task: carry out a trial; how it ended, and the files that the runner lacks, by their place in its folder."""
    import ray

    ours = _versions()
    if ours != common.versions:
        theirs = ", ".join(f"{name} {ours[name]}" for name in ours if ours[name] != common.versions.get(name))
        wanted = ", ".join(f"{name} {common.versions[name]}" for name in ours if ours[name] != common.versions[name])
        return ConfigError(f"a node has {theirs}, and the runner {wanted}; install the same there"), {}
    with suppress(OSError):
        os.chdir(common.folder)
    try:
        own.restore(common.job.files)
    except RectifiersError as error:
        return error, {}
    told: list[Any] = []
    lock = threading.Lock()

    def tell(word: str, value: Any) -> None:
        with lock, suppress(ray.exceptions.RayError):
            # An answer is looked at when it is there, and never waited for.
            if told and ray.wait(told, timeout=0)[0]:
                pulse.stopping = pulse.stopping or ray.get(told.pop())
            if not told:
                told.append(board.tell.remote(trial.id, word, value))

    pulse = Pulse(tell)
    tell("beat", (0, UNKNOWN))
    store = common.job.store
    try:
        if runner_file(store.folder, common.token).exists():
            return ("done" if store.has(trial) else carry_out(trial, common.job, pulse)), {}
        with tempfile.TemporaryDirectory(prefix="rectifiers-") as folder:
            return _carry_out_apart(trial, common.job, pulse, Path(folder), starts)
    except OSError as error:
        return from_error(error), {}


def _carry_out_apart(
    trial: Trial, job: Job, pulse: Pulse, folder: Path, starts: Mapping[str, Any]
) -> tuple[Outcome, dict[str, bytes]]:
    """Carry out a trial in a folder of its own."""
    import ray

    store = Store(folder, job.store.name, keep_weights=job.store.keep_weights)
    for name, content in starts.items():
        if content is not None:
            write_bytes_atomically(store.weights / f"{name}.safetensors", ray.get(content))
    outcome = carry_out(trial, job._replace(store=store), pulse)
    made = {one: read_bytes(one) for one in (store.path(trial), weights_path(store.weights, trial))}
    return outcome, {str(path.relative_to(store.folder)): text for path, text in made.items() if text is not None}


def _versions() -> dict[str, str]:
    """What decides the bits of a trial besides itself."""
    return {"rectifiers": __version__, "torch": torch.__version__.partition("+")[0]}


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
