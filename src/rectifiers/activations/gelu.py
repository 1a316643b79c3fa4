"""GELU: the input, weighted by the normal distribution's cumulative probability (Hendrycks and Gimpel, 2016)."""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch.nn.functional as F
from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.elementwise import Elementwise, apply
from ..core.errors import ConfigError
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec
from ..kernels import gate

Approximate = Literal["none", "tanh"]


@wrap
def gelu(x: Tensor, approximate: Approximate = "none") -> Tensor:
    """x·Φ(x), exactly or with Φ(x) ≈ (1 + tanh(√(2/π)·(x + 0.044715·x³)))/2.

    Args:
        x: input of any shape.
        approximate: "none" for the exact function, "tanh" for the approximation.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ConfigError: `approximate` is neither word.

    Example:
        >>> import torch
        >>> gelu(torch.tensor([0.0, 1.0])).round(decimals=4)
        tensor([0.0000, 0.8413])
    """
    exact = _check_approximate("gelu", approximate) == "none"
    return apply("gelu", gate.gelu if exact else partial(F.gelu, approximate="tanh"), x)


def _check_approximate(owner: str, approximate: Approximate) -> Approximate:
    if approximate not in ("none", "tanh"):
        raise ConfigError(f"{owner}: approximate must be 'none' or 'tanh', got {approximate!r}")
    return approximate


class GELU(Elementwise):
    """Gaussian error linear unit.

    Args:
        approximate: "none" for the exact function, "tanh" for the approximation.
        relu_like: not possible for this function.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> GELU()(torch.tensor([0.0, 1.0])).round(decimals=4)
        tensor([0.0000, 0.8413])
    """

    spec = ActivationSpec(
        name="gelu",
        title="GELU",
        equation="x·Φ(x), Φ the cumulative distribution function of N(0, 1)",
        paper="Hendrycks, Gimpel (2016): Gaussian Error Linear Units (GELUs)",
        use="Where the architecture was designed with it, as most transformers are.",
        monotone=False,
        formula="gate",
    )
    constants = ("approximate",)

    def __init__(
        self, approximate: Approximate = "none", *, relu_like: bool = False, **granularity: Unpack[Granularity]
    ) -> None:
        super().__init__(relu_like=relu_like, **granularity)
        self.approximate = _check_approximate(self.owner, approximate)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `gelu`."""
        return gelu(input, self.approximate)


class GELUTanh(GELU):
    """GELU by its tanh approximation, the form in AReLU's tables.

    Args:
        relu_like: not possible for this function.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> GELUTanh()(torch.tensor([0.0, 1.0])).round(decimals=4)
        tensor([0.0000, 0.8412])
    """

    spec = ActivationSpec(
        name="gelu_tanh",
        title="GELU (tanh)",
        equation="x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2",
        paper="Hendrycks, Gimpel (2016): Gaussian Error Linear Units (GELUs)",
        use="Where published weights were trained with this approximation, as those of GPT-2 were; otherwise GELU.",
        monotone=False,
    )

    def __init__(self, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__("tanh", relu_like=relu_like, **granularity)
