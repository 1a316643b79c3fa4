"""Comb: a learned combination of the identity, ReLU and tanh (Manessi and Rozza, 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

from torch import Tensor, nn
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.checks import count_coefficients
from ..core.elementwise import Elementwise, apply
from ..core.errors import ConfigError, ShapeError, UnsupportedError
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec, ParameterSpec
from ..kernels import two_slopes

Constraint = Literal["affine", "convex", "free"]


@wrap
def comb(
    x: Tensor,
    weights: Tensor | Sequence[float] = (1 / 3, 1 / 3, 1 / 3),
    constraint: Constraint = "affine",
    *,
    channel_dim: int = 1,
) -> Tensor:
    """w_1·x + w_2·max(0, x) + w_3·tanh(x).

    Args:
        x: input of any shape.
        weights: numbers, or a tensor of any granularity with the three functions along its first axis.
        constraint: "affine" moves the weights to the nearest ones that sum to 1, "convex" takes their softmax,
            "free" takes them as they are.
        channel_dim: dimension of `x` that channel-wise parameters belong to.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: there are not three weights, or they do not fit `x`.
        ConfigError: `constraint` is none of the three words.

    Example:
        >>> import torch
        >>> comb(torch.tensor([-2.0, 2.0]), weights=(0.5, 0.5, 0.0)).tolist()
        [-1.0, 2.0]
    """
    count = count_coefficients("comb", "weights", weights)
    if count != 3:
        raise ShapeError(f"comb: expected 3 weights, of the identity, ReLU and tanh, got {count}")
    formula = partial(_formula, constraint=_check_constraint("comb", constraint))
    return apply("comb", formula, x, channel_dim=channel_dim, coefficients=frozenset(["weights"]), weights=weights)


def _check_constraint(owner: str, constraint: Constraint) -> Constraint:
    if constraint not in ("affine", "convex", "free"):
        raise ConfigError(f"{owner}: constraint must be 'affine', 'convex' or 'free', got {constraint!r}")
    return constraint


def _formula(x: Tensor, weights: Tensor, constraint: Constraint) -> Tensor:
    if constraint == "affine":
        weights = weights + (1 - weights.sum(0)) / 3
    elif constraint == "convex":
        weights = weights.softmax(0)
    identity, relu, tanh = weights.unbind(0)
    return identity * x + relu * x.relu() + tanh * x.tanh()


class Comb(Elementwise):
    """Learned combination of the identity, ReLU and tanh; starts with equal weights, which is our choice.

    Args:
        constraint: "affine" (weights that sum to 1), "convex" (positive too) or "free".
        relu_like: start with ReLU's weight 1 and the others 0, which is ReLU; not possible for "convex".
        **granularity: `share` ("layer" as in the paper), `channels`, `channel_dim`, `device`, `dtype`.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> Comb(relu_like=True)(torch.tensor([-2.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    spec = ActivationSpec(
        name="comb",
        title="Comb",
        equation="w_1·x + w_2·max(0, x) + w_3·tanh(x); the weights sum to 1",
        paper="Manessi, Rozza (2018): Learning Combinations of Activation Functions",
        use="To see which of identity, ReLU and tanh a layer prefers; it can start at ReLU exactly.",
        parameters=(
            ParameterSpec(
                name="weights",
                init=(0.3333333333333333, 0.3333333333333333, 0.3333333333333333),
                relu=(0.0, 1.0, 0.0),
                domain="any real numbers; the constraint is applied to them",
                coefficients=3,
            ),
        ),
        kinks=(0.0,),
        relu_start="exact",
    )
    constants = ("constraint",)
    weights: nn.Parameter

    def __init__(
        self, constraint: Constraint = "affine", *, relu_like: bool = False, **granularity: Unpack[Granularity]
    ) -> None:
        if relu_like and constraint == "convex":
            raise UnsupportedError(
                "Comb: relu_like=True is not possible with constraint='convex', whose weights stay above 0; "
                "take constraint='affine'"
            )
        super().__init__(relu_like=relu_like, **granularity)
        self.constraint = _check_constraint(self.owner, constraint)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `comb`."""
        return comb(self.ready(input), self.weights, self.constraint, channel_dim=self.channel_dim)


@wrap
def comb_arelu(x: Tensor, p: Tensor | float = 0.0, *, channel_dim: int = 1) -> Tensor:
    """p·x + (1 − p)·max(0, x), which is p·x for x < 0 and x otherwise.

    Args:
        x: input of any shape.
        p: share of the identity; a number, or a tensor of any granularity.
        channel_dim: dimension of `x` that channel-wise parameters belong to.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: a parameter does not fit `x`.

    Example:
        >>> import torch
        >>> comb_arelu(torch.tensor([-2.0, 2.0]), p=0.25).tolist()
        [-0.5, 2.0]
    """
    return apply("comb_arelu", two_slopes.plain, x, channel_dim=channel_dim, p=p, positive=1.0)


class CombAReLU(Elementwise):
    """Comb as AReLU's tables ran it: one weight between the identity and ReLU.

    Args:
        p: start of the identity's share.
        relu_like: start at p = 0, which is ReLU.
        **granularity: `share` ("layer" by default), `channels`, `channel_dim`, `device`, `dtype`.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> CombAReLU(p=0.25)(torch.tensor([-2.0, 2.0])).tolist()
        [-0.5, 2.0]
    """

    spec = ActivationSpec(
        name="comb_arelu",
        title="Comb (id, ReLU)",
        equation="p·x + (1 − p)·max(0, x)",
        paper="Chen, Li, Xu (2020): AReLU: Attention-based Rectified Linear Unit",
        use="To repeat the AReLU paper's tables: a leaky ReLU in another parametrisation.",
        parameters=(ParameterSpec(name="p", init=0.0, relu=0.0, domain="any real number"),),
        kinks=(0.0,),
        relu_start="exact",
        formula="two_slopes",
    )
    p: nn.Parameter

    def __init__(self, p: float = 0.0, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, inits={"p": p}, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `comb_arelu`."""
        return comb_arelu(self.ready(input), self.p, channel_dim=self.channel_dim)
