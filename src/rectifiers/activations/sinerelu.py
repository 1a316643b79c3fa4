"""SineReLU: the identity above zero, a small wave below (Rodrigues, 2018)."""

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
def sinerelu(x: Tensor, epsilon: float = 0.0025) -> Tensor:
    """Identity for x > 0, ε·(sin x − cos x) otherwise; it steps by ε at zero.

    Args:
        x: input of any shape.
        epsilon: size of the wave.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.

    Example:
        >>> import math, torch
        >>> sinerelu(torch.tensor([-math.pi, 0.0, 2.0]), epsilon=0.5).round(decimals=4)
        tensor([ 0.5000, -0.5000,  2.0000])
    """
    return apply("sinerelu", wave.formula_below, x, epsilon=epsilon)


class SineReLU(Elementwise):
    """ReLU with a small wave below zero, which keeps its gradient alive; the ancestor of VLU.

    Args:
        epsilon: size of the wave.
        relu_like: take ε = 0, which is ReLU.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> SineReLU(epsilon=0.5)(torch.tensor([0.0, 2.0])).tolist()
        [-0.5, 2.0]
    """

    spec = ActivationSpec(
        name="sinerelu",
        title="SineReLU",
        equation="x for x > 0, ε·(sin x − cos x) otherwise",
        paper="Rodrigues (2018): SineReLU, An Alternative to the ReLU Activation Function",
        use="To compare with PVLU, whose authors took their idea from it.",
        monotone=False,
        kinks=(0.0,),
        relu_start="exact",
        formula="wave_below",
    )
    constants = ("epsilon",)

    def __init__(self, epsilon: float = 0.0025, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)
        self.epsilon = 0.0 if relu_like else check_number(self.owner, "epsilon", epsilon)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `sinerelu`."""
        return sinerelu(input, self.epsilon)
