"""ReLU6: ReLU with a ceiling (Krizhevsky, 2010)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec


@wrap
def relu6(x: Tensor) -> Tensor:
    """min(max(0, x), 6).

    Args:
        x: input of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.

    Example:
        >>> import torch
        >>> relu6(torch.tensor([-1.0, 2.0, 8.0])).tolist()
        [0.0, 2.0, 6.0]
    """
    return apply("relu6", F.relu6, x)


class ReLU6(Elementwise):
    """ReLU, capped at six.

    Args:
        relu_like: not possible for this function.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> ReLU6()(torch.tensor([-1.0, 2.0, 8.0])).tolist()
        [0.0, 2.0, 6.0]
    """

    spec = ActivationSpec(
        name="relu6",
        title="ReLU6",
        equation="min(max(0, x), 6)",
        paper="Krizhevsky (2010): Convolutional Deep Belief Networks on CIFAR-10",
        use="For networks that will run in few bits, and where published weights expect it.",
        kinks=(0.0, 6.0),
        steepest=1.0,
    )

    def __init__(self, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `relu6`."""
        return relu6(input)
