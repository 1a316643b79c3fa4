"""ELU: exponential linear unit (Clevert, Unterthiner and Hochreiter, 2016)."""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F
from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.checks import check_number
from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec


@wrap
def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """α·(exp(x) − 1) for x < 0, x otherwise.

    Args:
        x: input of any shape.
        alpha: depth of the floor, −α.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ConfigError: `alpha` is not a finite number.

    Example:
        >>> import torch
        >>> elu(torch.tensor([-torch.inf, 0.0, 2.0]), alpha=0.5).tolist()
        [-0.5, 0.0, 2.0]
    """
    check_number("elu", "alpha", alpha)
    return apply("elu", partial(F.elu, alpha=alpha), x)


class ELU(Elementwise):
    """Exponential linear unit: negative elements sink smoothly to −α.

    Args:
        alpha: depth of the floor, −α.
        relu_like: take α = 0, which is ReLU.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> ELU()(torch.tensor([-torch.inf, 0.0, 2.0])).tolist()
        [-1.0, 0.0, 2.0]
    """

    spec = ActivationSpec(
        name="elu",
        title="ELU",
        equation="α·(exp(x) − 1) for x < 0, x otherwise",
        paper="Clevert, Unterthiner, Hochreiter (2016): Fast and Accurate Deep Network Learning by "
        "Exponential Linear Units",
        use="As a fixed function to try before any that learns: it lets negative values through, down to −α.",
        invertible=True,
        kinks=(0.0,),
        relu_start="exact",
    )
    constants = ("alpha",)

    def __init__(self, alpha: float = 1.0, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)
        self.alpha = 0.0 if relu_like else check_number(self.owner, "alpha", alpha)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `elu`."""
        return elu(input, self.alpha)
