"""What a swap did to the outputs on the example, measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves


@dataclass(frozen=True)
class Check:
    """Outputs before and after, in evaluation mode.

    Args:
        identical: whether every number is the same.
        difference: largest difference, in units of the largest output before.
    """

    identical: bool
    difference: float

    def __str__(self) -> str:
        """In words."""
        if self.identical:
            return "outputs on the example: identical"
        return f"outputs on the example: differ by up to {self.difference:.2g} of the largest output"


def compare_outputs(before: Any, after: Any) -> Check | None:
    """Compare two results of the same structure; None where there are no numbers to compare, as on `meta`."""
    pairs = list(zip(_numbers(before), _numbers(after), strict=True))
    if not pairs or any(tensor.is_meta for pair in pairs for tensor in pair):
        return None
    if all(_same(old, new) for old, new in pairs):
        return Check(identical=True, difference=0.0)
    largest = max(float(old.double().abs().max()) for old, _ in pairs if old.numel())
    apart = max(float((old.double() - new.double()).abs().max()) for old, new in pairs if old.numel())
    return Check(identical=False, difference=apart / largest if largest else apart)


def _same(old: Tensor, new: Tensor) -> bool:
    return old.shape == new.shape and bool(((old == new) | ((old != old) & (new != new))).all())


def _numbers(result: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
