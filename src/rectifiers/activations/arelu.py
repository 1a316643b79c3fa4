"""AReLU: ReLU plus an element-wise, sign-based attention with two scalars per layer (Chen et al., 2020)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec, ParameterSpec
from ..kernels import two_slopes


@wrap
def arelu(x: Tensor, alpha: Tensor | float = 0.9, beta: Tensor | float = 2.0, *, channel_dim: int = 1) -> Tensor:
    """C(α)·x for x < 0, (1 + σ(β))·x for x ≥ 0, where C clamps to [0.01, 0.99] and stops the gradient outside.

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
        >>> arelu(torch.tensor([-1.0, 0.0, 1.0]), alpha=0.5, beta=0.0)
        tensor([-0.5000,  0.0000,  1.5000])
    """
    return apply("arelu", two_slopes.amplified, x, channel_dim=channel_dim, alpha=alpha, beta=beta)


class AReLU(Elementwise):
    """Attention-based ReLU: amplifies positive elements and damps negative ones, both by learned amounts.

    Args:
        alpha: start of α; the paper takes 0.9 on MNIST, 0.75 on CIFAR.
        beta: start of β; the paper takes 2 on MNIST, 1 on CIFAR.
        relu_like: start as near to ReLU as AReLU comes and still learns α, just inside its clamp: slope 0.011 below
            zero, 1 + σ(−6) = 1.0025 above.
        **granularity: `share` ("layer" as in the paper), `channels`, `channel_dim`, `device`, `dtype`.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> AReLU(alpha=0.5, beta=0.0)(torch.tensor([-1.0, 1.0])).tolist()
        [-0.5, 1.5]
    """

    spec = ActivationSpec(
        name="arelu",
        title="AReLU",
        equation="C(α)·x for x < 0, (1 + σ(β))·x for x ≥ 0; C clamps to [0.01, 0.99]",
        paper="Chen, Li, Xu (2020): AReLU: Attention-based Rectified Linear Unit",
        use="At small learning rates and in few epochs, where it learned sooner than the 18 other functions of "
        "its paper's Table 1; in our runs surely at three of six such settings. Its start is near ReLU, not at it, so "
        "train after a swap.",
        parameters=(
            ParameterSpec(
                name="alpha",
                init=0.9,
                relu=0.011,
                domain="clamped to [0.01, 0.99]",
                bounds=(0.01, 0.99),
                learns=(0.011, 0.989),
            ),
            ParameterSpec(name="beta", init=2.0, relu=-6.0, learns=(-6.0, 6.0), effect="1 + σ"),
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
        """Apply the function; see `arelu`."""
        return arelu(self.ready(input), self.alpha, self.beta, channel_dim=self.channel_dim)
