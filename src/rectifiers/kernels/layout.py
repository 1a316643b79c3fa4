"""How elements lie in memory, and the units that own parameters over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

LAYER, ELEMENT = -1, -2
"""Values of an operator's `axis` that name no dimension."""


class Layout(NamedTuple):
    """A dense tensor as outer × units × inner, in memory order.

    Args:
        outer: repetitions of all units.
        units: how many own a parameter of their own.
        inner: consecutive elements of one unit.
        order: the dimensions of a sample in memory order, if the units are its elements.
    """

    outer: int
    units: int
    inner: int
    order: tuple[int, ...] = ()


def layout_of(x: Tensor, axis: int) -> Layout:
    """The layout of a tensor that `ready` has passed."""
    if axis == ELEMENT:
        batch = x.shape[0] if x.ndim else 1
        inside = sorted(range(1, x.ndim), key=x.stride, reverse=True)
        return Layout(batch, x.numel() // max(batch, 1), 1, tuple(inside))
    order = memory_order(x)
    if axis == LAYER or axis not in order:
        return Layout(1, 1, x.numel())
    at = order.index(axis)
    sizes = [x.shape[dim] for dim in order]
    return Layout(_product(sizes[:at]), sizes[at], _product(sizes[at + 1 :]))


def ready(x: Tensor, axis: int) -> Tensor:
    """`x` itself if it is dense, and a sample in one piece where parameters need that; a copy that is otherwise."""
    if _in_pieces(x, axis):
        return x.contiguous()
    return x if is_dense(x) else torch.empty_like(x).copy_(x)


def ready_phases(x: Tensor, dim: int) -> Tensor:
    """`x` itself or a copy, dense and with a definite place of `dim` in memory."""
    return x if is_dense(x) and x.shape[dim] != 1 else x.contiguous()


def laid_out_like(x: Tensor, model: Tensor) -> Tensor:
    """`x` itself or a copy, in the memory order of `model`, which is dense."""
    return laid_out(x, model.stride())


def laid_out(x: Tensor, strides: Sequence[int]) -> Tensor:
    """`x` itself or a copy, with the strides of a dense tensor of its shape."""
    same = all(size == 1 or x.stride(dim) == strides[dim] for dim, size in enumerate(x.shape))
    return x if same else torch.empty_strided(x.shape, strides, dtype=x.dtype, device=x.device).copy_(x)


def memory_order(x: Tensor) -> list[int]:
    """Dimensions of more than one element, outermost in memory first."""
    return sorted((dim for dim in range(x.ndim) if x.shape[dim] != 1), key=x.stride, reverse=True)


def is_dense(x: Tensor) -> bool:
    """Whether the elements fill their memory without gaps or overlaps."""
    expected = 1
    for dim in reversed(memory_order(x)):
        if x.stride(dim) != expected:
            return False
        expected *= x.shape[dim]
    return True


def empty_output(x: Tensor, axis: int) -> Tensor:
    """An empty output, in the memory order of the input unless samples are not in one piece."""
    if _in_pieces(x, axis):
        return torch.empty(x.shape, dtype=x.dtype, device=x.device)
    return torch.empty_like(x)


def empty_phases(x: Tensor, dim: int) -> Tensor:
    """An empty output for a formula that doubles `dim`."""
    return empty_resized(ready_phases(x, dim), dim, 2 * x.shape[dim])


def empty_resized(x: Tensor, dim: int, size: int) -> Tensor:
    """An empty tensor in the memory order of `x`, which is dense, with another number of elements in `dim`."""
    order = list(range(x.ndim)) if x.is_contiguous() else sorted(range(x.ndim), key=x.stride, reverse=True)
    sizes = [size if other == dim else x.shape[other] for other in range(x.ndim)]
    strides, step = [0] * x.ndim, 1
    for other in reversed(order):
        strides[other] = step
        step *= max(sizes[other], 1)
    return torch.empty_strided(sizes, strides, dtype=x.dtype, device=x.device)


def _in_pieces(x: Tensor, axis: int) -> bool:
    return (
        axis == ELEMENT
        and x.ndim > 0
        and x.shape[0] != 1
        and (not x.numel() or not is_dense(x) or memory_order(x)[0] != 0)
    )


def _product(sizes: list[int]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product
