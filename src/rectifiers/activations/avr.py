"""AVR: absolute value rectification, CReLU without the sign (Shang et al., 2016)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec


@wrap
def avr(x: Tensor) -> Tensor:
    """|x|.

    Args:
        x: input of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.

    Example:
        >>> import torch
        >>> avr(torch.tensor([-1.0, 0.0, 2.0])).tolist()
        [1.0, 0.0, 2.0]
    """
    return apply("avr", torch.abs, x)


class AVR(Elementwise):
    """Absolute value rectification: keeps the size of a response and drops its phase.

    Args:
        relu_like: not possible for this function.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> AVR()(torch.tensor([-1.0, 0.0, 2.0])).tolist()
        [1.0, 0.0, 2.0]
    """

    spec = ActivationSpec(
        name="avr",
        title="AVR",
        equation="|x|",
        paper="Shang, Sohn, Almeida, Lee (2016): Understanding and Improving Convolutional Neural Networks "
        "via Concatenated Rectified Linear Units",
        use="Where the sign of a feature carries nothing, such as edges in the first layers. It is not monotone "
        "and has no start at ReLU.",
        monotone=False,
        kinks=(0.0,),
    )

    def __init__(self, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `avr`."""
        return avr(input)
