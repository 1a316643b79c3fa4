"""AdaReLU: ReLU with a trained threshold (Gao, Cai, Ji, 2020)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.elementwise import Elementwise, apply
from ..core.fitting import Points
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec, ParameterSpec
from ..core.thresholds import ThresholdInit, check_threshold_init, fill_thresholds
from ..kernels import threshold


@wrap
def adarelu(x: Tensor, theta: Tensor | float = 0.0, *, channel_dim: int = 1) -> Tensor:
    """The larger of x and θ; at x = θ the whole gradient goes to θ.

    Args:
        x: input of any shape.
        theta: threshold; a number, or a tensor of any granularity.
        channel_dim: dimension of `x` that channel-wise parameters belong to.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: a parameter does not fit `x`.

    Example:
        >>> import torch
        >>> adarelu(torch.tensor([-1.0, 0.5, 2.0]), theta=0.5).tolist()
        [0.5, 0.5, 2.0]
    """
    return apply("adarelu", threshold.formula, x, channel_dim=channel_dim, theta=theta)


class AdaReLU(Elementwise):
    """Adaptive ReLU: every neuron, channel or layer learns its own threshold.

    The paper gives each input neuron a threshold, or shares one over a channel or a layer.

    Args:
        init: start of θ: "zero", "random", "glorot", or a number. Glorot's inputs and outputs are both the number of
            thresholds; without taps, "xavier" is the same.
        relu_like: start at θ = 0, which is ReLU.
        **granularity: `share` ("channel" by default), `channels`, `channel_dim`, `device`, `dtype`.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> AdaReLU(init=0.5, share="layer")(torch.tensor([-1.0, 2.0])).tolist()
        [0.5, 2.0]
    """

    spec = ActivationSpec(
        name="adarelu",
        title="AdaReLU",
        equation="x for x > θ, θ otherwise",
        paper="Gao, Cai, Ji (2020): Adaptive Convolutional ReLUs",
        use="To let a trained network choose, per channel, below which value it stops listening: it starts at "
        "ReLU exactly and runs at ReLU's cost. Where a convolution follows, ConvReLU learns more thresholds.",
        parameters=(ParameterSpec(name="theta", init=0.0, relu=0.0, domain="any real number"),),
        share="channel",
        ranks=(2, None),
        kinks=("theta",),
        relu_start="exact",
        formula="threshold",
    )
    theta: nn.Parameter

    def __init__(
        self, init: ThresholdInit = "zero", *, relu_like: bool = False, **granularity: Unpack[Granularity]
    ) -> None:
        check_threshold_init(self.owner, "init", init)
        theta = init if isinstance(init, float | int) else partial(_fill, init=init)
        super().__init__(relu_like=relu_like, inits={"theta": 0.0 if init == "zero" else theta}, **granularity)

    def guesses(self, points: Points) -> list[dict[str, Any]]:
        """Add thresholds among the values that are to be met."""
        quantiles = torch.quantile(points.y, torch.tensor([0.0, 0.25, 0.5], dtype=torch.float64))
        return [{"theta": 0.0}, *({"theta": value} for value in quantiles.tolist())]

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `adarelu`."""
        return adarelu(self.ready(input), self.theta, channel_dim=self.channel_dim)


def _fill(theta: Tensor, init: ThresholdInit) -> None:
    fill_thresholds(theta, init, inputs=theta.numel(), outputs=theta.numel())
