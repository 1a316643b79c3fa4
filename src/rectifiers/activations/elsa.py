"""ELSA: element-wise sign-based attention, the part of AReLU that is learned (Chen et al., 2020)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec, ParameterSpec
from ..kernels import two_slopes


@wrap
def elsa(x: Tensor, alpha: Tensor | float = 0.9, beta: Tensor | float = 2.0, *, channel_dim: int = 1) -> Tensor:
    """C(α)·x for x < 0, σ(β)·x for x ≥ 0, where C clamps to [0.01, 0.99] and stops the gradient outside.

    On the bounds α still learns. The derivative for x < 0 is C(α), where the paper prints α.

    Args:
        x: input of any shape.
        alpha: attention to negative elements; a number, or a tensor of any granularity.
        beta: attention to the others before the sigmoid, as a number or a tensor like `alpha`.
        channel_dim: dimension of `x` that channel-wise parameters belong to.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: a parameter does not fit `x`.

    Example:
        >>> import torch
        >>> elsa(torch.tensor([-1.0, 0.0, 1.0]), alpha=0.25, beta=0.0).tolist()
        [-0.25, 0.0, 0.5]
    """
    return apply("elsa", two_slopes.attention, x, channel_dim=channel_dim, alpha=alpha, beta=beta)


class ELSA(Elementwise):
    """Element-wise sign-based attention map times the input; AReLU is ReLU + ELSA.

    Args:
        alpha: start of α.
        beta: start of β.
        relu_like: start as near to ReLU as ELSA comes and still learns α, just inside its clamp: slope 0.011 below
            zero, σ(6) = 0.9975 above.
        **granularity: `share` ("layer" as in the paper), `channels`, `channel_dim`, `device`, `dtype`.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> ELSA(alpha=0.25, beta=0.0)(torch.tensor([-1.0, 1.0])).tolist()
        [-0.25, 0.5]
    """

    spec = ActivationSpec(
        name="elsa",
        title="ELSA",
        equation="C(α)·x for x < 0, σ(β)·x for x ≥ 0; C clamps to [0.01, 0.99]",
        paper="Chen, Li, Xu (2020): AReLU: Attention-based Rectified Linear Unit",
        use="As a part of AReLU, and to repeat its paper; alone it scales the positive half down.",
        parameters=(
            ParameterSpec(
                name="alpha",
                init=0.9,
                relu=0.011,
                domain="clamped to [0.01, 0.99]",
                bounds=(0.01, 0.99),
                learns=(0.011, 0.989),
            ),
            ParameterSpec(name="beta", init=2.0, relu=6.0, learns=(-6.0, 6.0), effect="σ"),
        ),
        invertible=True,
        kinks=(0.0,),
        relu_start="nearest",
        formula="two_slopes",
    )
    alpha: nn.Parameter
    beta: nn.Parameter

    def __init__(
        self,
        alpha: float = 0.9,
        beta: float = 2.0,
        *,
        relu_like: bool = False,
        **granularity: Unpack[Granularity],
    ) -> None:
        super().__init__(relu_like=relu_like, inits={"alpha": alpha, "beta": beta}, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `elsa`."""
        return elsa(self.ready(input), self.alpha, self.beta, channel_dim=self.channel_dim)
