"""The tensors in what a model is given and in what it returns, inside containers and objects of any kind."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor, nn

_OPAQUE = (nn.Module, type, FunctionType, BuiltinFunctionType, MethodType, ModuleType)
"""What is not a value: its attributes are not looked into, and it is never copied."""


def find_tensors(value: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor in `value` once, with the place where it is.

    Containers, mappings, dataclasses and objects with attributes are looked into; modules and functions are not.

    Args:
        value: what a model returned, or an argument of it.

    Example:
        >>> import torch
        >>> [place for place, _ in find_tensors({"logits": torch.zeros(1), "parts": (torch.zeros(1), None)})]
        ['logits', 'parts.0']
    """
    return _find(value, "", set())


def _find(value: Any, place: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield place, value
        return
    parts = _parts(value)
    if not parts or id(value) in seen:
        return
    seen.add(id(value))
    for name, part in parts:
        yield from _find(part, f"{place}.{name}" if place else name, seen)


def _parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(str(name), part) for name, part in value.items()]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value, strict=True))
    if isinstance(value, (list, tuple)):
        return [(str(index), part) for index, part in enumerate(value)]
    if isinstance(value, _OPAQUE):
        return []
    if dataclasses.is_dataclass(value):
        return [
            (item.name, getattr(value, item.name)) for item in dataclasses.fields(value) if hasattr(value, item.name)
        ]
    slots = [name for cls in type(value).__mro__ for name in _listed(vars(cls).get("__slots__", ()))]
    held = {name: getattr(value, name) for name in slots if hasattr(value, name)} | getattr(value, "__dict__", {})
    return [(name, part) for name, part in held.items() if not name.startswith("__")]


def _listed(slots: Any) -> Iterable[str]:
    return (slots,) if isinstance(slots, str) else slots


def copy_contents(value: Any, model: nn.Module) -> Any:
    """Copy `value` with all its tensors, so that a model may write over them and change the containers around them.

    What cannot be copied stays itself.

    Args:
        value: arguments of a model.
        model: the model; it and its parts, if they are among the arguments, are not copied.
    """
    return _copy(value, _Memo(model))


class _Memo(dict[int, Any]):
    """The copies that were made, by the `id` of the original; what belongs to a model is its own copy."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model: nn.Module | None = model

    def keep_model(self) -> None:
        """Take in what belongs to the model; that takes a walk through it, and few arguments have any of it."""
        if self.model is not None:
            for module in self.model.modules():
                self.update((id(part), part) for part in (module, *module._parameters.values()) if part is not None)
            self.model = None


def _copy(value: Any, memo: _Memo) -> Any:
    if isinstance(value, nn.Parameter):
        memo.keep_model()
    if id(value) in memo:
        return memo[id(value)]
    try:
        made = _copy_unseen(value, memo)
    except Exception:
        # Whatever refuses to be copied is given to the model as it is.
        made = value
    memo[id(value)] = made
    return made


def _copy_unseen(value: Any, memo: _Memo) -> Any:
    made: Any
    if isinstance(value, Tensor):
        made = value.detach().clone()
        return made.requires_grad_() if value.requires_grad else made
    if isinstance(value, tuple):
        parts = [_copy(part, memo) for part in value]
        return type(value)._make(parts) if hasattr(value, "_make") else type(value)(parts)
    if isinstance(value, list):
        made = copy.copy(value)
        made[:] = [_copy(part, memo) for part in value]
        return made
    if isinstance(value, Mapping):
        made = copy.copy(value)
        for name in value:
            made[name] = _copy(value[name], memo)
        return made
    if isinstance(value, _OPAQUE) or not (hasattr(value, "__dict__") or hasattr(value, "__slots__")):
        return value
    memo.keep_model()
    return copy.deepcopy(value, memo)
