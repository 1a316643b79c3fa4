"""xIELU: the integral of a slope that learns how fast it rises (Huang and Schlag, 2024)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec, ParameterSpec
from ..kernels import xielu as kernel

START_P, START_N = 0.2033823208110246, -1.0502256128148468
"""What softplus makes 0.8 and 0.3 of: the paper starts αₚ at 0.8, and αₙ at 1/2 + 0.3."""


@wrap
def xielu(
    x: Tensor,
    alpha_p: Tensor | float = START_P,
    alpha_n: Tensor | float = START_N,
    *,
    channel_dim: int = 1,
) -> Tensor:
    """s(αₚ)·x² + x/2 for x > 0, (1/2 + s(αₙ))·(eˣ − 1 − x) + x/2 otherwise, where s is softplus.

    Args:
        x: input of any shape.
        alpha_p: says how fast the slope rises above zero, before softplus; a number, or a tensor of any granularity.
        alpha_n: the same below zero, as a number or a tensor like `alpha_p`.
        channel_dim: dimension of `x` that channel-wise parameters belong to.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: a parameter does not fit `x`.

    Example:
        >>> import torch
        >>> xielu(torch.tensor([-1.0, 0.0, 1.0])).round(decimals=4)
        tensor([-0.2057,  0.0000,  1.3000])
    """
    return apply("xielu", kernel.formula, x, channel_dim=channel_dim, alpha_p=alpha_p, alpha_n=alpha_n)


class XIELU(Elementwise):
    """Expanded integral of the exponential linear unit: a parabola above zero, a bend that turns up again below.

    The activation of the Apertus language models. Parameters have the names and the meaning of those in Transformers'
    `XIELUActivation`.

    Args:
        alpha_p: start of αₚ; softplus of it is 0.8 by default, as in the paper.
        alpha_n: start of αₙ; 1/2 plus softplus of it is 0.8 by default, as in the paper.
        relu_like: not possible for this function.
        **granularity: `share` ("layer" as in the paper), `channels`, `channel_dim`, `device`, `dtype`.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> XIELU()(torch.tensor([2.0])).round(decimals=4)
        tensor([4.2000], grad_fn=<RoundBackward1>)
    """

    spec = ActivationSpec(
        name="xielu",
        title="xIELU",
        equation="softplus(αₚ)·x² + x/2 for x > 0, (1/2 + softplus(αₙ))·(exp(x) − 1 − x) + x/2 otherwise",
        paper="Huang, Schlag (2024): Deriving Activation Functions Using Integration",
        use="In the feed-forward layers of language models without gates, for which it was made. Its output grows as "
        "the square of its input: elsewhere, normalise what it gets.",
        parameters=(
            ParameterSpec(
                name="alpha_p", init=0.2033823208110246, domain="any real number, of which softplus is taken"
            ),
            ParameterSpec(
                name="alpha_n", init=-1.0502256128148468, domain="any real number, of which softplus is taken"
            ),
        ),
        monotone=False,
        formula="xielu",
    )
    alpha_p: nn.Parameter
    alpha_n: nn.Parameter

    def __init__(
        self,
        alpha_p: float = START_P,
        alpha_n: float = START_N,
        *,
        relu_like: bool = False,
        **granularity: Unpack[Granularity],
    ) -> None:
        super().__init__(relu_like=relu_like, inits={"alpha_p": alpha_p, "alpha_n": alpha_n}, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `xielu`."""
        return xielu(self.ready(input), self.alpha_p, self.alpha_n, channel_dim=self.channel_dim)
