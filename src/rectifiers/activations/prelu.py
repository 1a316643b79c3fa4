"""PReLU: a leaky ReLU whose slope is trained (He et al., 2015)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec, ParameterSpec
from ..kernels import two_slopes


@wrap
def prelu(x: Tensor, a: Tensor | float = 0.25, *, channel_dim: int = 1) -> Tensor:
    """a·x for x < 0, x otherwise.

    Args:
        x: input of any shape.
        a: slope below zero; a number, or a tensor of any granularity.
        channel_dim: dimension of `x` that channel-wise parameters belong to.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: a parameter does not fit `x`.

    Example:
        >>> import torch
        >>> prelu(torch.tensor([-2.0, 0.0, 2.0]), a=0.5).tolist()
        [-1.0, 0.0, 2.0]
    """
    return apply("prelu", two_slopes.plain, x, channel_dim=channel_dim, a=a, positive=1.0)


class PReLU(Elementwise):
    """Parametric ReLU: learns the slope below zero.

    Args:
        a: start of the slope, given by name: `torch.nn.PReLU` takes a number of channels in its place.
        relu_like: start at slope 0, which is ReLU.
        **granularity: `share` ("layer" by default, one slope as in `torch.nn.PReLU`; the paper compares it with
            "channel"), `channels`, `channel_dim`, `device`, `dtype`.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> PReLU()(torch.tensor([-2.0, 2.0])).tolist()
        [-0.5, 2.0]
    """

    spec = ActivationSpec(
        name="prelu",
        title="PReLU",
        equation="a·x for x < 0, x otherwise",
        paper="He, Zhang, Ren, Sun (2015): Delving Deep into Rectifiers",
        use="The first function that learns to try: one slope per channel, an exact start at ReLU, and little cost.",
        parameters=(ParameterSpec(name="a", init=0.25, relu=0.0, domain="any real number"),),
        invertible=True,
        kinks=(0.0,),
        relu_start="exact",
        formula="two_slopes",
    )
    a: nn.Parameter

    def __init__(self, *, a: float = 0.25, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, inits={"a": a}, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `prelu`."""
        return prelu(self.ready(input), self.a, channel_dim=self.channel_dim)
