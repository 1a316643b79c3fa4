"""CELU: ELU with a continuous derivative for every α (Barron, 2017)."""

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
def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """max(0, x) + min(0, α·(exp(x/α) − 1)).

    Args:
        x: input of any shape.
        alpha: depth of the floor, −α; positive.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ConfigError: `alpha` is not a positive, finite number.

    Example:
        >>> import torch
        >>> celu(torch.tensor([-torch.inf, 0.0, 2.0]), alpha=0.5).tolist()
        [-0.5, 0.0, 2.0]
    """
    check_positive("celu", "alpha", alpha)
    return apply("celu", partial(F.celu, alpha=alpha), x)


class CELU(Elementwise):
    """Continuously differentiable exponential linear unit.

    Args:
        alpha: depth of the floor, −α; positive.
        relu_like: not possible for this function.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> CELU()(torch.tensor([-torch.inf, 0.0, 2.0])).tolist()
        [-1.0, 0.0, 2.0]
    """

    spec = ActivationSpec(
        name="celu",
        title="CELU",
        equation="max(0, x) + min(0, α·(exp(x/α) − 1))",
        paper="Barron (2017): Continuously Differentiable Exponential Linear Units",
        use="As ELU, where the derivative has to be continuous for every α.",
        invertible=True,
        kinks=(0.0,),
    )
    constants = ("alpha",)

    def __init__(self, alpha: float = 1.0, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)
        self.alpha = check_positive(self.owner, "alpha", alpha)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `celu`."""
        return celu(input, self.alpha)
