"""ReLU: the rectifier that all others start from (Nair and Hinton, 2010)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec


@wrap
def relu(x: Tensor) -> Tensor:
    """max(0, x).

    Args:
        x: input of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.

    Example:
        >>> import torch
        >>> relu(torch.tensor([-1.0, 0.0, 2.0])).tolist()
        [0.0, 0.0, 2.0]
    """
    return apply("relu", torch.relu, x)


class ReLU(Elementwise):
    """The rectified linear unit.

    Args:
        relu_like: nothing to do, it is ReLU.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> ReLU()(torch.tensor([-1.0, 0.0, 2.0])).tolist()
        [0.0, 0.0, 2.0]
    """

    spec = ActivationSpec(
        name="relu",
        title="ReLU",
        equation="max(0, x)",
        paper="Nair, Hinton (2010): Rectified Linear Units Improve Restricted Boltzmann Machines",
        use="The baseline, and the right answer more often than papers suggest.",
        kinks=(0.0,),
        relu_start="exact",
    )

    def __init__(self, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `relu`."""
        return relu(input)
