"""Activations in modules that an example does not reach, told by what the modules are and what is written in them."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from .callers import unwrapped
from .kinds import is_torch_activation, own_kind, plain_kind
from .source import calls_in, find_function, read_value


def find_unreached(model: nn.Module, reached: Collection[nn.Module]) -> list[str]:
    """Return the names of the activations in modules that are not among those reached, named as sites are.

    Args:
        model: the model.
        reached: the modules that an example calls.

    Example:
        >>> find_unreached(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), ())
        ['1']
    """
    found = []
    for name, module in model.named_modules():
        if module in reached:
            continue
        if is_torch_activation(module) or own_kind(module) is not None:
            found.append(name)
        else:
            found += [f"{name}:{function}" for function in _functions_of(type(module))]
    return found


def _functions_of(cls: type) -> list[str]:
    """Return the names of the activation functions that are called in the methods of a class."""
    called: dict[str, None] = {}
    for home in cls.__mro__[: cls.__mro__.index(nn.Module)]:
        for attribute in list(vars(home).values()):
            for function in unwrapped(attribute):
                node = find_function(function.__code__)
                for call in () if node is None else calls_in(node):
                    callee = read_value(call.func, {}, function.__globals__)
                    if plain_kind(callee):
                        called[callee.__name__.rstrip("_")] = None
    return list(called)
