"""PVLU: ReLU plus a sine whose amplitude and frequency are trained (Gupta and Ahuja, 2021)."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.elementwise import Elementwise, apply
from ..core.errors import ConfigError
from ..core.fitting import Points
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec, Limit, ParameterSpec
from ..kernels import wave

FREQUENCIES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Frequencies from which the nearest wave is looked for."""


@wrap
def pvlu(x: Tensor, alpha: Tensor | float = 0.25, beta: Tensor | float = 1.0, *, channel_dim: int = 1) -> Tensor:
    """max(0, x) + α·sin(β·x).

    Args:
        x: input of any shape.
        alpha: amplitude of the wave; a number, or a tensor of any granularity.
        beta: angular frequency of the wave, per unit of `x`; a number or a tensor like `alpha`.
        channel_dim: dimension of `x` that channel-wise parameters belong to.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: a parameter does not fit `x`.

    Example:
        >>> import math, torch
        >>> pvlu(torch.tensor([[-math.pi / 2, math.pi]]), alpha=torch.tensor([0.5, 2.0])).round(decimals=4)
        tensor([[-0.5000,  3.1416]])
    """
    return apply("pvlu", wave.formula, x, channel_dim=channel_dim, alpha=alpha, beta=beta)


class PVLU(Elementwise):
    """Parametric variational linear unit: each channel learns the amplitude and the frequency of its wave.

    Args:
        alpha: start of α; the paper's value for training from scratch is lost, 0.25 is our reading.
        beta: start of β; lost as well, 1 is our reading.
        relu_like: start at α = 0, β = 1, which is ReLU, as the paper does to fine-tune.
        **granularity: `share` ("channel" as in the paper), `channels`, `channel_dim`, `device`, `dtype`.

    Raises:
        ConfigError: α and β are both 0, where neither has a gradient.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> PVLU(relu_like=True)(torch.tensor([[-1.0, 2.0]])).tolist()
        [[0.0, 2.0]]
    """

    spec = ActivationSpec(
        name="pvlu",
        title="PVLU",
        equation="max(0, x) + α·sin(β·x)",
        paper="Gupta, Ahuja (2021): Parametric Variational Linear Units (PVLUs) in Deep Convolutional Networks",
        use="Per channel, on top of a trained network: it starts at ReLU exactly and adds a wave whose size is "
        "learned. Where the product of its parameters passes ±1, it is no longer monotone.",
        parameters=(
            ParameterSpec(name="alpha", init=0.25, relu=0.0, domain="any real number"),
            ParameterSpec(name="beta", init=1.0, relu=1.0, domain="any real number; not 0 where α is 0"),
        ),
        share="channel",
        ranks=(2, None),
        monotone=False,
        kinks=(0.0,),
        limits=(
            Limit(
                parameters=("alpha", "beta"),
                low=-1.0,
                high=1.0,
                meaning="beyond ±1, where the function falls in places even above 0",
            ),
        ),
        relu_start="exact",
        formula="wave",
    )
    alpha: nn.Parameter
    beta: nn.Parameter

    def __init__(
        self,
        alpha: float = 0.25,
        beta: float = 1.0,
        *,
        relu_like: bool = False,
        **granularity: Unpack[Granularity],
    ) -> None:
        super().__init__(relu_like=relu_like, inits={"alpha": alpha, "beta": beta}, **granularity)
        if alpha == 0 and beta == 0:
            raise ConfigError(
                "PVLU: alpha and beta must not both be 0, where neither has a gradient, got 0 and 0; take beta=1"
            )

    def guesses(self, points: Points) -> list[dict[str, Any]]:
        """Add waves of several frequencies, each with its best amplitude."""
        guesses = super().guesses(points)
        for beta in FREQUENCIES:
            amplitude = points.solve((beta * points.x).sin()[:, None], points.y - points.x.relu())
            guesses.append({"alpha": float(amplitude), "beta": beta})
        return guesses

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `pvlu`."""
        return pvlu(self.ready(input), self.alpha, self.beta, channel_dim=self.channel_dim)
