"""PolyNorm: powers of the input, normalised over the channels, and a trained sum of them (Zhuo et al., 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.checks import count_coefficients
from ..core.elementwise import Elementwise, apply, check_input
from ..core.errors import ShapeError
from ..core.granularity import Granularity, channel_axis
from ..core.spec import ActivationSpec, ParameterSpec
from ..kernels import poly_norm as kernel


@wrap
def poly_norm(x: Tensor, a: Tensor | Sequence[float], *, channel_dim: int = 1) -> Tensor:
    """a_0 + Σ_k a_k·x^k / rms(x^k), where rms is the root of 10⁻⁶ plus the mean square over the channels.

    Args:
        x: input with channels in dimension `channel_dim`.
        a: a_0, a_1, …, at least two; numbers, or a tensor of any granularity with the coefficients along its first
            axis.
        channel_dim: dimension of `x` that holds the channels; −1 where features come last, as in transformers.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: `x` has no such dimension, or is nested and its samples differ in it, there are too few
            coefficients, or they do not fit `x`.

    Example:
        >>> import torch
        >>> poly_norm(torch.tensor([[1.0, -7.0]]), a=(0.0, 1.0)).round(decimals=4)
        tensor([[ 0.2000, -1.4000]])
    """
    check_input("poly_norm", x)
    axis = channel_axis("poly_norm", x, channel_dim)
    count_coefficients("poly_norm", "a", a, least=2)
    if (fast := kernel.formula.run(x, (a,), axis)) is not None:
        return fast
    if x.is_nested and axis in (0, getattr(x, "_ragged_idx", 0)):
        raise ShapeError(
            f"poly_norm: the samples of a nested tensor of shape {tuple(x.shape)} differ in dimension {axis}, so that "
            "no mean is taken over it; give the channels' own as channel_dim"
        )
    # Counted from the end, for the values of a nested tensor have one dimension less in front.
    formula = partial(kernel.reference, axis=axis - x.ndim)
    return apply("poly_norm", formula, x, channel_dim=axis, coefficients=frozenset("a"), a=a)


class PolyNorm(Elementwise):
    """Polynomial composition of a norm: every power of the input is brought to a mean square of 1 over the channels.

    The channels are those of `channel_dim`: of images (N, C, H, W), those of a pixel; of sequences (N, T, D), with
    `channel_dim=-1`, the features of a token, as in the paper.

    Args:
        relu_like: not possible for this function.
        **granularity: `share` ("layer" as in the paper; others run without a kernel), `channels`, `channel_dim`,
            `device`, `dtype`.

    Shape:
        (N, C, …) in, the same out.

    Example:
        >>> import torch
        >>> PolyNorm()(torch.tensor([[3.0, 3.0]])).detach().round(decimals=4)
        tensor([[1., 1.]])
    """

    spec = ActivationSpec(
        name="poly_norm",
        title="PolyNorm",
        equation="a_0 + Σ_k a_k·(x^k / rms(x^k)), k from 1 to 3; rms over the channels",
        paper="Zhuo, Wang, Zeng, Li, Zhou, Ma (2024): Polynomial Composition Activations: Unleashing the Dynamics of "
        "Large Language Models",
        use="In the feed-forward layers of language models without gates, for which it was made; there with "
        "channel_dim=-1. It forgets how large its input was, so what a ReLU network has learned does not survive it: "
        "train from scratch.",
        parameters=(
            ParameterSpec(
                name="a", init=(0.0, 0.3333333333333333, 0.3333333333333333, 0.3333333333333333), coefficients=4
            ),
        ),
        kind="channelwise",
        ranks=(2, None),
        monotone=False,
        formula="poly_norm",
    )
    a: nn.Parameter

    def __init__(self, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `poly_norm`."""
        return poly_norm(self.ready(input), self.a, channel_dim=self.channel_dim)
