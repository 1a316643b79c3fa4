"""LeakyReLU: ReLU with a small fixed slope below zero (Maas, Hannun and Ng, 2013)."""

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
def leaky_relu(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    """negative_slope·x for x < 0, x otherwise.

    Args:
        x: input of any shape.
        negative_slope: slope below zero.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ConfigError: `negative_slope` is not a finite number.

    Example:
        >>> import torch
        >>> leaky_relu(torch.tensor([-1.0, 0.0, 2.0]), negative_slope=0.5).tolist()
        [-0.5, 0.0, 2.0]
    """
    check_number("leaky_relu", "negative_slope", negative_slope)
    return apply("leaky_relu", partial(F.leaky_relu, negative_slope=negative_slope), x)


class LeakyReLU(Elementwise):
    """The leaky rectifier: negative elements keep a small, fixed share.

    Args:
        negative_slope: slope below zero.
        relu_like: take slope 0, which is ReLU.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> LeakyReLU(negative_slope=0.5)(torch.tensor([-1.0, 0.0, 2.0])).tolist()
        [-0.5, 0.0, 2.0]
    """

    spec = ActivationSpec(
        name="leaky_relu",
        title="LeakyReLU",
        equation="slope·x for x < 0, x otherwise",
        paper="Maas, Hannun, Ng (2013): Rectifier Nonlinearities Improve Neural Network Acoustic Models",
        use="Against units that have died, at no cost over ReLU and without parameters. In a swap, give "
        'start="published": otherwise it starts at ReLU, and stays there.',
        invertible=True,
        kinks=(0.0,),
        relu_start="exact",
    )
    constants = ("negative_slope",)

    def __init__(
        self, negative_slope: float = 0.01, *, relu_like: bool = False, **granularity: Unpack[Granularity]
    ) -> None:
        super().__init__(relu_like=relu_like, **granularity)
        self.negative_slope = 0.0 if relu_like else check_number(self.owner, "negative_slope", negative_slope)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `leaky_relu`."""
        return leaky_relu(input, self.negative_slope)
