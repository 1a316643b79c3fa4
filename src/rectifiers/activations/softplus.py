"""Softplus: a smooth upper bound of ReLU (Dugas et al., 2001)."""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F
from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.checks import check_positive
from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec


@wrap
def softplus(x: Tensor, beta: float = 1.0) -> Tensor:
    """log(1 + exp(β·x)) / β; the identity where β·x > 20, as rounding makes it in float32.

    Args:
        x: input of any shape.
        beta: sharpness of the bend; positive.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ConfigError: `beta` is not a positive, finite number.

    Example:
        >>> import torch
        >>> softplus(torch.tensor([-torch.inf, 0.0, 30.0])).round(decimals=4)
        tensor([ 0.0000,  0.6931, 30.0000])
    """
    check_positive("softplus", "beta", beta)
    return apply("softplus", partial(F.softplus, beta=beta), x)


class Softplus(Elementwise):
    """A smooth rectifier that stays above ReLU.

    Args:
        beta: sharpness of the bend; positive.
        relu_like: not possible for this function.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> Softplus(beta=2.0)(torch.tensor([0.0])).round(decimals=4)
        tensor([0.3466])
    """

    spec = ActivationSpec(
        name="softplus",
        title="Softplus",
        equation="log(1 + exp(β·x)) / β",
        paper="Dugas, Bengio, Bélisle, Nadeau, Garcia (2001): Incorporating Second-Order Functional Knowledge "
        "for Better Option Pricing",
        use="Where the output has to be positive and smooth, as a scale or a variance has to be. As an activation "
        "it was among the last to learn in our runs of AReLU's Table 1.",
        invertible=True,
    )
    constants = ("beta",)

    def __init__(self, beta: float = 1.0, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)
        self.beta = check_positive(self.owner, "beta", beta)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `softplus`."""
        return softplus(input, self.beta)
