"""The class of a module, below the one that PyTorch's parametrizations put on top of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.nn.utils import parametrize


def class_of(module: nn.Module) -> type[nn.Module]:
    """Return the class of a module; what is parametrized has it below one that PyTorch made for this module alone.

    Example:
        >>> parametrize.register_parametrization(layer := nn.Linear(2, 2), "weight", nn.Identity()) is layer
        True
        >>> type(layer).__name__, class_of(layer).__name__
        ('ParametrizedLinear', 'Linear')
    """
    base = type(module).__base__ if parametrize.is_parametrized(module) else type(module)
    assert base is not None
    return base


def set_class(module: nn.Module, cls: type[nn.Module]) -> Callable[[], None]:
    """Give a module another class; return what gives it back the one it had.

    What is parametrized stays so, and what is put on or taken off by the time of the way back does, too.
    """
    whole, base = type(module), class_of(module)
    if parametrize.is_parametrized(module):
        # What computes the weights has to be on top: to take it off, PyTorch takes the first base of the class.
        top: Any = whole
        own = {name: value for name, value in vars(top).items() if name not in ("__dict__", "__weakref__", "__doc__")}
        module.__class__ = type(top)(top.__name__, (cls,), own)
    else:
        module.__class__ = cls
    now = type(module)

    def undo() -> None:
        if type(module) is now:
            module.__class__ = whole
        else:
            set_class(module, base)

    return undo
