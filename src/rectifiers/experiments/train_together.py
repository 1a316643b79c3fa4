"""How the networks of several seeds are trained as one computation: what that gives for each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..core.errors import ConfigError
from ..datasets.dataset import Dataset
from ..training.metrics import Epoch
from ..training.phases import PROBED, PhaseRecorder, first_examples
from ..training.renewal import forget
from ..training.reproducible import reproducible
from ..training.tasks import Task
from ..training.together import CHUNK, Together, evaluate_together, fit_together
from . import pulse
from .batches import TrialBatches, build_batches
from .network import build_network, count_parameters
from .train_network import describe_curve, draw_anew, sample_curves
from .training_parts import build_factor, build_optimizer, build_renewal, build_task
from .trial import Trial
from .weights import Weights, weights_of


def train_together(trials: Sequence[Trial], data: Dataset) -> list[tuple[dict[str, Any], Weights]]:
    """Train and test several trials that differ in their seeds alone.

    There are always as many networks as the trials' `together` says, and a seed always has the same place among them:
    bits may depend on both, and so they do not depend on which of the trials run now. Places of those that do not are
    filled with copies.

    Args:
        trials: of one company.
        data: their data set.

    Returns:
        For each what `train_network` gives; no checkpoints are kept.

    Raises:
        ConfigError: they are not of one company.
        UnsupportedError: their network, or the task, cannot be computed so.
    """
    first = trials[0]
    if first.company is None or len({trial.company for trial in trials}) > 1 or len(set(trials)) < len(trials):
        raise ConfigError("trials that are one computation differ in their seeds alone, and share `together`")
    by_place = {trial.seed % first.together: trial for trial in trials}
    places = [by_place.get(place, first) for place in range(first.together)]
    with reproducible(first.threads):
        return _train(trials, places, data)


def _train(trials: Sequence[Trial], places: Sequence[Trial], data: Dataset) -> list[tuple[dict[str, Any], Weights]]:
    first, size = trials[0], trials[0].batch_size
    chunks = [trial.model_copy(update={"batch_size": CHUNK * size}) for trial in places]
    batches = [build_batches(trial, data) for trial in chunks]
    together = Together([build_network(trial, data) for trial in places])
    steps = -(-len(batches[0].train.targets) // size)
    task = build_task(first, data, batches[0].train)
    optimizer, renewal = build_optimizer(first, together.model), build_renewal(first)
    runs = [_Run(trial, trial.seed % len(places), together, batches, task, steps) for trial in trials]
    training = fit_together(
        together,
        optimizer,
        train=[part.train for part in batches],
        test=[part.test for part in batches],
        size=size,
        epochs=first.epochs,
        task=task,
        factor=build_factor(first, steps),
        on_step=pulse.on_step,
    )
    for number, epochs in enumerate(training, start=1):
        last = number == first.epochs
        for run in runs:
            run.end_epoch(epochs[run.place], last=last)
        if epochs[runs[0].place] is not None:
            pulse.on_epoch(runs[0].epochs[-1])
        if renewal is not None and number % first.phase_epochs == 0 and not last:
            for place, trial in enumerate(places):
                net, phase = together.take_out(place), number // first.phase_epochs
                inputs, _ = first_examples(batches[place].train, PROBED)
                forget(optimizer, together.model, renewal(net, draw_anew(trial, data, phase), inputs), place)
                together.put_back(place)
    _measure_kept(together, task, batches, runs, lambda: pulse.on_step(steps * first.epochs))
    return [run.finish() for run in runs]


class _Run:
    """One of the trials while they run.

    Args:
        trial: the trial.
        place: of its network.
        together: the networks.
        batches: of each place.
        task: what is learned.
        steps: of an epoch.
    """

    def __init__(
        self,
        trial: Trial,
        place: int,
        together: Together,
        batches: Sequence[TrialBatches],
        task: Task,
        steps: int,
    ) -> None:
        self.place, self.together, self.task = place, together, task
        self.epochs: list[Epoch] = []
        self.diverged = False
        net, phases = together.nets[place], batches[place].phases
        self.before = sample_curves(net)
        self.phases = None if phases is None else PhaseRecorder(phases, net, task, steps)

    def end_epoch(self, epoch: Epoch | None, *, last: bool) -> None:
        """Take in an epoch; None if its loss left the finite numbers."""
        if epoch is None:
            self.diverged = True
            return
        self.epochs.append(epoch)
        # The last step can blow the network up after its loss was taken.
        self.diverged = self.diverged or (last and not math.isfinite(epoch.test_loss))
        if self.phases is not None:
            self.together.take_out(self.place)
            self.phases(self.epochs, last=last)

    def finish(self) -> tuple[dict[str, Any], Weights]:
        """Give the fields of its result, and the weights that it ends with."""
        net = self.together.take_out(self.place)
        curves = [describe_curve(name, self.before[name], after) for name, after in sample_curves(net).items()]
        outcome = {
            "status": "diverged" if self.diverged else "done",
            "measure": self.task.measure,
            "epochs": self.epochs,
            **count_parameters(net),
            "shapes": [] if self.diverged else curves,
            "trace": None,
            "phases": [] if self.phases is None else self.phases.records,
        }
        return outcome, weights_of(net)


def _measure_kept(
    together: Together,
    task: Task,
    batches: Sequence[TrialBatches],
    runs: Sequence[_Run],
    on_phase: Callable[[], None],
) -> None:
    """Measure what is left of every phase, of all networks that have not diverged at a time."""
    counts = [0 if run.phases is None or run.diverged else len(run.phases.records) for run in runs]
    for number in range(max(counts)):
        on_phase()
        for part in batches:
            if part.phases is not None:
                part.phases.enter(number)
        scores = evaluate_together(together, task, [part.test for part in batches])
        for run, count in zip(runs, counts, strict=True):
            if run.phases is not None and number < count:
                run.phases.keep(number, scores[run.place].score)
