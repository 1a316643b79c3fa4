"""Finds the layer in front of a function that takes over its gain and threshold."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from ...watching.kinds import spec_of
from ...watching.sites import reader_name
from ...watching.trace import Op, Trace
from ..edits.absorb import is_inputs_first
from .follow import Blocked, own_layer
from .forms import Form
from .moves import find_line, is_move, move, number_channels


@dataclass(frozen=True)
class Front:
    """What goes into the layer in front of a function.

    Args:
        layer: the layer.
        gain: a number for each channel that it makes, or a single one for all.
        threshold: the same for the threshold.
    """

    layer: nn.Module
    gain: tuple[float, ...]
    threshold: tuple[float, ...]


def find_front(trace: Trace, value: int, form: Form, dim: int | None, calls: int = 1) -> Front:
    """Find the layer that makes what a function reads, perhaps as a part of it or in another shape, for it alone.

    Args:
        trace: what the model computes.
        value: what the function reads.
        form: what the function is.
        dim: the dimension of its units; None if it is the same for all.
        calls: how often the function is called, and the layer may be, too.

    Raises:
        Blocked: there is none; the message says what is in the way.
    """
    moves: list[tuple[Op, int]] = []
    while True:
        maker = trace.producer.get(value)
        if maker is None:
            raise Blocked("it reads the input of the model, and no layer before it can take over its gain or threshold")
        if value in trace.outputs or len(trace.consumers[value]) > 1:
            raise Blocked(f"something else reads what {reader_name(trace, maker)} makes")
        if not is_move(maker):
            break
        moves.append((maker, value))
        value = maker.inputs[0]
    layer, made_in = maker.module, _made_in(trace, maker)
    if made_in is None:
        raise Blocked(f"{reader_name(trace, maker)} before it cannot take over its gain or threshold")
    if spec_of(layer) is not None:
        raise Blocked(f"{reader_name(trace, maker)} before it has thresholds of its own")
    if count_calls(trace, layer) > calls:
        raise Blocked(f"{reader_name(trace, maker)} is called several times")
    own_layer(trace, maker, maker.inputs[1:2] if is_inputs_first(layer) else maker.inputs[:1])
    parts = form.gain, form.threshold
    if moves:
        channels, count = _channels_there(trace, maker, made_in, moves, dim), trace.shapes[value][made_in]
        parts = _spread(form.gain, channels, count, 1.0), _spread(form.threshold, channels, count, 0.0)
    elif dim not in (None, made_in):
        raise Blocked(f"{reader_name(trace, maker)} makes its channels in another dimension")
    gain, threshold = (tuple(part.tolist()) for part in parts)
    return Front(layer, gain, threshold)


def count_calls(trace: Trace, module: nn.Module) -> int:
    """Count the calls of a module."""
    return len({frame.call for op in trace.ops for frame in op.stack if frame.module is module})


def _made_in(trace: Trace, maker: Op) -> int | None:
    """Return the dimension in which a layer makes its channels; None if it is none that takes over anything."""
    layer, rank, name = maker.module, len(trace.shapes[maker.outputs[0]]), maker.name.strip("_")
    if isinstance(layer, nn.Linear) and name == "linear":
        return rank - 1
    if isinstance(layer, _ConvNd) and name.startswith("conv"):
        return rank - 1 - len(layer.kernel_size)
    if isinstance(layer, _BatchNorm) and name == "batch_norm" and layer.affine:
        return 1
    return 1 if is_inputs_first(layer) and name == "addmm" else None


def _channels_there(trace: Trace, maker: Op, made_in: int, moves: list[tuple[Op, int]], dim: int | None) -> Tensor:
    """Return which of a layer's channels a function reads: all of them, or one for each of its units."""
    shape = trace.shapes[maker.outputs[0]]
    there = number_channels(shape, made_in, torch.arange(shape[made_in]))
    for op, value in reversed(moves):
        parts = move(trace, op, there)
        there = parts.pop(value)
        for other, part in parts.items():
            read = other in trace.outputs or trace.consumers[other]
            if read and bool(torch.isin(part, there).any()):
                raise Blocked(f"something else reads the channels that {reader_name(trace, maker)} makes")
    if dim is None:
        all_of_them: Tensor = there.unique()
        return all_of_them
    line = find_line(there, dim)
    if line is None or line[0] != dim:
        raise Blocked(f"{reader_name(trace, maker)} makes its channels in another dimension")
    return line[1]


def _spread(part: Tensor, channels: Tensor, count: int, rest: float) -> Tensor:
    """Give each channel of a layer the number of the unit that reads it, and others one that changes nothing."""
    each = torch.full((count,), rest, dtype=part.dtype)
    wanted = part.expand(len(channels))
    each[channels] = wanted
    if not torch.equal(each[channels], wanted):
        raise Blocked("units with different parameters read the same channel of the layer before it")
    return each
