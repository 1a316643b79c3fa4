"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

from ..core.errors import RectifiersError
from ..core.seeds import derive
from .batches import Batches
from .metrics import Epoch
from .tasks import Classification, Task


class DivergedError(RectifiersError):
    """The training loss became NaN or infinite."""


def fit(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    train: Batches,
    test: Batches,
    validation: Batches | None = None,
    epochs: int,
    seed: int,
    task: Task | None = None,
    factor: Callable[[float], float] = lambda epoch: 1.0,
    frozen: Iterable[nn.Module] = (),
    on_step: Callable[[int], None] = lambda step: None,
) -> Iterator[Epoch]:
    """Train `net`, and yield the measurements of each epoch as it ends.

    Random numbers drawn inside the network (dropout, RReLU) come from a stream named by seed and epoch, so an
    epoch has the same bits whatever was drawn before it.

    Args:
        net: returns what the task's loss takes, such as logits.
        optimizer: over the parameters of `net`; the rates it has now are those that `factor` multiplies.
        train: training batches; reshuffled each epoch.
        test: evaluated after each epoch, for the record alone.
        validation: evaluated after each epoch; what choices may be based on.
        epochs: how many passes; 0 evaluates alone.
        seed: root of the random streams.
        task: what is learned; None takes classification.
        factor: learning-rate factor at a time counted in epochs; asked in the middle of each step.
        frozen: modules that stay in evaluation mode.
        on_step: called with the number of steps done, before the first and after each.

    Raises:
        DivergedError: the loss is no longer finite.
    """
    task = task or Classification()
    if epochs == 0:
        yield evaluate([net], task, test, validation)
    rates = [group["lr"] for group in optimizer.param_groups]
    step = 0
    on_step(step)
    for epoch in range(epochs):
        torch.manual_seed(derive(seed, "noise", epoch))
        net.train()
        for module in frozen:
            module.eval()
        start, loss_sum, count, tally = time.perf_counter(), 0.0, 0, torch.zeros(())
        for index, (images, labels) in enumerate(train.epoch(epoch), start=1):
            scale = factor(epoch + (index - 0.5) / len(train))
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * scale
            logits = net(images)
            loss = task.loss(logits, labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
            value = loss.item()
            if not math.isfinite(value):
                raise DivergedError(f"loss is {value} in epoch {epoch + 1}, step {index}")
            loss_sum += value * len(labels)
            count += len(labels)
            tally = tally + task.tally(logits.detach(), labels)
            on_step(step)
        trained = time.perf_counter()
        yield Epoch(
            epoch=epoch + 1,
            lr=optimizer.param_groups[0]["lr"],
            train_loss=loss_sum / count,
            train_accuracy=task.score(tally),
            train_seconds=trained - start,
            **_measure([net], task, test, validation),
        )


def evaluate(nets: Sequence[nn.Module], task: Task, test: Batches, validation: Batches | None = None) -> Epoch:
    """Measure networks without training them; of several, the mean of their answers."""
    return Epoch(
        epoch=0,
        lr=0.0,
        train_loss=math.nan,
        train_accuracy=math.nan,
        train_seconds=0.0,
        **_measure(nets, task, test, validation),
    )


def _measure(nets: Sequence[nn.Module], task: Task, test: Batches, validation: Batches | None) -> dict[str, Any]:
    """The part of an epoch that is evaluated."""
    start = time.perf_counter()
    held_out = None if validation is None else task.evaluate(nets, validation)
    tested = task.evaluate(nets, test)
    return {
        "validation_loss": None if held_out is None else held_out.loss,
        "validation_accuracy": None if held_out is None else held_out.score,
        "test_loss": tested.loss,
        "test_accuracy": tested.score,
        "test_top5": tested.top5,
        "test_seconds": time.perf_counter() - start,
    }
