"""VLU: ReLU plus a fixed sine over the whole line (Gupta and Ahuja, 2021)."""

from __future__ import annotations

from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.checks import check_number
from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec
from ..kernels import wave


@wrap
def vlu(x: Tensor, alpha: float = 0.25, beta: float = 1.0) -> Tensor:
    """max(0, x) + α·sin(β·x).

    Args:
        x: input of any shape.
        alpha: amplitude of the wave.
        beta: angular frequency of the wave, per unit of `x`.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.

    Example:
        >>> import math, torch
        >>> vlu(torch.tensor([-math.pi / 2, 0.0, math.pi]), alpha=0.5).round(decimals=4)
        tensor([-0.5000,  0.0000,  3.1416])
    """
    return apply("vlu", wave.formula, x, alpha=alpha, beta=beta)


class VLU(Elementwise):
    """Variational linear unit with constant amplitude and frequency; PVLU trains them.

    Args:
        alpha: amplitude; the paper's value is lost, 0.25 is our reading.
        beta: angular frequency; the paper's value is lost, 1 is our reading.
        relu_like: take α = 0, which is ReLU.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import math, torch
        >>> VLU(alpha=0.5)(torch.tensor([-math.pi / 2])).item()
        -0.5
    """

    spec = ActivationSpec(
        name="vlu",
        title="VLU",
        equation="max(0, x) + α·sin(β·x)",
        paper="Gupta, Ahuja (2021): Parametric Variational Linear Units (PVLUs) in Deep Convolutional Networks",
        use="As PVLU with fixed waves: to separate what the wave does from what learning it does.",
        monotone=False,
        kinks=(0.0,),
        relu_start="exact",
        formula="wave",
    )
    constants = ("alpha", "beta")

    def __init__(
        self,
        alpha: float = 0.25,
        beta: float = 1.0,
        *,
        relu_like: bool = False,
        **granularity: Unpack[Granularity],
    ) -> None:
        super().__init__(relu_like=relu_like, **granularity)
        self.alpha = 0.0 if relu_like else check_number(self.owner, "alpha", alpha)
        self.beta = check_number(self.owner, "beta", beta)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `vlu`."""
        return vlu(input, self.alpha, self.beta)
