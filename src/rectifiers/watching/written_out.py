"""Activations that a method writes out among other things, such as `x * torch.sigmoid(x)`: told of, not replaced.

There is no single call in whose place another function could be put. A module that is nothing but such a formula is
another matter; see `formulas.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .trace import Op, Trace, Value

_PRODUCTS = frozenset(("mul", "imul", "rmul", "multiply"))
_STEPS = _PRODUCTS | {"add", "iadd", "radd", "div", "truediv", "pow", "square", "neg", "float", "to", "type_as"}
_DEPTH = 8
"""How many operations the argument of a GELU's tanh is away from what the GELU reads, at most."""


@dataclass(frozen=True)
class WrittenOut:
    """An activation that is written out.

    Args:
        kind: which one.
        path: the module whose method has it.
        formula: what is written, in words.
    """

    kind: str
    path: str
    formula: str


def find_written_out(trace: Trace) -> list[WrittenOut]:
    """Find SiLU, GELU and Mish where they are written out in several operations, once for each module."""
    found: dict[WrittenOut, None] = {}
    for op in trace.ops:
        for kind, formula in _recognise(trace, op):
            found[WrittenOut(kind, trace.names.get(op.module, ""), formula)] = None
    return list(found)


def _recognise(trace: Trace, op: Op) -> Iterator[tuple[str, str]]:
    """Give the kind of the activation whose inner function an op is."""
    if not op.inputs or not op.outputs:
        return
    x = op.inputs[0]
    if op.name == "sigmoid":
        source = _unscaled(trace, x)
        if any(source == _unscaled(trace, other) for other in _factors(trace, op.outputs[0])):
            yield ("swish", "x·sigmoid(x)") if source == x else ("quick_gelu", "x·sigmoid(a·x)")
    elif op.name == "tanh" and (softplus := trace.producer.get(x)) and softplus.name in ("softplus", "log1p", "log"):
        origins = _origins(trace, softplus.inputs[0], {"exp", *_STEPS})
        if any(other in origins for other in _factors(trace, op.outputs[0])):
            yield "mish", "x·tanh(softplus(x))"
    elif op.name in ("erf", "tanh"):
        origins = _origins(trace, x, _STEPS)
        for sum_ in trace.consumers[op.outputs[0]]:
            if sum_.name.strip("_") not in ("add", "iadd", "radd") or len(_values(sum_)) > 1:
                continue
            if any(_unscaled(trace, other) in origins for other in _factors(trace, sum_.outputs[0])):
                yield "gelu", f"x·(1 + {op.name}(…))/2"


def _values(op: Op) -> list[int]:
    return [arg.number for arg in (*op.args, *op.kwargs.values()) if isinstance(arg, Value)]


def _factors(trace: Trace, value: int) -> Iterator[int]:
    """Give what a value is multiplied by, also after it was multiplied by a number."""
    for op in trace.consumers[value]:
        if op.name.strip("_") in _PRODUCTS:
            others = [other for other in _values(op) if other != value]
            if others:
                yield others[0]
            elif len(_values(op)) == 1:
                yield from _factors(trace, op.outputs[0])


def _unscaled(trace: Trace, value: int) -> int:
    """Return what a value was before it was multiplied or divided by a number."""
    maker = trace.producer.get(value)
    while maker is not None and maker.name.strip("_") in _PRODUCTS | {"div", "truediv"} and len(_values(maker)) == 1:
        value = _values(maker)[0]
        maker = trace.producer.get(value)
    return value


def _origins(trace: Trace, value: int, steps: frozenset[str] | set[str]) -> set[int]:
    """Return a value and those that it was made of by arithmetic."""
    known, waiting = {value}, [(value, 0)]
    while waiting:
        current, depth = waiting.pop()
        maker = trace.producer.get(current)
        if maker is not None and depth < _DEPTH and maker.name.strip("_") in steps:
            new = [other for other in maker.inputs if other not in known]
            known.update(new)
            waiting += [(other, depth + 1) for other in new]
    return known
