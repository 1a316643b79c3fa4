"""Comparing a model's outputs on the example before and after a swap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core.wording import listing
from ..watching.contents import find_tensors


@dataclass(frozen=True)
class Check:
    """How the outputs after a swap differ from those before, in evaluation mode.

    Args:
        identical: whether every number is the same.
        difference: the largest difference, in units of the largest output before; NaN if no outputs could be compared.
        incomparable: why outputs could not be compared, in words; empty if all were.
    """

    identical: bool
    difference: float
    incomparable: str = ""

    def __str__(self) -> str:
        """Say it in words."""
        if self.identical:
            return "outputs on the example: identical"
        words = []
        if self.difference > 0 or not self.incomparable:
            words.append(f"differ by up to {self.difference:.2g} of the largest output")
        if self.incomparable:
            words.append(f"not comparable: {self.incomparable}")
        return f"outputs on the example: {'; '.join(words)}"


def compare_outputs(before: Any, after: Any) -> Check | None:
    """Compare two outputs of a model; None if there are no numbers to compare, as on the meta device.

    Args:
        before: tensors, alone or inside containers and objects of any kind.
        after: the outputs of the changed model.
    """
    old, new = dict(find_tensors(before)), dict(find_tensors(after))
    tensors = (*old.values(), *new.values())
    if not tensors or any(tensor.is_meta for tensor in tensors):
        return None
    reasons = [f"{_name(place)} is there only before" for place in old if place not in new]
    reasons += [f"{_name(place)} is there only after" for place in new if place not in old]
    largest, gaps = 0.0, []
    for place in (place for place in old if place in new):
        try:
            one, other = _numbers(old[place].detach()), _numbers(new[place].detach())
            if one.shape != other.shape:
                reasons.append(f"{_name(place)} has shape {_shape(one)} before and {_shape(other)} after")
                continue
            largest = max(largest, _largest(one))
            gaps.append(_gap(one, other))
        except (RuntimeError, TypeError, ValueError) as error:
            reasons.append(f"{_name(place)} cannot be read: {str(error).partition(chr(10))[0]}")
    apart = max(gaps, default=0.0)
    if not reasons and not any(gaps):
        return Check(identical=True, difference=0.0)
    difference = math.nan if not gaps else apart / largest if largest else apart
    return Check(False, difference, listing(reasons))


def _gap(one: Tensor, other: Tensor) -> float:
    """Return the largest difference; infinite where only one of the two is infinite or no number."""
    different = (one != other) & ~((one != one) & (other != other))
    if not different.any():
        return 0.0
    gap = (_wide(one[different]) - _wide(other[different])).abs().max()
    return float(gap.nan_to_num(nan=math.inf, posinf=math.inf))


def _largest(numbers: Tensor) -> float:
    sizes = _wide(numbers).abs()
    return float(torch.where(sizes.isfinite(), sizes, 0).max()) if numbers.numel() else 0.0


def _wide(numbers: Tensor) -> Tensor:
    return numbers.to(torch.complex128 if numbers.is_complex() else torch.float64)


def _numbers(tensor: Tensor) -> Tensor:
    """Return the numbers of a tensor of any layout as a plain one."""
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.is_nested:
        return torch.cat([part.reshape(-1) for part in tensor.unbind()])
    return tensor if tensor.layout is torch.strided else tensor.to_dense()


def _name(place: str) -> str:
    return f"output {place}" if place else "the output"


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "()"
