"""Trackers: where else than the results folder the numbers of runs go, for those who look at them there.

A tracker gets every result as it comes in: TensorBoard's files (`tensorboard:FOLDER`) or MLflow (`mlflow:URI`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from ..core.errors import ConfigError, UnknownNameError
from ..core.files import check_folder
from ..experiments.result import Result
from ..experiments.store import Store
from ..experiments.trial import Trial
from .progress import say

MOST = 1000
"""Metrics that MLflow takes at a time."""


class Tracker(Protocol):
    """Takes results."""

    def write(self, experiment: str, result: Result) -> None:
        """Write what one run gave."""


class TensorBoard:
    """Writes a folder of TensorBoard's per run: scores and losses per epoch, and the trial as text.

    Args:
        folder: the one that TensorBoard will show.
    """

    def __init__(self, folder: str) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ConfigError("tensorboard is not installed: pip install 'rectifiers[tensorboard]'") from None
        self._open: Callable[[str], Any] = SummaryWriter
        self.folder = check_folder(Path(folder), "the folder of tensorboard:")

    def write(self, experiment: str, result: Result) -> None:
        """Write what one run gave; what was there of it is replaced."""
        folder = self.folder / experiment / result.trial.id
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        writer = self._open(str(folder))
        writer.add_text("trial", str(result.trial))
        for step, numbers in curves(result):
            for name, value in numbers.items():
                writer.add_scalar(name, value, step)
        writer.close()


class MLflow:
    """Writes a run of MLflow per run, with the trial's settings as parameters, in the experiment of the same name.

    Args:
        uri: of the tracking server, or of its database, as MLflow takes it.
    """

    def __init__(self, uri: str) -> None:
        try:
            from mlflow.entities import Metric, Param
            from mlflow.tracking import MlflowClient
        except ImportError:
            raise ConfigError("MLflow is not installed: pip install 'rectifiers[mlflow]'") from None
        self._metric, self._param = Metric, Param
        try:
            self.client = MlflowClient(tracking_uri=uri)
            self.client.search_experiments(max_results=1)
        except Exception as error:
            raise ConfigError(f"MLflow cannot use {uri!r}: {str(error).strip().splitlines()[0]}") from None

    def write(self, experiment: str, result: Result) -> None:
        """Write what one run gave, unless it is there already."""
        found = self.client.get_experiment_by_name(experiment)
        place = found.experiment_id if found else self.client.create_experiment(experiment)
        if self.client.search_runs([place], f"tags.trial = '{result.trial.id}'", max_results=1):
            return
        run = self.client.create_run(place, run_name=str(result.trial)[:250], tags={"trial": result.trial.id})
        settings = {name: str(value)[:6000] for name, value in result.trial.settings.items()}
        params = [self._param(name, value) for name, value in settings.items()]
        metrics = [
            self._metric(name, value, 0, step) for step, numbers in curves(result) for name, value in numbers.items()
        ]
        self.client.log_batch(run.info.run_id, params=params)
        for start in range(0, len(metrics), MOST):
            self.client.log_batch(run.info.run_id, metrics=metrics[start : start + MOST])
        self.client.set_terminated(run.info.run_id, "FINISHED" if result.status == "done" else "FAILED")


TRACKERS: dict[str, Callable[[str], Tracker]] = {"mlflow": MLflow, "tensorboard": TensorBoard}
"""What makes each tracker of a place: a folder or an address."""


def curves(result: Result) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield the finite numbers of each epoch by name, with its number."""
    for epoch in result.epochs:
        numbers = {
            "loss/train": epoch.train_loss,
            "loss/validation": epoch.validation_loss,
            "loss/test": epoch.test_loss,
            f"{result.measure.name}/train": epoch.train_score,
            f"{result.measure.name}/validation": epoch.validation_score,
            f"{result.measure.name}/test": epoch.test_score,
            "lr": epoch.lr,
            "seconds": epoch.train_seconds,
        }
        known = {name: value for name, value in numbers.items() if value is not None}
        yield epoch.epoch, {name: value for name, value in known.items() if math.isfinite(value)}


class Tracking:
    """Hands results to trackers as they come into a store.

    A tracker that fails, as a server may in the middle of the night, is dropped with a warning, and the runs go on.

    Args:
        texts: `NAME:PLACE` of each tracker; one text is that of one.
        experiment: name of the experiment.
        store: where results come in.
        trials: whose results are written.

    Raises:
        ConfigError: a text has no place, or a tracker cannot be used.
        UnknownNameError: there is no such tracker.
    """

    def __init__(self, texts: Sequence[str] | str, experiment: str, store: Store, trials: Sequence[Trial]) -> None:
        self.experiment, self.store = experiment, store
        texts = [texts] if isinstance(texts, str) else texts
        self.trackers = {text: open_tracker(text) for text in texts}
        self.awaited = list(trials) if texts else []
        self.ended = -1

    def update(self, ended: int) -> None:
        """Write what is new.

        Args:
            ended: how many runs have ended so far; without change nothing is looked up.
        """
        if ended == self.ended:
            return
        self.ended = ended
        new = [trial for trial in self.awaited if self.store.has(trial)]
        self.awaited = [trial for trial in self.awaited if trial not in {*new}]
        for text, tracker in list(self.trackers.items()):
            try:
                for trial in new:
                    if (result := self.store.read(trial)) is not None:
                        tracker.write(self.experiment, result)
            except Exception as error:
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                say(f"{text} is given up: {reason}")
                del self.trackers[text]


def open_tracker(text: str) -> Tracker:
    """Open the tracker that a text names.

    Raises:
        ConfigError: the text has no place, or the tracker cannot be used.
        UnknownNameError: there is no such tracker.
    """
    name, _, place = text.partition(":")
    if name not in TRACKERS:
        raise UnknownNameError("tracker", name, TRACKERS)
    if not place:
        raise ConfigError(
            f"a tracker needs a place, such as tensorboard:FOLDER or mlflow:sqlite:///mlflow.db, got {text!r}"
        )
    return TRACKERS[name](place)
