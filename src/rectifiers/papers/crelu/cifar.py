"""What Tables 1 and 2 share: the three ways of counting a network's errors on CIFAR."""

from __future__ import annotations

from ...experiments.experiment import Arm

CIFAR10 = Arm("CIFAR-10", {"dataset": "cifar10"})
CIFAR100 = Arm("CIFAR-100", {"dataset": "cifar100"})


def columns(*kinds: str) -> tuple[Arm, ...]:
    """Both data sets under each way of counting.

    Args:
        kinds: "Single test", "Average", "Vote" and the like.
    """
    return tuple(Arm(f"{data.label} {kind}", data.settings) for data in (CIFAR10, CIFAR100) for kind in kinds)


COUNTED = (
    "Single: trained with some images held out, then from the start on all images until the loss on those is the "
    "same. The paper does not say how many are held out; ours are 10,000.",
    "Average: mean and standard error of ten networks, each trained without one of ten folds. Vote: the mean of their "
    "scores. The paper does not say how the folds were drawn.",
)

NEEDS = ("augmentation", "Single, Average and Vote over folds")
