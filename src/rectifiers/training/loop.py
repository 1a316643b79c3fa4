"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from ..core.seeds import derive
from .batches import Batches, TrainingBatches, grouped
from .checkpoints import Checkpoints, kept_when_stopped
from .devices import device_of
from .early_stopping import never
from .group import current
from .metrics import Epoch, Scores
from .progress import DivergedError as DivergedError
from .progress import Progress
from .sharded import SharedEvaluation
from .state import Noise, Stateful
from .tasks import Classification, Task
from .update import Update


def fit(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    train: TrainingBatches,
    test: Batches | None,
    validation: Batches | None = None,
    epochs: int,
    seed: int,
    task: Task | None = None,
    factor: Callable[[float], float] = lambda epoch: 1.0,
    frozen: Iterable[nn.Module] = (),
    on_step: Callable[[int], None] = lambda step: None,
    update: Update | None = None,
    accumulate: int = 1,
    average: AveragedModel | None = None,
    ended: Callable[[Sequence[Epoch]], bool] = never,
    checkpoints: Checkpoints | None = None,
    also: Mapping[str, Stateful] = MappingProxyType({}),
    instead: Mapping[str, Stateful] = MappingProxyType({}),
) -> Iterator[Epoch]:
    """Train `net`, and yield the measurements of each epoch as it ends.

    Random numbers drawn inside the network (dropout, RReLU) come from a stream named by seed and epoch, so an
    epoch has the same bits whatever was drawn before it.

    Args:
        net: returns what the task's loss takes, such as logits.
        optimizer: over the parameters of `net`; the rates it has now are those that `factor` multiplies.
        train: training batches; reshuffled each epoch.
        test: evaluated after each epoch, for the record alone; None leaves it out, and its numbers NaN.
        validation: evaluated after each epoch; what choices may be based on.
        epochs: how many passes; 0 evaluates alone.
        seed: root of the random streams.
        task: what is learned; None takes classification.
        factor: learning-rate factor at a time counted in epochs; asked in the middle of each step.
        frozen: modules that stay in evaluation mode.
        on_step: called with the number of steps done, before the first and after each; may stop the training by an
            exception.
        update: takes a step on the batches that it is given; None takes a plain one.
        accumulate: batches for each step; the last step of an epoch has what is left.
        average: follows `net` step by step, and is evaluated in its place.
        ended: asked after each epoch whether the training ends early.
        checkpoints: where a training goes on that was interrupted, with the same bits, and where it is kept: from time
            to time, and when `on_step` stops it. The epochs before are yielded again.
        also: what checkpoints hold besides the training, by name.
        instead: what remembers `net` and `optimizer` for them, where these do not do it themselves.

    Raises:
        DivergedError: the loss is no longer finite.
    """
    task = task or Classification()
    update = update or Update(net, optimizer, task)
    processes = current()
    evaluated = net if average is None else average.module
    if processes.size > 1:
        evaluated = SharedEvaluation(evaluated, processes)
    if epochs == 0:
        yield evaluate([evaluated], task, test, validation)
    rates = [group["lr"] for group in optimizer.param_groups]
    steps = -(-len(train) // accumulate)
    progress = Progress()
    things = {"net": net, "optimizer": optimizer, "update": update, "train": train, "average": average, **instead}
    parts = {name: thing for name, thing in things.items() if isinstance(thing, Stateful)}
    parts |= {"progress": progress, **also, "noise": Noise(device_of(net))}
    if checkpoints is not None and checkpoints.resume(parts):
        yield from progress.epochs
    else:
        on_step(0)
    while (epoch := len(progress.epochs)) < epochs and not ended(progress.epochs):
        if not progress.steps:
            torch.manual_seed(derive(seed, "noise", epoch, *([] if processes.is_first else [processes.rank])))
        net.train()
        for module in frozen:
            module.eval()
        start = time.perf_counter()
        for batches in grouped(train.epoch(epoch, progress.steps * accumulate), accumulate):
            scale = factor(epoch + (progress.steps + 0.5) / steps)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * scale
            for answer in update(batches):
                progress.add(task, answer)
            if average is not None:
                average.update_parameters(net)
            progress.steps += 1
            progress.seconds += time.perf_counter() - start
            with kept_when_stopped(checkpoints, epoch * steps + progress.steps, parts):
                on_step(epoch * steps + progress.steps)
            start = time.perf_counter()
        sums = progress.sums()
        progress.epochs.append(
            Epoch(
                epoch=epoch + 1,
                lr=optimizer.param_groups[0]["lr"],
                train_loss=sums["loss"] / sums["count"],
                train_accuracy=task.score(sums["tally"]),
                train_seconds=progress.seconds,
                **_measure([evaluated], task, test, validation),
            )
        )
        progress.start_epoch()
        yield progress.epochs[-1]


def evaluate(nets: Sequence[nn.Module], task: Task, test: Batches | None, validation: Batches | None = None) -> Epoch:
    """Measure networks without training them; of several, the mean of their answers."""
    return Epoch(
        epoch=0,
        lr=0.0,
        train_loss=math.nan,
        train_accuracy=math.nan,
        train_seconds=0.0,
        **_measure(nets, task, test, validation),
    )


def _measure(nets: Sequence[nn.Module], task: Task, test: Batches | None, validation: Batches | None) -> dict[str, Any]:
    """The part of an epoch that is evaluated."""
    start = time.perf_counter()
    held_out = None if validation is None else task.evaluate(nets, validation)
    tested = Scores(math.nan, math.nan) if test is None else task.evaluate(nets, test)
    return {
        "validation_loss": None if held_out is None else held_out.loss,
        "validation_accuracy": None if held_out is None else held_out.score,
        "test_loss": tested.loss,
        "test_accuracy": tested.score,
        "test_top5": tested.top5,
        "test_seconds": time.perf_counter() - start,
    }
