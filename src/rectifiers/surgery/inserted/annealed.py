"""An activation on its way from what was there to a plain rectifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.elementwise import Elementwise
from ...core.errors import ConfigError
from ...core.spec import ActivationSpec

FORMULAS: dict[str, Callable[..., Tensor]] = {
    "celu": F.celu,
    "elu": F.elu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "hardswish": F.hardswish,
    "hardtanh": F.hardtanh,
    "leaky_relu": F.leaky_relu,
    "mish": F.mish,
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "selu": F.selu,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "swish": F.silu,
    "tanh": torch.tanh,
}
"""What an activation may be on its way from."""

OPTIONS = {
    "celu": ("alpha",),
    "elu": ("alpha",),
    "hardtanh": ("min_val", "max_val"),
    "leaky_relu": ("negative_slope",),
    "softplus": ("beta", "threshold"),
}
"""The numbers that these take, in their order."""

RECTIFIERS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "relu6": F.relu6}
"""What it may be on its way to."""


class Annealed(Elementwise):
    """(1 − λ)·f(x) + λ·g(x): f at λ = 0 and g at λ = 1, to the bit.

    Args:
        formula: name of f in `FORMULAS`.
        options: the numbers that f takes.
        to: name of g in `RECTIFIERS`.
        infinite: whether inputs may be infinite, as masked scores are; there it is f until it is g.

    Example:
        >>> x, module = torch.tensor([-1.0, 1.0]), Annealed("swish", {})
        >>> bool((module(x) == F.silu(x)).all())
        True
        >>> module.anneal(1.0)
        >>> module(x).tolist()
        [0.0, 1.0]
    """

    spec = ActivationSpec(
        name="annealed",
        title="Annealed",
        equation="(1 − λ)·f(x) + λ·g(x)",
        paper="",
        monotone=False,
    )
    reached: Tensor
    infinite: bool = False
    """Also of modules that were pickled before there was a choice."""

    def __init__(self, formula: str, options: Mapping[str, float], to: str = "relu", *, infinite: bool = False) -> None:
        super().__init__()
        known = formula in FORMULAS and to in RECTIFIERS
        if not known or set(options) - set(OPTIONS.get(formula, ())):
            raise ConfigError(f"{formula!r} with {dict(options)!r} cannot be annealed to {to!r}")
        self.formula, self.options, self.to_rectifier, self.infinite = formula, dict(options), to, infinite
        self.register_buffer("reached", torch.zeros(()))

    def forward(self, input: Tensor) -> Tensor:
        """Apply both functions, and take the share of each."""
        before, after = FORMULAS[self.formula](input, **self.options), RECTIFIERS[self.to_rectifier](input)
        blend = before.lerp(after, self.reached.to(before.dtype))
        if not self.infinite:
            return blend
        # Infinite values have no difference of which a share could be taken.
        return torch.where(blend.isnan() & input.isinf(), torch.where(self.reached < 1, before, after), blend)

    def anneal(self, share: float) -> None:
        """Go to λ = `share`."""
        self.reached.fill_(share)

    def extra_repr(self) -> str:
        """Show where it comes from and goes to, and how far it is."""
        numbers = "".join(f", {name}={value:g}" for name, value in self.options.items())
        share = "" if self.reached.is_meta else f", {100 * float(self.reached):.3g} %"
        return f"{self.formula}{numbers} → {self.to_rectifier}{share}"
