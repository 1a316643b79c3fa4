"""How additional channels travel: which ops hand them on, which layers take them up, and which can do neither."""

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
from ...core.spec import ActivationSpec
from ...watching.sites import Site, reader_name
from ...watching.trace import Op, Trace, Value
from ..edits.channel_map import ChannelMap
from .follow import Blocked, Effect, argument, operands, own_layer

CASTS = frozenset(("bfloat16", "clone", "contiguous", "detach", "double", "float", "half", "to"))
DROPOUTS = frozenset(("dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout"))
CONCATENATIONS = frozenset(("cat", "concat", "concatenate"))
POINTWISE = CASTS | DROPOUTS | {"abs", "alpha_dropout", "clamp", "clamp_max", "clamp_min", "clip", "cos", "exp"}
POINTWISE |= {"feature_alpha_dropout", "log", "log1p", "neg", "rsqrt", "sign", "sin", "softsign", "sqrt", "square"}
"""Functions of single elements that are no activations."""

SPATIAL = frozenset(
    [f"{kind}_pool{rank}d" for kind in ("max", "avg", "lp", "adaptive_max", "adaptive_avg") for rank in (1, 2, 3)]
    + [f"{kind}_pool{rank}d_with_indices" for kind in ("max", "adaptive_max") for rank in (1, 2, 3)]
    + ["interpolate"]
)
"""Functions that treat each channel alone, and keep their number and place."""

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
        channels: which is which.
    """

    dim: int
    channels: ChannelMap


class Widening:
    """The rule of additional channels, for `follow.settle`."""

    def start(self, site: Site, op: Op, change: Widened | None) -> Widened:
        """Twice as many as there are in front of the site."""
        dim = site.channel_dim % len(site.shape)
        if change is None:
            return Widened(dim, ChannelMap.unchanged(site.channels).doubled())
        if change.dim != dim:
            raise Blocked(f"its channels in dimension {change.dim} are not those in dimension {dim}")
        return Widened(dim, change.channels.doubled())

    def follow(self, trace: Trace, op: Op, changes: Mapping[int, Widened]) -> Effect[Widened]:
        """What an op does to additional channels."""
        activation = next((frame.module for frame in op.stack if isinstance(frame.module, Elementwise)), None)
        name = op.name.strip("_")
        if activation is not None:
            return _activate(trace, op, changes, activation)
        if name in CONCATENATIONS:
            return Effect(_concatenate(trace, op, changes))
        if name.removeprefix("i").removeprefix("r") in ARITHMETIC:
            return Effect(_combine(trace, op, changes))
        given = next(iter(changes.values()))
        if len(changes) == 1 and operands(op)[:1] == list(changes):
            rank, shape = len(trace.shapes[operands(op)[0]]), trace.shapes[op.outputs[0]]
            if name.startswith(("conv", "linear")):
                return _read(trace, op, given, rank)
            if name in ("batch_norm", "instance_norm"):
                return _normalise(trace, op, given)
            if name == "prelu":
                return _prelu(trace, op, given)
            if len(op.inputs) == 1 and (op.kind or name in POINTWISE | SPATIAL or _pads_space(op, given, rank)):
                return Effect(given)
            if name in REDUCTIONS:
                return Effect(_reduce(trace, op, given, rank))
            if name in RESHAPES:
                return Effect(_reshape(trace, op, given, shape))
        reason = _OBSTACLES.get(name, "reads its channels in a way that cannot be widened")
        raise Blocked(f"{reader_name(trace, op)} {reason}")


def _read(trace: Trace, op: Op, given: Widened, rank: int) -> Effect[Widened]:
    layer = op.module
    if isinstance(getattr(layer, "spec", None), ActivationSpec):
        raise Blocked(f"{reader_name(trace, op)} has thresholds for its channels")
    if isinstance(layer, _ConvNd):
        dim = rank - 1 - len(layer.kernel_size)
    elif isinstance(layer, nn.Linear):
        dim = rank - 1
    else:
        raise Blocked(f"{reader_name(trace, op)} is no layer of PyTorch's own, and is not known to keep its sizes")
    if given.dim != dim:
        raise Blocked(f"{reader_name(trace, op)} reads its channels as dimension {given.dim}, not as channels")
    groups = getattr(layer, "groups", 1)
    try:
        if groups > 1:
            given.channels.grouped(groups)
    except ConfigError as error:
        raise Blocked(f"{reader_name(trace, op)}: {error}") from None
    return Effect(layer=own_layer(trace, op, (operands(op)[0],)), demand=given)


def _normalise(trace: Trace, op: Op, given: Widened) -> Effect[Widened]:
    if not isinstance(op.module, _NormBase) or given.dim != 1:
        raise Blocked(f"{reader_name(trace, op)} is no batch norm over these channels")
    return Effect(given, own_layer(trace, op, (operands(op)[0],)), given)


def _prelu(trace: Trace, op: Op, given: Widened) -> Effect[Widened]:
    if trace.shapes[operands(op)[1]] == (1,):
        return Effect(given)
    if not isinstance(op.module, nn.PReLU):
        raise Blocked(f"{reader_name(trace, op)} is no layer of PyTorch's own")
    return Effect(given, own_layer(trace, op, (operands(op)[0],)), given)


def _activate(trace: Trace, op: Op, changes: Mapping[int, Widened], layer: Elementwise) -> Effect[Widened]:
    """An activation of this library: its parameters are followed as a whole, whatever it computes inside."""
    name = f"{trace.names[layer]} ({layer.owner})"
    given = next(iter(changes.values()))
    if layer.spec.kind != "elementwise":
        raise Blocked(f"{name} mixes channels")
    if not layer.spec.parameters or layer.share == "layer":
        return Effect(given)
    if layer.share != "channel" or layer.channel_dim % len(trace.shapes[next(iter(changes))]) != given.dim:
        raise Blocked(f"{name} has parameters for other units than these channels")
    if any(trace.holders.get(f"{trace.names[layer]}.{spec.name}") != [layer] for spec in layer.spec.parameters):
        raise Blocked(f"{name} shares its parameters with other layers")
    return Effect(given, layer, given)


def _concatenate(trace: Trace, op: Op, changes: Mapping[int, Widened]) -> Widened:
    parts = [part.number for part in _values(argument(op, 0, "tensors"))]
    given = next(iter(changes.values()))
    rank = len(trace.shapes[op.outputs[0]])
    along: Any = argument(op, 1, "dim", op.kwargs.get("axis", 0))
    if {change.dim for change in changes.values()} != {given.dim}:
        raise Blocked(f"{reader_name(trace, op)} concatenates channels in different dimensions")
    dim = given.dim
    maps = [
        changes[part].channels if part in changes else ChannelMap.unchanged(trace.shapes[part][dim]) for part in parts
    ]
    if along % rank == dim:
        return Widened(dim, sum(maps[1:], maps[0]))
    if len(set(maps)) > 1:
        raise Blocked(f"{reader_name(trace, op)} concatenates values with and without additional channels")
    return given


def _values(parts: Any) -> tuple[Value, ...]:
    return tuple(part for part in parts if isinstance(part, Value))


def _combine(trace: Trace, op: Op, changes: Mapping[int, Widened]) -> Widened:
    """Arithmetic: each operand has the same channels, or a single one."""
    rank = len(trace.shapes[op.outputs[0]])
    found = {
        Widened(change.dim + rank - len(trace.shapes[value]), change.channels) for value, change in changes.items()
    }
    given = found.pop()
    for value in op.inputs:
        place = given.dim - rank + len(trace.shapes[value])
        single = place < 0 or trace.shapes[value][place] == 1
        if found or not (value in changes or single):
            raise Blocked(f"{combination(trace, op)} needs the same channels on both sides")
    return given


def combination(trace: Trace, op: Op) -> str:
    """What arithmetic of two values is called, and where it is, for errors."""
    name = op.name.strip("_")
    words = {"add": "a residual sum", "iadd": "a residual sum", "mul": "a product", "imul": "a product"}
    return f"{words.get(name, name)} in {trace.names[op.module] or 'the model'}"


def _pads_space(op: Op, given: Widened, rank: int) -> bool:
    """Whether this is padding that leaves the channels' dimension alone."""
    sizes: Any = argument(op, 1, "pad", ())
    return op.name == "pad" and len(sizes) // 2 < rank - given.dim


def _reduce(trace: Trace, op: Op, given: Widened, rank: int) -> Widened:
    dims = argument(op, 1, "dim", op.kwargs.get("axis"))
    listed = dims if isinstance(dims, tuple) else (dims,) if isinstance(dims, int) else range(rank)
    gone = {dim % rank for dim in listed}
    if given.dim in gone:
        raise Blocked(f"{reader_name(trace, op)} takes the {op.name} over the channels")
    kept = len(trace.shapes[op.outputs[0]]) == rank
    return given if kept else Widened(given.dim - sum(dim < given.dim for dim in gone), given.channels)


def _reshape(trace: Trace, op: Op, given: Widened, shape: tuple[int, ...]) -> Widened:
    """The dimension that holds the channels afterwards, alone or with the pixels behind them."""
    name = reader_name(trace, op)
    old = trace.shapes[operands(op)[0]]
    count = old[given.dim]
    for dim, size in enumerate(shape):
        if count > 1 and math.prod(shape[:dim]) == math.prod(old[: given.dim]) and size % count == 0:
            break
    else:
        raise Blocked(f"{name} does not keep the channels together")
    if op.name in ("view", "reshape"):
        sizes = op.args[1] if len(op.args) > 1 and isinstance(op.args[1], tuple) else op.args[1:]
        if len(sizes) != len(shape) or sizes[dim] != -1:
            raise Blocked(f"{name} asks for a fixed number of channels; -1 in its place would let it grow")
    return Widened(dim, given.channels.repeated(size // count))
