"""APL: ReLU plus a trained sum of hinges (Agostinelli et al., 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.checks import check_count, count_coefficients
from ..core.elementwise import Elementwise, apply
from ..core.errors import ShapeError
from ..core.fitting import Points
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec, ParameterSpec
from ..kernels import hinges


@wrap
def apl(
    x: Tensor,
    a: Tensor | Sequence[float] = (0.2,),
    b: Tensor | Sequence[float] = (0.5,),
    *,
    channel_dim: int = 1,
) -> Tensor:
    """max(0, x) + Σ_s a_s·max(0, b_s − x).

    Args:
        x: input of any shape.
        a: slopes of the hinges; numbers, or a tensor of any granularity with the hinges along its first axis.
        b: places of the hinges, as many as slopes, and given like them.
        channel_dim: dimension of `x` that channel-wise parameters belong to.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: a parameter does not fit `x`, or `a` and `b` differ in length.

    Example:
        >>> import torch
        >>> apl(torch.tensor([-1.5, 1.0]), a=(0.5,), b=(0.5,)).tolist()
        [1.0, 1.0]
    """
    slopes, places = count_coefficients("apl", "a", a), count_coefficients("apl", "b", b)
    if slopes != places:
        raise ShapeError(f"apl: expected as many slopes as places, got {slopes} and {places}")
    return apply(
        "apl",
        hinges.formula,
        x,
        channel_dim=channel_dim,
        coefficients=frozenset("ab"),
        a=a,
        b=b,
    )


def _random_slopes(a: Tensor) -> None:
    nn.init.uniform_(a, -0.2, 0.2)


def _random_places(b: Tensor) -> None:
    nn.init.normal_(b, std=0.5)


def _guess_hinges(points: Points, count: int) -> list[dict[str, Any]]:
    """Return hinges with the best slopes, at places that are even in the range, among the values, or near zero."""
    ranks = torch.arange(1, count + 1, dtype=torch.float64) / (count + 1)
    low, high = points.x.min(), points.x.max()
    near = max(float(points.x.abs().median()), 1e-3) * 6 * (ranks - 0.5)
    guesses = []
    for places in (low + (high - low) * ranks, torch.quantile(points.x, ranks), near):
        columns = (places - points.x[:, None]).relu()
        slopes = points.solve(columns, points.y - points.x.relu())
        guesses.append({"a": tuple(slopes.tolist()), "b": tuple(places.tolist())})
    return guesses


class APL(Elementwise):
    """Adaptive piecewise linear unit: every neuron learns the slopes and places of its own hinges.

    Starts at random, as the authors' published settings do: slopes uniform on [−0.2, 0.2], places from N(0, 0.5²).

    Args:
        hinges: number of hinges S; the paper takes 5 on CIFAR-10, 2 on CIFAR-100.
        relu_like: start with all slopes 0, which is ReLU.
        **granularity: `share` ("element" as in the paper), `channels` (the shape of one sample), `channel_dim`,
            `device`, `dtype`.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> APL(hinges=2, relu_like=True)(torch.tensor([[-1.0, 2.0]])).tolist()
        [[0.0, 2.0]]
    """

    spec = ActivationSpec(
        name="apl",
        title="APL",
        equation="max(0, x) + Σ_s a_s·max(0, b_s − x)",
        paper="Agostinelli, Hoffman, Sadowski, Baldi (2015): Learning Activation Functions to Improve Deep "
        "Neural Networks",
        use="When the shape itself should be learned and a few hundred parameters more do not matter. It can "
        "start at ReLU exactly; from scratch, its random hinges need a learning rate of their own.",
        parameters=(
            ParameterSpec(name="a", init="uniform on [-0.2, 0.2]", relu=0.0, domain="any real number", coefficients=5),
            ParameterSpec(name="b", init="N(0, 0.5²)", domain="any real number", coefficients=5),
        ),
        share="element",
        ranks=(1, None),
        monotone=False,
        kinks=(0.0, "b"),
        relu_start="exact",
        formula="hinges",
    )
    constants = ("hinges",)
    a: nn.Parameter
    b: nn.Parameter

    def __init__(self, hinges: int = 5, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(
            relu_like=relu_like,
            inits={"a": _random_slopes, "b": _random_places},
            coefficients=check_count(self.owner, "hinges", hinges),
            **granularity,
        )
        self.hinges = hinges

    def guesses(self, points: Points) -> list[dict[str, Any]]:
        """Start from hinges spread over the values, as the published start is random."""
        return _guess_hinges(points, self.hinges)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `apl`."""
        return apl(self.ready(input), self.a, self.b, channel_dim=self.channel_dim)


class APLAReLU(Elementwise):
    """APL as AReLU's tables ran it: one hinge of fixed start, shared by the layer.

    Args:
        a: start of the slope.
        b: start of the place.
        relu_like: start with slope 0, which is ReLU.
        **granularity: `share` ("layer" by default), `channels`, `channel_dim`, `device`, `dtype`.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> APLAReLU(a=0.5)(torch.tensor([-1.5, 1.0])).tolist()
        [1.0, 1.0]
    """

    spec = ActivationSpec(
        name="apl_arelu",
        title="APL (S=1)",
        equation="max(0, x) + a·max(0, b − x)",
        paper="Chen, Li, Xu (2020): AReLU: Attention-based Rectified Linear Unit",
        use="To repeat the AReLU paper's tables; elsewhere `apl` has more hinges.",
        parameters=(
            ParameterSpec(name="a", init=(0.2,), relu=(0.0,), domain="any real number", coefficients=1),
            ParameterSpec(name="b", init=(0.5,), domain="any real number", coefficients=1),
        ),
        monotone=False,
        kinks=(0.0, "b"),
        relu_start="exact",
        formula="hinges",
    )
    a: nn.Parameter
    b: nn.Parameter

    def __init__(
        self, a: float = 0.2, b: float = 0.5, *, relu_like: bool = False, **granularity: Unpack[Granularity]
    ) -> None:
        super().__init__(relu_like=relu_like, inits={"a": (a,), "b": (b,)}, **granularity)

    def guesses(self, points: Points) -> list[dict[str, Any]]:
        """Add a hinge in the middle of the values."""
        return [*super().guesses(points), *_guess_hinges(points, 1)]

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `apl`."""
        return apl(self.ready(input), self.a, self.b, channel_dim=self.channel_dim)
