"""RReLU: a leaky ReLU whose slope is drawn at random for every element in training (Xu et al., 2015)."""

from __future__ import annotations

from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.checks import check_number
from ..core.elementwise import Elementwise, apply
from ..core.errors import ConfigError
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec
from ..kernels import random_slopes, two_slopes


@wrap
def rrelu(x: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Tensor:
    """slope·x for x < 0, x otherwise; the slope uniform on [lower, upper] in training, their mean otherwise.

    Args:
        x: input of any shape.
        lower: least slope.
        upper: greatest slope.
        training: whether to draw the slopes. Their noise follows from torch's global generator, but not the same by a
            kernel as by the reference.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ConfigError: `lower` is above `upper`, or one of them is not a finite number.

    Example:
        >>> import torch
        >>> rrelu(torch.tensor([-1.0, 1.0]), lower=0.25, upper=0.75).tolist()
        [-0.5, 1.0]
    """
    _check_bounds("rrelu", lower, upper)

    if not training:
        slope = (lower + upper) / 2
        return apply("rrelu", two_slopes.plain, x, slope=slope, positive=1.0)

    return apply("rrelu", random_slopes.RandomSlopes(lower, upper), x)


def _check_bounds(owner: str, lower: float, upper: float) -> None:
    if not check_number(owner, "lower", lower) <= check_number(owner, "upper", upper):
        raise ConfigError(f"{owner}: lower must not be above upper, got lower={lower} and upper={upper}")


class RReLU(Elementwise):
    """Randomised leaky rectifier: draws a slope for each negative element in training, takes the mean after.

    Args:
        lower: least slope.
        upper: greatest slope.
        relu_like: take lower = upper = 0, which is ReLU.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> RReLU(lower=0.25, upper=0.75).eval()(torch.tensor([-1.0, 1.0])).tolist()
        [-0.5, 1.0]
    """

    spec = ActivationSpec(
        name="rrelu",
        title="RReLU",
        equation="u·x for x < 0, x otherwise; u uniform on [lower, upper] in training, their mean otherwise",
        paper="Xu, Wang, Chen, Li (2015): Empirical Evaluation of Rectified Activations in Convolutional Network",
        use="As a regulariser on small data: the slope is drawn anew at every step. Results then depend on one "
        "more source of randomness.",
        stochastic=True,
        invertible=True,
        kinks=(0.0,),
        relu_start="exact",
        formula="two_slopes",
    )
    constants = ("lower", "upper")

    def __init__(
        self,
        lower: float = 1 / 8,
        upper: float = 1 / 3,
        *,
        relu_like: bool = False,
        **granularity: Unpack[Granularity],
    ) -> None:
        super().__init__(relu_like=relu_like, **granularity)
        _check_bounds(self.owner, lower, upper)
        self.lower, self.upper = (0.0, 0.0) if relu_like else (lower, upper)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function, drawing slopes in training mode; see `rrelu`."""
        return rrelu(input, self.lower, self.upper, self.training)
