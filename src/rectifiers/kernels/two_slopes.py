"""Two slopes meeting at zero: AReLU, ELSA, PReLU, RReLU, the mixture of identity and ReLU."""

from __future__ import annotations

import torch
from torch import Tensor

from .elementwise import ElementwiseFormula, Parameter

CLAMP = (0.01, 0.99)
"""Where AReLU and ELSA clamp the attention to negative elements."""


def reference(x: Tensor, negative: Tensor, positive: Tensor | float) -> Tensor:
    """negative·x for x < 0, positive·x otherwise.

    Choosing the slope before multiplying, and not the product after, keeps an infinite or NaN element on one
    side of zero out of the gradient of the other side's slope.
    """
    return x * torch.where(x < 0, negative, positive)


def _inverse(y: Tensor, negative: Tensor, positive: Tensor) -> Tensor:
    return y / torch.where(y < 0, negative, positive)


def _clamp(alpha: Tensor) -> Tensor:
    # The gradient is detached outside the bounds alone, as the paper asks; what `torch.clamp` passes on them depends on
    # PyTorch's version. The bounds are compared as float32 rounds them, so that a start of 0.99 lies on its bound in
    # every dtype.
    rounded = alpha.float()
    inside = (rounded >= CLAMP[0]) & (rounded <= CLAMP[1])
    return torch.where(inside, alpha, alpha.detach().clamp(*CLAMP))


def _sigmoid(beta: Tensor) -> Tensor:
    # Not Tensor.sigmoid itself, which PyTorch 2.10 cannot trace as a value.
    return beta.sigmoid()


def _one_plus_sigmoid(beta: Tensor) -> Tensor:
    return 1 + beta.sigmoid()


plain = ElementwiseFormula(
    "two_slopes",
    reference,
    (Parameter("negative"), Parameter("positive")),
    options={"slopes": 0},
    saves="invertible",
    inverse=_inverse,
    flagged=True,
)

attention = ElementwiseFormula(
    "two_slopes",
    reference,
    (Parameter("negative", _clamp), Parameter("positive", _sigmoid)),
    options={"slopes": 1},
    saves="invertible",
    inverse=_inverse,
    flagged=True,
)
"""Slopes C(α) and σ(β): ELSA."""

amplified = ElementwiseFormula(
    "two_slopes",
    reference,
    (Parameter("negative", _clamp), Parameter("positive", _one_plus_sigmoid)),
    options={"slopes": 2},
    saves="output",
    inverse=_inverse,
    flagged=True,
)
"""Slopes C(α) and 1 + σ(β), which are never near zero: AReLU."""
