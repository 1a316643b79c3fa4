"""Which bare clamps are activations: those between layers.

`x.clamp(min=0)` computes what ReLU does, and models use it for other things: boxes in a loss, squared distances,
counts. It is taken for an activation where it reads the output of a layer, and a layer reads its output; or where it
reads a layer, and the same module calls the same clamp between layers, too.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from . import kinds
from .trace import Op, Trace, Value

_LAYERS: tuple[str, ...] = (
    "conv",
    "linear",
    "bilinear",
    "batch_norm",
    "layer_norm",
    "group_norm",
    "instance_norm",
    "rms_norm",
    "gru",
)
_LAYERS += ("lstm", "rnn_", "multi_head_attention", "scaled_dot_product_attention", "embedding")
_PRODUCTS = ("addmm", "baddbmm", "matmul", "mm", "bmm", "einsum")
"""Functions that make a layer of a parameter, and geometry of other values."""

_POOLS = (
    "max_pool",
    "avg_pool",
    "lp_pool",
    "adaptive_max_pool",
    "adaptive_avg_pool",
    "mean",
    "interpolate",
    "upsample",
)
_LAYOUTS: tuple[str, ...] = (
    "view",
    "reshape",
    "flatten",
    "unflatten",
    "transpose",
    "permute",
    "squeeze",
    "unsqueeze",
    "contiguous",
)
_LAYOUTS += ("movedim", "swapaxes", "chunk", "split", "pad", "clone", "pixel_shuffle", "channel_shuffle", "roll")
_CASTS = ("to", "float", "half", "bfloat16", "double", "type", "type_as")
_THROUGH = frozenset((*_LAYOUTS, *_CASTS))
_ADDITIONS = frozenset(("add", "iadd", "radd"))
_PRODUCTS_OF_ELEMENTS = frozenset(("mul", "imul", "rmul"))
_JOINS = frozenset(("cat", "concat", "concatenate"))


def find_bare(trace: Trace, ops: Iterable[Op]) -> set[int]:
    """Return the indices of the ops that are bare clamps and not beyond doubt activations.

    Args:
        trace: the forward pass.
        ops: the activations in it.
    """
    clamps = [op for op in ops if _is_clamp(op)]
    behind = {op.index for op in clamps if _reads_layer(trace, op)}
    between = {op.index for op in clamps if op.index in behind and (_is_module(op) or _is_read_by_layer(trace, op))}
    customs = {_spelling(op) for op in clamps if op.index in between}
    return {
        op.index for op in clamps if op.index not in between and not (op.index in behind and _spelling(op) in customs)
    }


def _is_clamp(op: Op) -> bool:
    return kinds.FUNCTIONS.get(op.func) in ("clamp", "threshold") and not isinstance(op.module, nn.Threshold)


def _is_module(op: Op) -> bool:
    """Return whether a module without parts and parameters makes the call, as one does that is an activation."""
    return not any(True for _ in op.module.children()) and not any(True for _ in op.module.parameters())


def _spelling(op: Op) -> tuple[object, ...]:
    """Return what two clamps have in common that are written for the same purpose."""
    name = kinds.FUNCTIONS[op.func]
    return op.module, name, *kinds.bounds(name, op.args, op.kwargs)


def _name(op: Op) -> str:
    return op.name.strip("_")


def _is_layer(trace: Trace, op: Op) -> bool:
    name = _name(op)
    if name.startswith(_LAYERS) or "norm" in type(op.module).__name__.lower():
        return True
    return name in _PRODUCTS and any(value in trace.parameters for value in op.inputs)


def _reads_layer(trace: Trace, op: Op) -> bool:
    """Return whether an op reads what a layer made, through casts, changes of layout, pooling, dropout and sums."""
    waiting, seen = [op.inputs[0]] if op.inputs else [], set[int]()
    while waiting:
        value = waiting.pop()
        maker = trace.producer.get(value)
        if maker is None or maker.index in seen:
            continue
        seen.add(maker.index)
        if _is_layer(trace, maker):
            return True
        name = _name(maker)
        if name in _THROUGH or "dropout" in name or name.startswith(_POOLS):
            waiting.extend(maker.inputs[:1])
        elif _is_sum(maker) or _is_scaled(trace, maker):
            waiting.extend(maker.inputs)
    return False


def _is_sum(op: Op) -> bool:
    """Return whether an op adds two tensors, as a residual connection does."""
    return _name(op) in _ADDITIONS and len(op.args) > 1 and all(isinstance(arg, Value) for arg in op.args[:2])


def _is_scaled(trace: Trace, op: Op) -> bool:
    """Return whether an op multiplies by a parameter, as a layer scale does."""
    return _name(op) in _PRODUCTS_OF_ELEMENTS and any(value in trace.parameters for value in op.inputs)


def _is_read_by_layer(trace: Trace, op: Op) -> bool:
    """Return whether a layer reads what an op made, perhaps through dropout, sums, joins or other layouts."""
    waiting, seen = list(op.outputs), set[int]()
    while waiting:
        for reader in trace.consumers.get(waiting.pop(), ()):
            if reader.index in seen:
                continue
            seen.add(reader.index)
            name = _name(reader)
            if _is_layer(trace, reader) or name.startswith(_POOLS):
                return True
            if name in _THROUGH | _ADDITIONS | _JOINS or "dropout" in name:
                waiting.extend(reader.outputs)
    return False
