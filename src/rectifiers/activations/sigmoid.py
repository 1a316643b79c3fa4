"""Sigmoid: the logistic function (Han and Moraga, 1995)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec


@wrap
def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(−x)).

    Args:
        x: input of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.

    Example:
        >>> import torch
        >>> sigmoid(torch.tensor([-torch.inf, 0.0, torch.inf])).tolist()
        [0.0, 0.5, 1.0]
    """
    return apply("sigmoid", torch.sigmoid, x)


class Sigmoid(Elementwise):
    """The logistic function, between 0 and 1.

    Args:
        relu_like: not possible for this function.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> Sigmoid()(torch.tensor([-torch.inf, 0.0, torch.inf])).tolist()
        [0.0, 0.5, 1.0]
    """

    spec = ActivationSpec(
        name="sigmoid",
        title="Sigmoid",
        equation="1 / (1 + exp(−x))",
        paper="Han, Moraga (1995): The Influence of the Sigmoid Function Parameters on the Speed of "
        "Backpropagation Learning",
        use="As a gate or at the output. Between layers its gradient vanishes.",
        invertible=True,
        steepest=0.25,
    )

    def __init__(self, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `sigmoid`."""
        return sigmoid(input)
