"""What a model keeps of its own modules and methods as values, beside its children, goes along with a swap."""

from __future__ import annotations

import copy
import functools
import types
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from torch import nn

from ..inserted.derived import renewed_function
from .edit import Undo


class Module(NamedTuple):
    """A module of a model before it is changed.

    Args:
        name: one of its names.
        module: the module.
        cls: its class.
    """

    name: str
    module: nn.Module
    cls: type[nn.Module]


def list_modules(model: nn.Module) -> list[Module]:
    """List the modules of a model by all of their names, for `renew_references`."""
    return [Module(name, one, type(one)) for name, one in model.named_modules(remove_duplicate=False)]


def renew_references(model: nn.Module, before: Iterable[Module]) -> Undo:
    """Let what modules keep as values be what has taken its place: modules, and methods of the model's modules.

    It is found in attributes, and in lists, tuples, dictionaries and `functools.partial`s there. A module in whose
    place several have come is followed by the one that the keeper has in that place; a list or a dictionary of several
    keepers that is not the same for all of them any more becomes one for each.

    Args:
        model: the model after it was changed.
        before: its modules before.

    Returns:
        What puts the values back.
    """
    before = list(before)
    now = dict(model.named_modules(remove_duplicate=False))
    parents = {one.name: one.module for one in before}
    modules: dict[nn.Module, nn.Module] = {}
    slots: dict[nn.Module, dict[nn.Module, nn.Module]] = defaultdict(dict)
    classes: dict[nn.Module, type[nn.Module]] = {}
    several: set[nn.Module] = set()
    for name, old, cls in before:
        new = now.get(name, old)
        if new is not old:
            if modules.setdefault(old, new) is not new:
                several.add(old)
            slots[parents[name.rpartition(".")[0]]][old] = new
        elif cls is not type(old):
            classes[old] = cls
    for old in several:
        del modules[old]
    renewal = _Renewal(modules, classes)
    if modules or several or classes:
        for module in model.modules():
            renewal.here = slots.get(module, {})
            for name in vars(module).keys() - _TORCHS_OWN:
                renewal.renew_item(vars(module), name)
    return renewal.undo


class _Renewal:
    """Puts what has taken the place of something there where that is kept.

    Args:
        modules: the new module by the old one.
        classes: the old class of modules that have another one now.

    Attributes:
        here: the new module by the old one, of the children of the module that is looked at.
    """

    def __init__(self, modules: Mapping[nn.Module, nn.Module], classes: Mapping[nn.Module, type[nn.Module]]) -> None:
        self.modules, self.classes = modules, classes
        self.here: Mapping[nn.Module, nn.Module] = {}
        self._changed: list[tuple[Any, Any, Any]] = []
        self._seen: dict[int, tuple[Any, Any]] = {}
        self._copying: set[int] = set()

    def undo(self) -> None:
        """Put everything back."""
        while self._changed:
            holder, key, value = self._changed.pop()
            holder[key] = value

    def renew_item(self, holder: Any, key: Any) -> None:
        """Renew what a list or a dictionary has at an index or a key."""
        value = holder[key]
        new = self._renew(value)
        if new is not value:
            self._changed.append((holder, key, value))
            holder[key] = new

    def _renew(self, value: Any) -> Any:
        """Return what a value is now; the value itself if it is not another one."""
        if isinstance(value, nn.Module):
            return self.here.get(value, self.modules.get(value, value))
        if isinstance(value, types.MethodType):
            return self._renew_method(value)
        if isinstance(value, functools.partial):
            return self._renew_partial(value)
        if type(value) is tuple:
            new = tuple(map(self._renew, value))
            return value if all(one is item for one, item in zip(new, value, strict=True)) else new
        if isinstance(value, (list, dict)):
            return self._renew_container(value)
        return value

    def _renew_container(self, value: Any) -> Any:
        """Renew a list or a dictionary in place; or a copy, if it has become another one for another keeper."""
        if id(value) not in self._seen:
            self._seen[id(value)] = value, copy.copy(value)
            for key in _keys(value):
                self.renew_item(value, key)
            return value
        if id(value) in self._copying:
            return value
        self._copying.add(id(value))
        own = copy.copy(self._seen[id(value)][1])
        for key in _keys(own):
            own[key] = self._renew(own[key])
        self._copying.remove(id(value))
        return value if all(own[key] is value[key] for key in _keys(own)) else own

    def _renew_method(self, method: types.MethodType) -> types.MethodType:
        owner, function = method.__self__, method.__func__
        if not isinstance(owner, nn.Module) or not isinstance(function, types.FunctionType):
            return method
        module = self._renew(owner)
        if module is not owner:
            new = getattr(module, method.__name__, None)
            return new if isinstance(new, types.MethodType) else method
        renewed = self._renew_function(function, owner)
        return method if renewed is function else types.MethodType(renewed, owner)

    def _renew_partial(self, value: functools.partial[Any]) -> functools.partial[Any]:
        func, args, owner = self._renew(value.func), value.args, next(iter(value.args), None)
        if isinstance(owner, nn.Module) and isinstance(func, types.FunctionType):
            # A plain function of the class that is given the module; the method can be pickled.
            function = self._renew_function(func, owner)
            if function is not func:
                return functools.partial(types.MethodType(function, owner), *args[1:], **value.keywords)
        given = self._renew(args)
        named = {name: self._renew(argument) for name, argument in value.keywords.items()}
        same = all(one is other for one, other in zip(named.values(), value.keywords.values(), strict=True))
        return value if func is value.func and given is args and same else functools.partial(func, *given, **named)

    def _renew_function(self, function: types.FunctionType, owner: nn.Module) -> Any:
        return renewed_function(function, self.classes[owner], type(owner)) if owner in self.classes else function


def _keys(container: Any) -> list[Any]:
    return list(container) if isinstance(container, dict) else list(range(len(container)))


_TORCHS_OWN = frozenset(vars(nn.Module()))
"""What every module has."""
