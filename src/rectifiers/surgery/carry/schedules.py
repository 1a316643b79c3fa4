"""Learning rate schedules of an optimizer that gets one more group.

A scheduler keeps one number or function for every group of its optimizer, and fails when there are more groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ...core.errors import ConfigError
from ..edits.edit import Undo

Schedulers = LRScheduler | Iterable[LRScheduler]

RATES = ("lr", "initial_lr", "max_lr", "min_lr", "swa_lr")
"""Options of a group that are learning rates; all but the first are some scheduler's."""

_RATE_LISTS = ("base_lrs", "max_lrs", "min_lrs", "_last_lr")
_OTHER_LISTS = ("lr_lambdas", "base_momentums", "max_momentums")


def all_of(schedulers: Schedulers | None, optimizer: Optimizer) -> list[LRScheduler]:
    """The schedulers, and those that they are made of.

    Raises:
        ConfigError: one of them drives another optimizer.
    """
    given = [schedulers] if isinstance(schedulers, LRScheduler) else list(schedulers or ())
    found = [inner for scheduler in given for inner in _unfold(scheduler)]
    for scheduler in found:
        if scheduler.optimizer is not optimizer:
            raise ConfigError(f"the {type(scheduler).__name__} drives another optimizer than the one given")
    return found


def is_scheduled(optimizer: Optimizer) -> bool:
    """Whether a scheduler was made for `optimizer`."""
    return hasattr(optimizer.step, "_wrapped_by_lr_sched")


def extend(scheduler: LRScheduler, groups: int, rate: Callable[[Any], Any]) -> Undo:
    """Schedule a new group like the first one; returns the undoing.

    Args:
        scheduler: one that does not hold others.
        groups: how many groups there were.
        rate: makes a learning rate of the new group from that of the first.
    """
    grown = []
    for name in (*_RATE_LISTS, *_OTHER_LISTS):
        values = vars(scheduler).get(name)
        if isinstance(values, list) and len(values) == groups:
            values.append(rate(values[0]) if name in _RATE_LISTS else values[0])
            grown.append(name)

    def undo() -> None:
        for name in grown:
            # A slice, for schedulers inside others may share a list.
            del vars(scheduler)[name][groups : groups + 1]

    return undo


def _unfold(scheduler: LRScheduler) -> Iterator[LRScheduler]:
    yield scheduler
    for inner in vars(scheduler).get("_schedulers", ()):
        yield from _unfold(inner)
