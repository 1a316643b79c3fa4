"""Tanh: the hyperbolic tangent (LeCun et al., 1998)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec


@wrap
def tanh(x: Tensor) -> Tensor:
    """(exp(x) − exp(−x)) / (exp(x) + exp(−x)).

    Args:
        x: input of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.

    Example:
        >>> import torch
        >>> tanh(torch.tensor([-torch.inf, 0.0, torch.inf])).tolist()
        [-1.0, 0.0, 1.0]
    """
    return apply("tanh", torch.tanh, x)


class Tanh(Elementwise):
    """The hyperbolic tangent, between −1 and 1.

    Args:
        relu_like: not possible for this function.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> Tanh()(torch.tensor([-torch.inf, 0.0, torch.inf])).tolist()
        [-1.0, 0.0, 1.0]
    """

    spec = ActivationSpec(
        name="tanh",
        title="Tanh",
        equation="(exp(x) − exp(−x)) / (exp(x) + exp(−x))",
        paper="LeCun, Bottou, Orr, Müller (1998): Efficient BackProp",
        use="In recurrent cells and where outputs have to be bounded.",
        invertible=True,
        steepest=1.0,
    )

    def __init__(self, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `tanh`."""
        return tanh(input)
