"""A learned floor: AdaReLU."""

from __future__ import annotations

import torch
from torch import Tensor

from .elementwise import ElementwiseFormula, Parameter


def reference(x: Tensor, theta: Tensor) -> Tensor:
    """The larger of x and θ.

    The whole gradient of a tie goes to θ, where `torch.maximum` would split it; a NaN in `x` passes through.
    """
    return torch.where(x <= theta, theta, x)


def _inverse(y: Tensor, theta: Tensor) -> Tensor:
    """Any input that has this output serves: all below the threshold are alike."""
    return y


formula = ElementwiseFormula("threshold", reference, (Parameter("theta"),), saves="output", inverse=_inverse)
