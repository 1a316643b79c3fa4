"""Squared ReLU (So et al., 2021)."""

from __future__ import annotations

from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec
from ..kernels import squared


@wrap
def relu_squared(x: Tensor) -> Tensor:
    """max(0, x)².

    Args:
        x: input of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.

    Example:
        >>> import torch
        >>> relu_squared(torch.tensor([-1.0, 0.5, 3.0])).tolist()
        [0.0, 0.25, 9.0]
    """
    return apply("relu_squared", squared.formula, x, scale=1.0)


class ReLUSquared(Elementwise):
    """ReLU, squared: as sparse as ReLU, without its kink, and growing faster.

    Args:
        relu_like: not possible for this function.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> ReLUSquared()(torch.tensor([-1.0, 3.0])).tolist()
        [0.0, 9.0]
    """

    spec = ActivationSpec(
        name="relu_squared",
        title="Squared ReLU",
        equation="max(0, x)²",
        paper="So, Mańke, Liu, Dai, Shazeer, Le (2021): Primer: Searching for Efficient Transformers for Language "
        "Modeling",
        use="In the feed-forward layers of transformers, where it was found; its zeros can be skipped, as ReLU's can.",
        formula="squared",
    )

    def __init__(self, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `relu_squared`."""
        return relu_squared(input)
