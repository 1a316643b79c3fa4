"""The steps that both trained nets take alike: a training, and the fold after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

import rectifiers


def descend(
    net: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimizer: Optimizer,
    schedule: LRScheduler,
    annealing: rectifiers.surgery.Annealing | None,
) -> None:
    """Train a classifier, which is in evaluation mode afterwards.

    Args:
        net: the classifier.
        batches: what it is called with, and labels.
        optimizer: of its parameters.
        schedule: of the rates, a step for each batch.
        annealing: what its functions are annealed by, with distillation; None if they are not.
    """
    net.train()
    for x, labels in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), labels)
        if annealing is not None:
            loss = loss + annealing.distillation(x)
        loss.backward()
        optimizer.step()
        schedule.step()
        if annealing is not None:
            annealing.step()
    if annealing is not None:
        annealing.finish()
    net.eval()


def fold(net: nn.Module, example: Any, accuracy: Callable[[], float]) -> dict[str, Any]:
    """Fold a classifier; return how many functions were folded and left, what it changed, and the accuracy after it.

    Args:
        net: the classifier.
        example: what it is called with.
        accuracy: measures it.
    """
    report = rectifiers.fold(net, example)
    assert report.check is not None
    return {
        "folded": len(report.plan.changes),
        "left": len(report.plan.left),
        "difference": report.check.difference,
        "after": accuracy(),
    }
