"""Functions that put values in other places, or take some of them, and change none: where channels are afterwards."""

from __future__ import annotations

import torch
from torch import Tensor

from ...watching.sites import reader_name
from ...watching.trace import Op, Trace
from .channels import RESHAPES
from .follow import Blocked

MOVES = RESHAPES | {"permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "T", "mT"}
MOVES |= {"chunk", "split", "tensor_split", "unbind", "getitem", "narrow", "select", "clone", "contiguous", "detach"}
MOVES |= {"expand", "flip", "roll", "unflatten", "channel_shuffle", "pixel_shuffle", "pixel_unshuffle"}
"""Their names."""


def is_move(op: Op) -> bool:
    """Whether an op only moves the values of its first argument, by numbers that do not depend on values."""
    return op.name.strip("_") in MOVES and len(op.inputs) == 1


def number_channels(shape: tuple[int, ...], dim: int, numbers: Tensor) -> Tensor:
    """Make a tensor that holds the number of its channel everywhere.

    Args:
        shape: of the tensor.
        dim: dimension of the channels.
        numbers: of the channels.

    Raises:
        Blocked: samples differ in length.

    Example:
        >>> number_channels((2, 3), 1, torch.arange(3))
        tensor([[0, 1, 2],
                [0, 1, 2]])
    """
    if not all(isinstance(size, int) for size in shape):
        raise Blocked("its samples differ in length")
    return numbers.reshape(-1, *(1 for _ in shape[dim + 1 :])).expand(shape).clone()


def move(trace: Trace, op: Op, there: Tensor) -> dict[int, Tensor]:
    """Let an op move other values than it did.

    Args:
        trace: the trace of the op.
        op: one for which `is_move` holds.
        there: the values, of the shape that it got.

    Returns:
        Where they are, by the op's outputs.

    Raises:
        Blocked: it cannot be done again.
    """
    again = Blocked(f"{reader_name(trace, op)} moves its values in a way that cannot be followed")
    try:
        # A view that these strides allow, contiguous values allow too.
        moved = op.func(there.contiguous(), *op.args[1:], **op.kwargs)
    except Exception:  # whatever an op raises on arguments that a trace keeps in another form, such as lists
        raise again from None
    parts = dict(zip(op.outputs, moved if isinstance(moved, (list, tuple)) else (moved,), strict=True))
    if any(tuple(part.shape) != trace.shapes[value] for value, part in parts.items()):
        raise again
    return parts


def find_line(values: Tensor, preferred: int) -> tuple[int, Tensor] | None:
    """Find the dimension along which alone a tensor changes, and its values there.

    Args:
        values: the tensor.
        preferred: what is returned of several dimensions, if the tensor changes along none.

    Returns:
        The dimension and the values; None if it changes along several.

    Example:
        >>> find_line(torch.tensor([[5, 5], [7, 7]]), 1)
        (0, tensor([5, 7]))
    """
    if not values.dim() or not values.numel():
        return None
    for dim in dict.fromkeys((min(preferred, values.dim() - 1), *range(values.dim()))):
        line = values.movedim(dim, -1).reshape(-1, values.shape[dim])[0]
        if torch.equal(values, number_channels(tuple(values.shape), dim, line)):
            return dim, line
    return None
