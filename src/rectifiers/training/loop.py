"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import nn
from torch.nn import functional as F

from ..core.errors import RectifiersError
from ..core.seeds import derive
from .batches import Batches
from .metrics import Epoch, evaluate


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
    factor: Callable[[float], float] = lambda epoch: 1.0,
    frozen: Iterable[nn.Module] = (),
    on_step: Callable[[int], None] = lambda step: None,
) -> Iterator[Epoch]:
    """Train `net` by cross-entropy, and yield the measurements of each epoch as it ends.

    Random numbers drawn inside the network (dropout, RReLU) come from a stream named by seed and epoch, so an
    epoch has the same bits whatever was drawn before it.

    Args:
        net: returns logits.
        optimizer: over the parameters of `net`; the rates it has now are those that `factor` multiplies.
        train: training batches; shuffled anew each epoch.
        test: evaluated after each epoch, for the record alone.
        validation: evaluated after each epoch; what choices may be based on.
        epochs: how many passes.
        seed: root of the random streams.
        factor: learning-rate factor at a time counted in epochs; asked in the middle of each step.
        frozen: modules that stay in evaluation mode.
        on_step: called with the number of steps done, before the first and after each.

    Raises:
        DivergedError: the loss is no longer finite.
    """
    rates = [group["lr"] for group in optimizer.param_groups]
    step = 0
    on_step(step)
    for epoch in range(epochs):
        torch.manual_seed(derive(seed, "noise", epoch))
        net.train()
        for module in frozen:
            module.eval()
        start, loss_sum, hits, count = time.perf_counter(), 0.0, 0, 0
        for index, (images, labels) in enumerate(train.epoch(epoch), start=1):
            scale = factor(epoch + (index - 0.5) / len(train))
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * scale
            logits = net(images)
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
            value = loss.item()
            if not math.isfinite(value):
                raise DivergedError(f"loss is {value} in epoch {epoch + 1}, step {index}")
            loss_sum += value * len(labels)
            hits += int((logits.detach().argmax(1) == labels).sum())
            count += len(labels)
            on_step(step)
        trained = time.perf_counter()
        validation_loss, validation_accuracy = evaluate(net, validation) if validation else (None, None)
        test_loss, test_accuracy = evaluate(net, test)
        yield Epoch(
            epoch=epoch + 1,
            lr=optimizer.param_groups[0]["lr"],
            train_loss=loss_sum / count,
            train_accuracy=100.0 * hits / count,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            test_loss=test_loss,
            test_accuracy=test_accuracy,
            train_seconds=trained - start,
            test_seconds=time.perf_counter() - trained,
        )
