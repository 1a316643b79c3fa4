"""What Tables 1 to 3 share: the ways of counting a network's errors on CIFAR."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm, Column

CIFAR10 = Arm("CIFAR-10", {"dataset": "cifar10"})
CIFAR100 = Arm("CIFAR-100", {"dataset": "cifar100"})

FOLDS = 10

AVERAGE: dict[str, Any] = {"folds": FOLDS}
VOTE: dict[str, Any] = {"folds": FOLDS, "vote": FOLDS}

KINDS: dict[str, dict[str, Any]] = {"Single": {}, "Single test": {}, "Average": AVERAGE, "Vote": VOTE}


def columns(*kinds: str) -> tuple[Arm, ...]:
    """Make a column for each data set and way of counting.

    Args:
        kinds: ways of counting, such as "Single test", "Average" or "Vote".
    """
    return tuple(_column(data, kind) for data in (CIFAR10, CIFAR100) for kind in kinds)


def _column(data: Arm, kind: str) -> Arm:
    label = f"{data.label} {kind}"
    if kind == "Single train":
        return Column(label, data.settings, metric="final_train")
    return Arm(label, {**data.settings, **KINDS[kind]})


COUNTING = (
    "Single: the paper trains with some images held out, then once more from scratch on all images until the loss on "
    "those held out is the same. Ours trains on all images for the whole schedule, and shows the mean of ten such "
    "networks.",
    "Average: the mean of ten networks, each trained without one of ten folds; the paper gives its standard error, "
    "ours a t-interval. Vote: the mean of their probabilities. The paper does not say how the folds were drawn.",
)
