"""Two slopes meeting at zero: AReLU, ELSA, PReLU, RReLU, the mixture of identity and ReLU."""

from __future__ import annotations

import torch
from torch import Tensor


def reference(x: Tensor, negative: Tensor, positive: Tensor | float) -> Tensor:
    """negative·x for x < 0, positive·x otherwise.

    Choosing the slope before multiplying, and not the product after, keeps an infinite or NaN element on one
    side of zero out of the gradient of the other side's slope.
    """
    return x * torch.where(x < 0, negative, positive)
