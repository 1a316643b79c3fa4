"""An activation whose difference from ReLU is added to what was there."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ...core.elementwise import Elementwise
from ...core.errors import ConfigError
from .annealed import FORMULAS, OPTIONS
from .derived import Derived, derive_class


class Added(Derived):
    """A base that is put in front of an activation's class: g(x) + (f(x) − ReLU(x)), for the g that was there.

    A function f that is ReLU at its start leaves g as it is, to the bit, and learns what to add to it.
    """

    formula: str
    options: Mapping[str, float]

    def forward(self, input: Tensor) -> Tensor:
        """Apply what was there, and add to it."""
        added: Tensor = super().forward(input) - input.relu()
        return FORMULAS[self.formula](input, **self.options) + added

    def extra_repr(self) -> str:
        """Return what the activation shows, and what it is added to."""
        numbers = "".join(f", {name}={value:g}" for name, value in self.options.items())
        return ", ".join(filter(None, (super().extra_repr(), f"added to {self.formula}{numbers}")))


def add_to(formula: str, options: Mapping[str, float], activation: Elementwise) -> Elementwise:
    """Let `activation` be added to another function, but for the ReLU in it; return it.

    Args:
        formula: name in `FORMULAS` of what was there.
        options: the numbers that it takes.
        activation: starts at ReLU.

    Raises:
        ConfigError: there is no such formula, or it takes no such numbers.
    """
    if formula not in FORMULAS or set(options) - set(OPTIONS.get(formula, ())):
        raise ConfigError(f"nothing can be added to {formula!r} with {dict(options)!r}")
    activation.__class__ = added_class(type(activation))
    vars(activation).update(formula=formula, options=dict(options))
    return activation


def added_class(base: type[Elementwise]) -> type[Elementwise]:
    """Make the class of an activation of class `base` that is added to what was there."""
    return derive_class(Added, base, added_class)  # type: ignore[return-value]
