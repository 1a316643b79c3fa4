"""PolyReLU: a trained polynomial of ReLU (Zhuo et al., 2024)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.checks import count_coefficients
from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec, ParameterSpec
from ..kernels import poly_relu as kernel


@wrap
def poly_relu(x: Tensor, a: Tensor | Sequence[float], *, channel_dim: int = 1) -> Tensor:
    """Σ_k a_k·max(0, x)^k.

    Args:
        x: input of any shape.
        a: a_0, a_1, …, at least two; numbers, or a tensor of any granularity with the coefficients along its first
            axis.
        channel_dim: dimension of `x` that channel-wise parameters belong to.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: there are too few coefficients, or they do not fit `x`.

    Example:
        >>> import torch
        >>> poly_relu(torch.tensor([-1.0, 2.0]), a=(1.0, 0.0, 2.0)).tolist()
        [1.0, 9.0]
    """
    count_coefficients("poly_relu", "a", a, least=2)
    return apply("poly_relu", kernel.formula, x, channel_dim=channel_dim, coefficients=frozenset("a"), a=a)


class PolyReLU(Elementwise):
    """Polynomial composition of ReLU: constant below zero, a trained polynomial above.

    Args:
        relu_like: start at ReLU exactly, with a_1 = 1 and all others 0.
        **granularity: `share` ("layer" as in the paper), `channels`, `channel_dim`, `device`, `dtype`.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> PolyReLU()(torch.tensor([-1.0, 3.0])).tolist()
        [0.0, 13.0]
    """

    spec = ActivationSpec(
        name="poly_relu",
        title="PolyReLU",
        equation="Σ_k a_k·max(0, x)^k, k from 0 to 3",
        paper="Zhuo, Wang, Zeng, Li, Zhou, Ma (2024): Polynomial Composition Activations: Unleashing the Dynamics of "
        "Large Language Models",
        use="In the feed-forward layers of language models, where it was found. Its output grows as the cube of its "
        "input: elsewhere, normalise what it gets, or take PolyNorm.",
        parameters=(
            ParameterSpec(
                name="a",
                init=(0.0, 0.3333333333333333, 0.3333333333333333, 0.3333333333333333),
                relu=(0.0, 1.0, 0.0, 0.0),
                coefficients=4,
            ),
        ),
        kinks=(0.0,),
        relu_start="exact",
        formula="poly_relu",
    )
    a: nn.Parameter

    def __init__(self, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `poly_relu`."""
        return poly_relu(self.ready(input), self.a, channel_dim=self.channel_dim)
