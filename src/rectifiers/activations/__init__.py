"""The functions, one file each. The table below is their registry; importing it imports no function.

A new function: one file that holds its module class with a `spec`, and one line in `TABLE`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..core.registry import Registry

if TYPE_CHECKING:
    from torch import nn

TABLE = {
    "arelu": "arelu:AReLU",
    "elsa": "elsa:ELSA",
}

registry: Registry[Any] = Registry("activation", __name__, TABLE)


def create(name: str, **arguments: Any) -> nn.Module:
    """A new module of the activation called `name`.

    Args:
        name: a registered name.
        **arguments: what its class takes: starting values, `relu_like`, `share`, `channels`, `channel_dim`, ….

    Raises:
        UnknownNameError: with the nearest names.

    Example:
        >>> create("arelu", alpha=0.75, beta=1.0)
        AReLU(alpha=0.75, beta=1, share='layer')
    """
    module: nn.Module = registry.get(name)(**arguments)
    return module


def list_activations() -> list[str]:
    """Names of all registered activations, sorted."""
    return registry.names()


def register_activation(name: str) -> Callable[[Any], Any]:
    """Class decorator that adds an activation to the registry under `name`; the class carries a `spec`."""
    return registry.register(name)


def channel_factor(module: nn.Module) -> Fraction:
    """Output channels per input channel: 2 for CReLU, 1/k for Maxout, 1 for all that keep the shape."""
    return Fraction(getattr(module, "channel_factor", 1))
