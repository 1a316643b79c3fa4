"""How additional channels travel: which ops pass them on, which layers can read them, and what can do neither."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from ...core.elementwise import Elementwise
from ...core.errors import ConfigError
from ...watching.kinds import spec_of
from ...watching.sites import Site, reader_name
from ...watching.trace import Op, Trace, Value
from ..edits.channel_map import ChannelMap
from .follow import Blocked, Effect, argument, operands, own_layer

CASTS = frozenset(("bfloat16", "clone", "contiguous", "detach", "double", "float", "half", "to"))
DROPOUTS = frozenset(("dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout"))
CONCATENATIONS = frozenset(("cat", "concat", "concatenate"))
POINTWISE = CASTS | DROPOUTS | {"abs", "alpha_dropout", "clamp", "clamp_max", "clamp_min", "clip", "cos", "exp"}
POINTWISE |= {"feature_alpha_dropout", "log", "log1p", "neg", "rsqrt", "sign", "sin", "softsign", "sqrt", "square"}
"""Elementwise functions that are not activations."""

SPATIAL = frozenset(
    [f"{kind}_pool{rank}d" for kind in ("max", "avg", "lp", "adaptive_max", "adaptive_avg") for rank in (1, 2, 3)]
    + [f"{kind}_pool{rank}d_with_indices" for kind in ("max", "adaptive_max") for rank in (1, 2, 3)]
    + ["interpolate"]
)
"""Functions that treat each channel by itself, and keep the channels' number and order."""

ARITHMETIC = frozenset(("add", "maximum", "minimum", "mul", "multiply", "pow", "sub", "subtract"))
ARITHMETIC |= {"div", "divide", "true_divide", "truediv"}
REDUCTIONS = frozenset(["mean", "sum", "amax", "amin"])
RESHAPES = frozenset(["flatten", "view", "reshape", "squeeze", "unsqueeze"])
_OBSTACLES = {
    "group_norm": "normalises over groups of channels, which new ones would change",
    "layer_norm": "normalises over all channels, which new ones would change",
    "rms_norm": "normalises over all channels, which new ones would change",
    "local_response_norm": "normalises over neighbouring channels, which new ones would change",
    "softmax": "normalises over its values, which new ones would change",
    "multi_head_attention_forward": "is attention, whose projections are shared",
}


@dataclass(frozen=True)
class Widened:
    """A value with additional channels.

    Args:
        dim: dimension of the channels, from 0.
        channels: which channel is which.
    """

    dim: int
    channels: ChannelMap


class Widening:
    """The rule of additional channels, for `follow_sites`."""

    def start(self, site: Site, op: Op, given: Widened | None) -> Widened:
        """Return twice as many channels as the site's input has."""
        assert site.channel_dim is not None
        dim = site.channel_dim % len(site.shape)
        if given is None:
            return Widened(dim, ChannelMap.identity(site.channels).double())
        if given.dim != dim:
            raise Blocked(f"its channels are in dimension {dim}, and its input has additional ones in {given.dim}")
        return Widened(dim, given.channels.double())

    def follow(self, trace: Trace, op: Op, given: Mapping[int, Widened]) -> Effect[Widened]:
        """Return what an op makes of inputs with additional channels."""
        activation = next((frame.module for frame in op.stack if isinstance(frame.module, Elementwise)), None)
        name = op.name.strip("_")
        if not op.outputs:
            raise Blocked(f"{reader_name(trace, op)} writes into a part of a tensor, which cannot be widened")
        if activation is not None:
            return _activate(trace, op, given, activation)
        if name in CONCATENATIONS:
            return Effect(_concatenate(trace, op, given))
        if name.removeprefix("i").removeprefix("r") in ARITHMETIC:
            return Effect(_combine(trace, op, given))
        wide = next(iter(given.values()))
        if len(given) == 1 and operands(op)[:1] == list(given):
            rank, shape = len(trace.shapes[operands(op)[0]]), trace.shapes[op.outputs[0]]
            if name.startswith(("conv", "linear")):
                return _read(trace, op, wide, rank)
            if name in ("batch_norm", "instance_norm"):
                return _normalise(trace, op, wide)
            if name == "prelu":
                return _prelu(trace, op, wide)
            if len(op.inputs) == 1 and (op.kind or name in POINTWISE | SPATIAL or _pads_space(op, wide, rank)):
                return Effect(wide)
            if name in REDUCTIONS:
                return Effect(_reduce(trace, op, wide, rank))
            if name in RESHAPES:
                return Effect(_reshape(trace, op, wide, shape))
        reason = _OBSTACLES.get(name, "reads its channels in a way that cannot be widened")
        raise Blocked(f"{reader_name(trace, op)} {reason}")


def _read(trace: Trace, op: Op, wide: Widened, rank: int) -> Effect[Widened]:
    layer = op.module
    if spec_of(layer) is not None:
        raise Blocked(f"{reader_name(trace, op)} has thresholds for its channels")
    if isinstance(layer, _ConvNd):
        dim = rank - 1 - len(layer.kernel_size)
    elif isinstance(layer, nn.Linear):
        dim = rank - 1
    else:
        raise Blocked(f"{reader_name(trace, op)} is not one of PyTorch's own layers, and may not allow other sizes")
    if wide.dim != dim:
        raise Blocked(f"{reader_name(trace, op)} reads its channels as dimension {wide.dim}, not as channels")
    groups = getattr(layer, "groups", 1)
    try:
        if groups > 1:
            wide.channels.group(groups)
    except ConfigError as error:
        raise Blocked(f"{reader_name(trace, op)}: {error}") from None
    return Effect(layer=own_layer(trace, op, (operands(op)[0],)), input=wide)


def _normalise(trace: Trace, op: Op, wide: Widened) -> Effect[Widened]:
    if not isinstance(op.module, _NormBase) or wide.dim != 1:
        raise Blocked(f"{reader_name(trace, op)} is not a batch norm over these channels")
    return Effect(wide, own_layer(trace, op, (operands(op)[0],)), wide)


def _prelu(trace: Trace, op: Op, wide: Widened) -> Effect[Widened]:
    if trace.shapes[operands(op)[1]] == (1,):
        return Effect(wide)
    if not isinstance(op.module, nn.PReLU):
        raise Blocked(f"{reader_name(trace, op)} is not one of PyTorch's own layers")
    return Effect(wide, own_layer(trace, op, (operands(op)[0],)), wide)


def _activate(trace: Trace, op: Op, given: Mapping[int, Widened], layer: Elementwise) -> Effect[Widened]:
    """Follow the channels through an activation of this library, whatever ops it consists of."""
    name = f"{trace.names[layer]} ({layer.owner})"
    wide = next(iter(given.values()))
    if layer.spec.kind != "elementwise":
        raise Blocked(f"{name} mixes channels")
    if not layer.spec.parameters or layer.share == "layer":
        return Effect(wide)
    if layer.share != "channel" or layer.channel_dim % len(trace.shapes[next(iter(given))]) != wide.dim:
        raise Blocked(f"{name} has parameters for other units than these channels")
    if any(trace.holders.get(f"{trace.names[layer]}.{spec.name}") != [layer] for spec in layer.spec.parameters):
        raise Blocked(f"{name} shares its parameters with other layers")
    return Effect(wide, layer, wide)


def _concatenate(trace: Trace, op: Op, given: Mapping[int, Widened]) -> Widened:
    parts = [part.number for part in _values(argument(op, 0, "tensors"))]
    wide = next(iter(given.values()))
    rank = len(trace.shapes[op.outputs[0]])
    along: Any = argument(op, 1, "dim", op.kwargs.get("axis", 0))
    if {part.dim for part in given.values()} != {wide.dim}:
        raise Blocked(f"{reader_name(trace, op)} concatenates channels in different dimensions")
    dim = wide.dim
    maps = [given[part].channels if part in given else ChannelMap.identity(trace.shapes[part][dim]) for part in parts]
    if along % rank == dim:
        return Widened(dim, sum(maps[1:], maps[0]))
    if len(set(maps)) > 1:
        raise Blocked(f"{reader_name(trace, op)} concatenates values with and without additional channels")
    return wide


def _values(parts: Any) -> tuple[Value, ...]:
    return tuple(part for part in parts if isinstance(part, Value))


def _combine(trace: Trace, op: Op, given: Mapping[int, Widened]) -> Widened:
    """Follow the channels through arithmetic, whose operands must have the same channels or a single one."""
    rank = len(trace.shapes[op.outputs[0]])
    layouts = {Widened(wide.dim + rank - len(trace.shapes[value]), wide.channels) for value, wide in given.items()}
    wide = layouts.pop()
    for value in op.inputs:
        dim = wide.dim - rank + len(trace.shapes[value])
        single = dim < 0 or trace.shapes[value][dim] == 1
        if layouts or not (value in given or single):
            raise Blocked(f"{combination(trace, op)} needs the same channels on both sides")
    return wide


def combination(trace: Trace, op: Op) -> str:
    """Name an op of arithmetic and the module that does it, for errors."""
    name = op.name.strip("_")
    words = {"add": "a residual sum", "iadd": "a residual sum", "mul": "a product", "imul": "a product"}
    return f"{words.get(name, name)} in {trace.names[op.module] or 'the model'}"


def _pads_space(op: Op, wide: Widened, rank: int) -> bool:
    """Return whether this is padding that leaves the channels' dimension alone."""
    sizes: Any = argument(op, 1, "pad", ())
    return op.name == "pad" and len(sizes) // 2 < rank - wide.dim


def _reduce(trace: Trace, op: Op, wide: Widened, rank: int) -> Widened:
    dims = argument(op, 1, "dim", op.kwargs.get("axis"))
    over = dims if isinstance(dims, tuple) else (dims,) if isinstance(dims, int) else range(rank)
    reduced = {dim % rank for dim in over}
    if wide.dim in reduced:
        raise Blocked(f"{reader_name(trace, op)} takes the {op.name} over the channels")
    keeps_rank = len(trace.shapes[op.outputs[0]]) == rank
    return wide if keeps_rank else Widened(wide.dim - sum(dim < wide.dim for dim in reduced), wide.channels)


def _reshape(trace: Trace, op: Op, wide: Widened, shape: tuple[int, ...]) -> Widened:
    """Find the dimension that holds the channels afterwards, by themselves or together with the pixels."""
    name = reader_name(trace, op)
    old = trace.shapes[operands(op)[0]]
    count = old[wide.dim]
    for dim, size in enumerate(shape):
        if count > 1 and math.prod(shape[:dim]) == math.prod(old[: wide.dim]) and size % count == 0:
            break
    else:
        raise Blocked(f"{name} does not keep the channels together")
    if op.name in ("view", "reshape"):
        sizes = op.args[1] if len(op.args) > 1 and isinstance(op.args[1], tuple) else op.args[1:]
        if len(sizes) != len(shape) or sizes[dim] != -1:
            raise Blocked(f"{name} asks for a fixed number of channels; with -1 in its place they could grow")
    return Widened(dim, wide.channels.repeat(size // count))
