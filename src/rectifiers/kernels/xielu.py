"""The integral of a slope that rises linearly above zero and exponentially below: xIELU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .elementwise import ElementwiseFormula, Parameter

BETA = 0.5
"""The slope at zero, which the paper fixes."""


def reference(x: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """positive·x² + βx for x > 0, negative·(eˣ − 1 − x) + βx otherwise.

    What is chosen before keeps an infinite element on one side of zero out of the gradients of the other side.
    `torch.clamp` would do the same, but may pass no gradient at zero.
    """
    zero = x.new_zeros(())
    above, below = torch.where(x > 0, x, zero), torch.where(x > 0, zero, x)
    return torch.where(
        x > 0, above * (positive * above + BETA), negative * torch.expm1(below) + (BETA - negative) * below
    )


def _steep(alpha: Tensor) -> Tensor:
    return BETA + F.softplus(alpha)


formula = ElementwiseFormula("xielu", reference, (Parameter("positive", F.softplus), Parameter("negative", _steep)))
