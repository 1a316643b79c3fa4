"""CReLU: both phases of every channel, rectified and concatenated (Shang et al., 2016)."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.checks import check_number
from ..core.elementwise import Elementwise, apply, check_input
from ..core.granularity import Granularity, channel_axis
from ..core.spec import ActivationSpec
from ..kernels import crelu as phases


@wrap
def crelu(x: Tensor, *, negative_slope: float = 0.0, channel_dim: int = 1) -> Tensor:
    """max(0, x) and max(0, −x), concatenated along the channels.

    Args:
        x: input with channels in dimension `channel_dim`.
        negative_slope: of both phases below zero: LeakyReLU in the place of ReLU, which the paper proposes (section
            2.2) and does not try. Other slopes than 0 are computed without a kernel of their own, at up to twice the
            time.
        channel_dim: dimension of `x` that holds the channels.

    Returns:
        Tensor of the dtype of `x` with twice the channels, the positive phase first.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: `x` has no such dimension.
        ConfigError: `negative_slope` is not a finite number.

    Example:
        >>> import torch
        >>> crelu(torch.tensor([[1.0, -2.0]])).tolist()
        [[1.0, 0.0, 0.0, 2.0]]
    """
    check_input("crelu", x)
    axis = channel_axis("crelu", x, channel_dim)
    if negative_slope:
        slope = check_number("crelu", "negative_slope", negative_slope)
        return apply("crelu", lambda x: F.leaky_relu(torch.cat((x, -x), axis), slope), x)
    fast = phases.formula.run(x, (), axis)
    return apply("crelu", partial(phases.reference, axis=axis), x) if fast is None else fast


class CReLU(Elementwise):
    """Concatenated ReLU: keeps the negative phase that ReLU drops, at twice the channels.

    Args:
        negative_slope: of both phases below zero; 0 is the paper's function.
        relu_like: not possible for this function alone: the layer after it has to be widened with zeros.
        **granularity: `channel_dim`; there are no parameters to share.

    Shape:
        (N, C, …) in, (N, 2C, …) out.

    Example:
        >>> import torch
        >>> CReLU()(torch.tensor([[1.0, -2.0]])).tolist()
        [[1.0, 0.0, 0.0, 2.0]]
    """

    spec = ActivationSpec(
        name="crelu",
        title="CReLU",
        equation="(max(0, x), max(0, −x)) along the channels",
        paper="Shang, Sohn, Almeida, Lee (2016): Understanding and Improving Convolutional Neural Networks "
        "via Concatenated Rectified Linear Units",
        use="In the first layers of a network trained from scratch, whose filters come in opposite pairs. It "
        "doubles the channels, so the next layer grows, or halve this layer's.",
        kind="channelwise",
        channel_factor=(2, 1),
        ranks=(2, None),
        monotone=False,
        invertible=True,
        kinks=(0.0,),
        formula="crelu",
    )

    constants = ("negative_slope",)

    def __init__(
        self, *, negative_slope: float = 0.0, relu_like: bool = False, **granularity: Unpack[Granularity]
    ) -> None:
        super().__init__(relu_like=relu_like, **granularity)
        self.negative_slope = check_number(self.owner, "negative_slope", negative_slope)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `crelu`."""
        return crelu(input, negative_slope=self.negative_slope, channel_dim=self.channel_dim)
