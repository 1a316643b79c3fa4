"""Plain attributes of a model's modules, which a forward pass may count up, fill, or set in its first call."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

_OF_EVERY_MODULE = frozenset(nn.Module().__dict__)
_CONTAINERS = frozenset((list, dict, set, deque, OrderedDict, defaultdict, Counter))
"""Others may not let themselves be emptied and filled."""


def remember_attributes(modules: Iterable[nn.Module]) -> Callable[[], None]:
    """Note the plain attributes of modules, with what is in their lists, dictionaries, sets and deques.

    Args:
        modules: of a model.

    Returns:
        A function that puts them back. A module that has other parameters, buffers or parts by then stays as it is:
        it was built by its first call, and a flag that is put back would have it built once more. What was written
        into tensors is left to the caller.
    """
    noted = [(module, _parts(module), _plain(module)) for module in modules if not _keeps_changes(module)]
    undo: list[Callable[[], None]] = []
    seen: set[int] = set()
    for _, _, attributes in noted:
        for value in attributes.values():
            _note(value, undo, seen)

    def put_back() -> None:
        for put in undo:
            put()
        for module, parts, before in noted:
            if _parts(module) == parts:
                for name in _plain(module).keys() - before.keys():
                    del module.__dict__[name]
                module.__dict__.update(before)

    return put_back


def _keeps_changes(module: nn.Module) -> bool:
    """Whether its first call builds it, or it is TorchScript, whose attributes are not in Python."""
    if isinstance(module, torch.jit.ScriptModule):
        return True
    held = (*module._parameters.values(), *module._buffers.values())
    return any(one is not None and is_lazy(one) for one in held)


def _parts(module: nn.Module) -> tuple[list[str], ...]:
    return list(module._parameters), list(module._buffers), list(module._modules)


def _plain(module: nn.Module) -> dict[str, Any]:
    return {name: value for name, value in module.__dict__.items() if name not in _OF_EVERY_MODULE}


def _note(value: Any, undo: list[Callable[[], None]], seen: set[int]) -> None:
    """Add to `undo` what puts back the contents of a container, and of those in it."""
    if type(value) not in _CONTAINERS or id(value) in seen:
        return
    seen.add(id(value))
    before = value.copy()

    def put_back() -> None:
        if len(value) != len(before) or any(a is not b for a, b in zip(_flat(value), _flat(before), strict=True)):
            value.clear()
            value.extend(before) if isinstance(value, (list, deque)) else value.update(before)

    undo.append(put_back)
    for one in before.values() if isinstance(before, dict) else before:
        _note(one, undo, seen)


def _flat(value: Any) -> Iterable[Any]:
    return [part for item in value.items() for part in item] if isinstance(value, dict) else value
