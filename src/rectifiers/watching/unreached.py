"""What an example does not reach: activations, told by what modules are and what is written in them, and layers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from torch import nn

from .callers import unwrapped
from .kinds import is_torch_activation, own_kind, plain_kind
from .source import calls_in, find_function, read_value
from .trace import Trace


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


def find_unread(traces: Sequence[Trace]) -> list[str]:
    """Return the names of the layers that no trace of a model calls, or reads the weights of.

    Some layers are not called, but have their weights read, as in `nn.MultiheadAttention`.
    """
    model = traces[0].model
    reached = {module for trace in traces for module in trace.reached}
    parameters = dict(model.named_parameters(remove_duplicate=False))
    read = {id(parameters[name]) for trace in traces for name in trace.parameters.values() if name in parameters}
    found = []
    for name, module in model.named_modules():
        weights = [id(one) for one in module._parameters.values() if one is not None]
        if weights and module not in reached and read.isdisjoint(weights):
            found.append(name)
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
