"""How a trial's network is trained: what that gives, and the weights that it ends with."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, Literal

from torch import Tensor, nn

from ..core.errors import ConfigError
from ..core.seeds import derive
from ..datasets.dataset import Dataset
from ..training import record
from ..training.batches import TrainingBatches
from ..training.checkpoints import Checkpoints
from ..training.early_stopping import EarlyStopping, never
from ..training.frozen import freeze
from ..training.group import current
from ..training.loop import DivergedError, fit
from ..training.metrics import Epoch
from ..training.phases import PROBED, PhaseRecorder, first_examples
from ..training.renewal import forget
from ..training.reproducible import reproducible
from ..training.sharded import WholeNetwork, WholeOptimizer, distribute
from ..training.shared_norm import share_statistics
from ..training.state import Stateful
from ..training.tasks import Task
from . import pulse
from .batches import TrialBatches, build_batches
from .network import build_network, count_parameters, prepare_network
from .result import Shape, Trajectory
from .training_parts import (
    build_average,
    build_factor,
    build_mixing,
    build_optimizer,
    build_renewal,
    build_task,
    build_update,
    count_steps,
)
from .trial import Trial
from .weights import Weights, weights_of


def train_network(
    trial: Trial, data: Dataset, start: Weights | None, checkpoints: Checkpoints | None = None
) -> tuple[dict[str, Any], Weights]:
    """Train and test once.

    Args:
        trial: what to do.
        data: its data set.
        start: the weights that training starts from; None draws them.
        checkpoints: where an interrupted training goes on, and is kept while it lasts.

    Returns:
        Fields of the result, and the weights at the end. The status is `diverged`, with the epochs before, if the
        training loss, or the test loss after the last epoch, left the finite numbers.
    """
    with reproducible(trial.threads, trial.provider):
        net = prepare_network(trial, data, start)
        batches = build_batches(trial, data)
        batches_to_train = build_mixing(trial, data, batches.train)
        task = build_task(trial, data, batches.train)
        return train_given(
            trial,
            net,
            batches_to_train,
            batches,
            task,
            started=start is not None,
            checkpoints=checkpoints,
            draw=lambda phase: draw_anew(trial, data, phase),
        )


def train_given(
    trial: Trial,
    net: nn.Module,
    train: TrainingBatches,
    batches: TrialBatches,
    task: Task,
    *,
    started: bool,
    called: nn.Module | None = None,
    tested: bool = True,
    checkpoints: Checkpoints | None = None,
    draw: Callable[[int], nn.Module] | None = None,
) -> tuple[dict[str, Any], Weights]:
    """Train and test a network that is there, with batches that are there; to be called where bits are fixed.

    Args:
        trial: how to train.
        net: the network.
        train: the batches that it learns from, mixed where the trial says so.
        batches: all of its data.
        task: what it learns.
        started: whether it has learned something before, so that it is worth evaluating without training.
        called: what gives the batches to the network, which is its `model`; None for the network itself.
        tested: whether the test data are evaluated.
        checkpoints: as for `train_network`.
        draw: makes the network anew, for the end of a phase; None where no trial renews it.

    Returns:
        As `train_network`.
    """
    answering = net if called is None else called
    group = current()
    if group.size > 1:
        if batches.phases is not None:
            raise ConfigError("tasks that follow one another are trained by one process; start it without torchrun")
        share_statistics(net)
    frozen = freeze(net, trial.trained)
    steps = count_steps(trial, batches.train)
    recorder = record.Recorder(net, every=max(1, steps // trial.trace_points) if trial.trace_points else 0)
    before = sample_curves(net)
    whole, updated = net, answering
    instead: dict[str, Stateful] = {}
    if group.size > 1 and trial.parallel != "none":
        if trial.parallel == "fsdp":
            # What follows the training looks into a network whose parameters are whole.
            whole = copy.deepcopy(net)
        updated = distribute(answering, trial.parallel)
    optimizer, average = build_optimizer(trial, net), build_average(trial, answering)
    evaluated = answering if average is None else average.module
    renewal = build_renewal(trial)
    phases = None if batches.phases is None else PhaseRecorder(batches.phases, evaluated, task, steps)
    if whole is not net:
        instead = {"net": WholeNetwork(net), "optimizer": WholeOptimizer(net, optimizer)}

    def on_step(step: int) -> None:
        recorder(step)
        pulse.on_step(step)

    training = fit(
        answering,
        optimizer,
        train=train,
        validation=batches.validation,
        test=batches.test if tested else None,
        epochs=trial.epochs,
        seed=trial.seed,
        task=task,
        factor=build_factor(trial, steps),
        frozen=frozen,
        on_step=on_step,
        update=build_update(trial, updated, optimizer, task),
        accumulate=trial.accumulate,
        average=average,
        ended=EarlyStopping(trial.patience, task.measure) if trial.patience else never,
        checkpoints=checkpoints,
        also={"recorder": recorder} if phases is None else {"recorder": recorder, "phases": phases},
        instead=instead,
    )
    epochs: list[Epoch] = []
    status: Literal["done", "diverged"] = "done"
    try:
        # A network as it is first drawn has its counts, and nothing to evaluate.
        if trial.epochs or started:
            for epoch in training:
                epochs.append(epoch)
                pulse.on_epoch(epoch)
                if phases is not None:
                    ended = phases(epochs, last=len(epochs) == trial.epochs)
                    if ended and renewal is not None and draw is not None and len(epochs) < trial.epochs:
                        inputs, _ = first_examples(batches.train, PROBED)
                        forget(optimizer, net, renewal(net, draw(len(phases.records)), inputs))
    except DivergedError:
        status = "diverged"
    # The last step can blow the network up after its loss was taken.
    if epochs and not math.isfinite((epochs[-1].test_loss if tested else epochs[-1].validation_loss) or 0.0):
        status = "diverged"
    if phases is not None and status == "done":
        # Of many phases this takes longer than any step, and is not to be silent.
        phases.finish(lambda: pulse.on_step(steps * len(epochs)))
    if whole is not net:
        whole.load_state_dict(instead["net"].state_dict())
        net = whole
    if average is not None:
        net = average.module if called is None else average.module.get_submodule("model")
    shapes = [describe_curve(name, before[name], after) for name, after in sample_curves(net).items()]
    outcome = {
        "status": status,
        "measure": task.measure,
        "epochs": epochs,
        **count_parameters(net),
        "shapes": shapes if status == "done" else [],
        "phases": [] if phases is None else phases.records,
        "trace": Trajectory(steps=recorder.steps, values=recorder.values) if recorder.values else None,
    }
    return outcome, weights_of(net)


def draw_anew(trial: Trial, data: Dataset, phase: int) -> nn.Module:
    """The network of a trial, drawn from a stream of its own for each phase."""
    return build_network(trial.with_seed(derive(trial.seed, "renewal", phase) % 2**31), data)


def sample_curves(net: nn.Module) -> dict[str, Tensor]:
    """The function of every elementwise activation that learns, by layer."""
    return {name: record.curve(module) for name, module in record.learnable(net)}


def describe_curve(layer: str, before: Tensor, after: Tensor) -> Shape:
    """One layer's function before and after training, as a result keeps it."""

    def rounded(values: Tensor) -> list[float]:
        return [round(value, 4) for value in values.tolist()]

    return Shape(
        layer=layer,
        x=rounded(record.GRID),
        before=rounded(before.mean(1)),
        after=rounded(after.mean(1)),
        after_low=rounded(after.amin(1)),
        after_high=rounded(after.amax(1)),
    )
