"""When training ends before its last epoch."""

from __future__ import annotations

from collections.abc import Sequence

from .metrics import Epoch, Measure


class EarlyStopping:
    """End a training that no longer gets better on validation data.

    Args:
        patience: epochs without a better score after which it ends.
        measure: what the score tells.

    Example:
        >>> stop = EarlyStopping(2, Measure("accuracy", "%"))
        >>> [stop.counts([50.0, 60.0, 60.0, *more]) for more in ([], [59.0], [61.0])]
        [False, True, False]
    """

    def __init__(self, patience: int, measure: Measure) -> None:
        self.patience, self.measure = patience, measure

    def __call__(self, epochs: Sequence[Epoch]) -> bool:
        """Whether to end after these epochs."""
        return self.counts([one.validation_score for one in epochs if one.validation_score is not None])

    def counts(self, scores: Sequence[float]) -> bool:
        """Whether the best of these scores is too long ago."""
        return bool(scores) and len(scores) - 1 - self.measure.best(scores) >= self.patience


def never(epochs: Sequence[Epoch]) -> bool:
    """No training ends early."""
    return False
