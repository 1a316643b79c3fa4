"""SELU: ELU scaled so that activations keep mean 0 and variance 1 (Klambauer et al., 2017)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec


@wrap
def selu(x: Tensor) -> Tensor:
    """λ·x for x > 0, λ·α·(exp(x) − 1) otherwise, with λ = 1.0507 and α = 1.6733.

    Args:
        x: input of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.

    Example:
        >>> import torch
        >>> selu(torch.tensor([0.0, 1.0])).round(decimals=4)
        tensor([0.0000, 1.0507])
    """
    return apply("selu", F.selu, x)


class SELU(Elementwise):
    """Self-normalising exponential linear unit.

    Args:
        relu_like: not possible for this function.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> SELU()(torch.tensor([0.0, 1.0])).round(decimals=4)
        tensor([0.0000, 1.0507])
    """

    spec = ActivationSpec(
        name="selu",
        title="SELU",
        equation="λ·x for x > 0, λ·α·(exp(x) − 1) otherwise; λ = 1.0507, α = 1.6733",
        paper="Klambauer, Unterthiner, Mayr, Hochreiter (2017): Self-Normalizing Neural Networks",
        use="In deep networks without normalisation, with weights initialised for it and alpha dropout.",
        invertible=True,
        kinks=(0.0,),
    )

    def __init__(self, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `selu`."""
        return selu(input)
