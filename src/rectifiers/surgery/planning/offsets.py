"""How a constant that is taken away from values travels: which ops pass it on, and which layers can take it over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.padding import _ConstantPadNd

from ...watching.kinds import own_kind, spec_of
from ...watching.sites import Site, reader_name
from ...watching.trace import Op, Trace, Value
from ..edits.absorb import is_inputs_first
from .channels import CASTS, CONCATENATIONS, DROPOUTS, SPATIAL, combination
from .follow import Blocked, Effect, argument, operands, own_layer
from .moves import find_line, is_move, move, number_channels

_UNEVEN = "pads with zeros, and the constants that would have to take their place are not the same for all channels"
_SUMS = frozenset(("add", "sub", "subtract"))


@dataclass(frozen=True)
class Offset:
    """What is missing from a value, for each of its channels.

    Args:
        dim: dimension of the channels, from 0.
        values: one number per channel.
        pad: what a convolution has to pad with instead of zeros; None where it pads with nothing.
        moved: while channels are in several dimensions, the value with that dimension, and what moves made of it.
    """

    dim: int
    values: tuple[float, ...]
    pad: float | None = None
    moved: tuple[int, ...] = ()

    @property
    def even(self) -> bool:
        """Whether it is the same for all channels."""
        return len(set(self.values)) == 1

    def along(self, dim: int, size: int) -> Offset | None:
        """The same by the entries of another dimension; None if it differs between the channels of its own."""
        if self.even:
            return replace(self, dim=dim, values=self.values[:1] * size)
        return self if dim == self.dim else None


class Offsets:
    """The rule of missing constants, for `follow_sites`.

    Args:
        offsets: what is missing after each site, by its index.
    """

    def __init__(self, offsets: Mapping[int, Offset]) -> None:
        self.offsets = offsets

    def start(self, site: Site, op: Op, given: Offset | None) -> Offset:
        """Return what is missing after a site."""
        if given is not None:
            raise Blocked("it reads values with an offset of another site, and is not linear")
        return self.offsets[site.index]

    def follow(self, trace: Trace, op: Op, given: Mapping[int, Offset]) -> Effect[Offset]:
        """Return what is missing after an op, or which layer takes it over."""
        name = op.name.strip("_")
        arithmetic = name.removeprefix("i").removeprefix("r")
        value, offset = next(iter(given.items()))
        apart = next((one for one in given.values() if one.moved), None)
        if apart is not None and not is_move(op):
            maker = trace.producer[apart.moved[-1]]
            raise Blocked(f"{reader_name(trace, maker)} does not keep the channels together")
        if _writes_over(op) and any(_has_views(trace, op, written) for written in operands(op)[:1]):
            raise Blocked(f"{reader_name(trace, op)} writes over values of which others see a part")
        inside = any(own_kind(frame.module) is not None for frame in op.stack) or spec_of(op.module) is not None
        if op.outputs and not inside:
            if name in CONCATENATIONS:
                return Effect(_concatenate(trace, op, given))
            if arithmetic in _SUMS and not op.kwargs:
                return Effect(_add(trace, op, given, -1.0 if arithmetic != "add" else 1.0))
            if arithmetic in ("mul", "multiply", "div", "truediv", "true_divide"):
                return Effect(_scale(trace, op, offset, arithmetic))
            if len(given) == 1 and operands(op)[:1] == [value]:
                rank = len(trace.shapes[value])
                if name.startswith(("conv", "linear")):
                    return _read(trace, op, offset, value)
                if name == "batch_norm" and isinstance(op.module, _BatchNorm):
                    if op.module.running_mean is None:
                        return Effect()
                    return Effect(layer=own_layer(trace, op, (value,)), input=_channels(trace, op, offset, value, 1))
                if name in CASTS | DROPOUTS:
                    return Effect(offset)
                if name in SPATIAL and _keeps_constants(op, name):
                    return Effect(_channels(trace, op, offset, value, _channel_dim(name, rank)))
                if name == "pad" and argument(op, 2, "mode", "constant") != "constant":
                    sizes: Any = argument(op, 1, "pad", ())
                    return Effect(_channels(trace, op, offset, value, rank - len(sizes) // 2 - 1))
                if name == "pad" and isinstance(op.module, _ConstantPadNd):
                    return _pad(trace, op, offset)
                if name == "mean":
                    return Effect(_average(trace, op, offset, rank))
                if is_move(op):
                    return Effect(each=_move(trace, op, offset))
            if name == "addmm" and operands(op)[1:2] == [value] and is_inputs_first(op.module):
                layer = own_layer(trace, op, (value,))
                return Effect(layer=layer, input=_channels(trace, op, offset, value, 1))
        raise Blocked(f"{reader_name(trace, op)} reads its values, and cannot take over a constant")


def _writes_over(op: Op) -> bool:
    """Whether an op changes the numbers of its first argument: `mul_`, `x *= 2`, `x[0] = 1`."""
    name = str(getattr(op.func, "__name__", ""))
    in_place = name.startswith("__i") if name.startswith("__") else name.endswith("_")
    return (in_place or name == "__setitem__") and not is_move(op)


def _has_views(trace: Trace, op: Op, value: int) -> bool:
    """Whether something else reads a part of a value that an op writes over, or what the value is a part of."""
    if any(is_move(reader) for reader in trace.consumers[value] if reader is not op):
        return True
    while (maker := trace.producer.get(value)) is not None and is_move(maker):
        value = maker.inputs[0]
        if len(trace.consumers[value]) > 1:
            return True
    return False


def _read(trace: Trace, op: Op, offset: Offset, value: int) -> Effect[Offset]:
    layer, rank = op.module, len(trace.shapes[value])
    if isinstance(layer, _ConvTransposeNd):
        raise Blocked(f"{reader_name(trace, op)} spreads its values, and does not make a constant of a constant")
    if isinstance(layer, nn.Linear):
        dim = rank - 1
    elif isinstance(layer, _ConvNd):
        dim = rank - 1 - len(layer.kernel_size)
    else:
        raise Blocked(f"{reader_name(trace, op)} is neither a linear layer nor a convolution of PyTorch's own")
    offset = _channels(trace, op, offset, value, dim)
    if isinstance(layer, _ConvNd) and layer.padding_mode == "zeros" and any(layer._reversed_padding_repeated_twice):
        if not offset.even:
            raise Blocked(f"{reader_name(trace, op)} {_UNEVEN}")
        offset = replace(offset, pad=-offset.values[0])
    return Effect(layer=own_layer(trace, op, (value,)), input=offset)


def _channels(trace: Trace, op: Op, offset: Offset, value: int, dim: int) -> Offset:
    """Return the constants by the entries of the dimension that an op takes for the channels of a value."""
    found = offset.along(dim, trace.shapes[value][dim])
    if found is None:
        raise Blocked(f"{reader_name(trace, op)} reads its channels as dimension {offset.dim}, not as channels")
    return found


def _channel_dim(name: str, rank: int) -> int:
    """Return the dimension that a pooling or interpolation leaves alone."""
    return 1 if name == "interpolate" else rank - 1 - next(int(digit) for digit in name if digit.isdigit())


def _pad(trace: Trace, op: Op, offset: Offset) -> Effect[Offset]:
    """Let a module that pads with a number pad with what that number lacks, so that the same is missing everywhere."""
    if not offset.even:
        raise Blocked(f"{reader_name(trace, op)} {_UNEVEN}")
    padded = offset.along(offset.dim, trace.shapes[op.outputs[0]][offset.dim])
    return Effect(padded, op.module, offset)


def _keeps_constants(op: Op, name: str) -> bool:
    """Return whether a pooling or interpolation makes a constant of a constant: not if it counts zeros around it."""
    if name.startswith("lp_pool"):
        return False
    if not name.startswith("avg_pool"):
        return True
    padding: Any = argument(op, 3, "padding", 0)
    sides = padding if isinstance(padding, tuple) else (padding,)
    divided = argument(op, 6, "divisor_override")
    return divided is None and (not any(sides) or argument(op, 5, "count_include_pad", True) is False)


def _add(trace: Trace, op: Op, given: Mapping[int, Offset], sign: float) -> Offset:
    """Follow constants through a sum or a difference of tensors of the same shape, or of a tensor and a number."""
    shape = trace.shapes[op.outputs[0]]
    flipped = op.name.strip("_").startswith("r")
    total: list[float] | None = None
    dim = next(iter(given.values())).dim
    for position, arg in enumerate(op.args[:2]):
        offset = given.get(arg.number) if isinstance(arg, Value) else None
        if offset is None:
            continue
        if trace.shapes[arg.number] != shape or offset.dim != dim:
            raise Blocked(f"{combination(trace, op)} is of values of different shapes")
        factor = sign if (position == 1) != flipped else 1.0
        moved = [factor * number for number in offset.values]
        total = moved if total is None else [one + other for one, other in zip(total, moved, strict=True)]
    if total is None or len(op.args) > 2:
        raise Blocked(f"{combination(trace, op)} reads its values, and cannot take over a constant")
    return Offset(dim, tuple(total))


def _scale(trace: Trace, op: Op, offset: Offset, name: str) -> Offset:
    """Follow constants through a product with a number, or a quotient by one."""
    numbers = [arg for arg in op.args if isinstance(arg, (int, float)) and not isinstance(arg, bool)]
    if len(op.args) != 2 or len(numbers) != 1 or op.kwargs:
        raise Blocked(f"{combination(trace, op)} multiplies its values by others, as a gate does")
    if name not in ("mul", "multiply") and (op.name.strip("_").startswith("r") or not isinstance(op.args[0], Value)):
        raise Blocked(f"{combination(trace, op)} divides by its values")
    factor = float(numbers[0]) if name in ("mul", "multiply") else 1 / float(numbers[0])
    return replace(offset, values=tuple(factor * number for number in offset.values))


def _concatenate(trace: Trace, op: Op, given: Mapping[int, Offset]) -> Offset:
    parts: Any = argument(op, 0, "tensors")
    numbers = [part.number for part in parts if isinstance(part, Value)]
    shape = trace.shapes[op.outputs[0]]
    along: Any = argument(op, 1, "dim", op.kwargs.get("axis", 0))
    dim = next(iter(given.values())).dim
    if any(offset.dim != dim for offset in given.values()):
        raise Blocked(f"{reader_name(trace, op)} concatenates channels in different dimensions")
    none = [Offset(dim, (0.0,) * trace.shapes[number][dim]) for number in numbers]
    offsets = [given.get(number, empty) for number, empty in zip(numbers, none, strict=True)]
    if along % len(shape) == dim:
        return Offset(dim, tuple(value for offset in offsets for value in offset.values))
    if len(set(offsets)) > 1:
        raise Blocked(f"{reader_name(trace, op)} concatenates values with and without an offset")
    return offsets[0]


def _average(trace: Trace, op: Op, offset: Offset, rank: int) -> Offset:
    dims = argument(op, 1, "dim", op.kwargs.get("axis"))
    over = dims if isinstance(dims, tuple) else (dims,) if isinstance(dims, int) else range(rank)
    reduced = {dim % rank for dim in over}
    if offset.dim in reduced:
        raise Blocked(f"{reader_name(trace, op)} takes the mean over the channels")
    keeps_rank = len(trace.shapes[op.outputs[0]]) == rank
    return offset if keeps_rank else replace(offset, dim=offset.dim - sum(dim < offset.dim for dim in reduced))


def _move(trace: Trace, op: Op, offset: Offset) -> dict[int, Offset]:
    """Follow constants through an op that only moves values; an output from which nothing is missing is left out.

    Channels may come into several dimensions for a while, as in a shuffle of channels.
    """
    constants = list(dict.fromkeys(offset.values))
    known = {constant: index for index, constant in enumerate(constants)}
    numbers = torch.tensor([known[constant] for constant in offset.values])
    values = offset.moved or op.inputs
    there = number_channels(trace.shapes[values[0]], offset.dim, numbers)
    for value in values[1:]:
        there = move(trace, trace.producer[value], there)[value]
    offsets = {}
    for value, part in move(trace, op, there).items():
        line = find_line(part, offset.dim)
        if line is None:
            offsets[value] = replace(offset, moved=(*values, value))
            continue
        dim, along = line
        missing = tuple(constants[index] for index in along.tolist())
        if any(missing):
            offsets[value] = Offset(dim, missing)
    return offsets
