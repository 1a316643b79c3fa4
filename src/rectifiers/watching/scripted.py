"""Functions of TorchScript that a model's methods call: what happens inside is not seen, so that it is told of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn

from . import kinds
from .callers import names_in, unwrapped


class ScriptedCall(NamedTuple):
    """An activation that a scripted function calls.

    Args:
        kind: which one.
        path: the module whose method names the function.
        function: the function's name.
    """

    kind: str
    path: str
    function: str


def find_scripted(model: nn.Module) -> list[ScriptedCall]:
    """Find the activations inside of the scripted functions that a model's methods name, or that its modules keep.

    Example:
        >>> find_scripted(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
        []
    """
    named: dict[type, list[Any]] = {}
    called: dict[Any, list[str]] = {}
    found: dict[ScriptedCall, None] = {}
    for path, module in model.named_modules():
        cls = type(module)
        if cls not in named:
            named[cls] = list(_named_in(cls))
        for function in (*named[cls], *_scripted(vars(module).values())):
            if function not in called:
                called[function] = list(_kinds_in(function))
            found.update((ScriptedCall(kind, path, function.name), None) for kind in called[function])
    return list(found)


def _named_in(cls: type) -> Iterator[Any]:
    """Give the scripted functions that a class has as attributes, or that its methods name."""
    for home in cls.__mro__:
        # PyTorch's own modules name none.
        if home.__module__.startswith("torch."):
            continue
        yield from _scripted(vars(home).values())
        for attribute in [*vars(home).values()]:
            for function in unwrapped(attribute):
                yield from _named_by(function)


def _named_by(function: FunctionType) -> Iterator[Any]:
    names, around = sorted(names_in(function.__code__)), function.__globals__
    known = [around.get(name) for name in names]
    yield from _scripted(known)
    for module in known:
        # As in `ops.act(x)`.
        if isinstance(module, ModuleType) and module.__name__.partition(".")[0] != "torch":
            yield from _scripted(vars(module).get(name) for name in names)
    for cell in function.__closure__ or ():
        try:
            yield from _scripted((cell.cell_contents,))
        except ValueError:  # nothing is in it
            continue


def _scripted(values: Iterable[object]) -> Iterator[Any]:
    return (value for value in values if isinstance(value, torch.jit.ScriptFunction))


def _kinds_in(function: Any) -> Iterator[str]:
    """Give the kinds of activation that a scripted function calls, as far as an operator's name tells."""
    graph = function.inlined_graph
    for name, kind in kinds.OPERATORS.items():
        if any(graph.findAllNodes(f"aten::{spelling}", recurse=True) for spelling in (name, f"{name}_")):
            yield kind
