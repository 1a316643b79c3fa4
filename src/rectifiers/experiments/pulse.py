"""The pulse of a training: what it tells the process that watches it, and how it is asked to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..training.metrics import Epoch

OFTEN = 1.0
"""Seconds between two words."""
UNKNOWN = 3600.0
"""Seconds that may pass without a step while nothing was measured: data are read, the first epoch is evaluated."""
LEAST = 120.0
"""Seconds that may pass without a step at least."""
STEPS, EVALUATIONS = 100, 20
"""How many of the slowest steps, and of the slowest evaluations, may pass without a word."""
ROOM = 3600.0
"""Seconds that a full disk is waited for."""
RETRY = 2.0


class StoppedError(Exception):
    """A training was asked to stop, and did at its next step."""


class Pulse:
    """What a watched process tells of its training.

    Args:
        tell: takes a word and its value: `beat` and `epoch` with the seconds of silence that may follow, `waiting` with
            the reason.
    """

    def __init__(self, tell: Callable[[str, Any], None]) -> None:
        self.tell = tell
        self.stopping = False
        self._stepped = False
        """Whether there was a step since the last epoch."""
        self._told = self._last = time.monotonic()
        self._slowest_step = self._slowest_evaluation = 0.0
        self._patience = UNKNOWN

    def on_step(self, step: int) -> None:
        """Note that a step was done.

        Raises:
            StoppedError: the training shall stop.
        """
        if self.stopping:
            raise StoppedError
        now = time.monotonic()
        if step:
            self._stepped = True
            self._slowest_step = max(self._slowest_step, now - self._last)
        else:
            self.begin_anew()
        self._last = now
        if now - self._told > OFTEN:
            self._told = now
            self.tell("beat", (step, self._patience))

    def begin_anew(self) -> None:
        """Forget how fast another training was: that of another trial, or of what this one starts from."""
        self._stepped = False
        self._slowest_step = self._slowest_evaluation = 0.0
        if self._patience != UNKNOWN:
            self._patience = UNKNOWN
            self._told = -math.inf  # it is told at once

    def on_epoch(self, epoch: Epoch) -> None:
        """Note that an epoch was evaluated; one that a checkpoint recalls, without a step before it, is not told."""
        now = time.monotonic()
        before, self._last = self._last, now
        if not self._stepped:
            return
        self._stepped = False
        self._slowest_evaluation = max(self._slowest_evaluation, now - before)
        self._patience = max(LEAST, STEPS * self._slowest_step, EVALUATIONS * self._slowest_evaluation)
        if now - self._told > OFTEN or epoch.epoch == 1:
            self._told = now
            self.tell("epoch", (epoch.epoch, epoch.test_accuracy, self._patience))

    def wait(self, reason: str) -> None:
        """Say why nothing goes on, and wait a little.

        Raises:
            StoppedError: the training shall stop.
        """
        self.tell("waiting", reason)
        for _ in range(round(RETRY / 0.1)):
            if self.stopping:
                raise StoppedError
            time.sleep(0.1)


_current: Pulse | None = None


@contextmanager
def watched(pulse: Pulse | None) -> Iterator[None]:
    """Let trainings in this process be watched by `pulse`; by nobody if there is none."""
    global _current
    before, _current = _current, pulse
    if pulse is not None:
        pulse.begin_anew()
    try:
        yield
    finally:
        _current = before


def on_step(step: int) -> None:
    """Tell whoever watches that a step was done.

    Raises:
        StoppedError: the training shall stop.
    """
    if _current is not None:
        _current.on_step(step)


def on_epoch(epoch: Epoch) -> None:
    """Tell whoever watches that an epoch was evaluated."""
    if _current is not None:
        _current.on_epoch(epoch)


def wait(reason: str) -> None:
    """Tell whoever watches why nothing goes on, and wait a little.

    Raises:
        StoppedError: the training shall stop.
    """
    if _current is not None:
        _current.wait(reason)


def wait_for_room(reason: str, since: float) -> bool:
    """Wait a little for room on a disk, where somebody watches who is told; False if that is pointless.

    Args:
        reason: what is full.
        since: when the waiting began, in seconds of `time.monotonic`.

    Raises:
        StoppedError: the training shall stop.
    """
    if _current is None or time.monotonic() - since > ROOM:
        return False
    _current.wait(reason)
    return True
