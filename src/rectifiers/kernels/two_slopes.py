"""Two slopes meeting at zero: AReLU, ELSA, PReLU, RReLU, the mixture of identity and ReLU."""

from __future__ import annotations

import torch
from torch import Tensor

from .kernel import Kernel


def reference(x: Tensor, negative: Tensor, positive: Tensor | float) -> Tensor:
    """negative·x for x < 0, positive·x otherwise.

    Choosing the slope before multiplying, and not the product after, keeps an infinite or NaN element on one
    side of zero out of the gradient of the other side's slope.
    """
    return x * torch.where(x < 0, negative, positive)


def attention(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """Slopes C(α) and σ(β): ELSA."""
    return reference(x, *_attention(alpha, beta))


def amplified(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """Slopes C(α) and 1 + σ(β): AReLU."""
    negative, positive = _attention(alpha, beta)
    return reference(x, negative, 1 + positive)


def _attention(alpha: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
    # clamp passes no gradient outside its bounds, as the paper asks.
    return alpha.clamp(0.01, 0.99), beta.sigmoid()


def _inverse(y: Tensor, negative: Tensor, positive: Tensor) -> Tensor:
    return y / torch.where(y < 0, negative, positive)


def _inverse_attention(y: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return _inverse(y, *_attention(alpha, beta))


def _inverse_amplified(y: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    negative, positive = _attention(alpha, beta)
    return _inverse(y, negative, 1 + positive)


# The numbers say how the operators make slopes of their parameters.
kernel = Kernel("two_slopes", reference, settings=(0,), keeps="invertible", inverse=_inverse, flagged=True)
attention_kernel = Kernel(
    "two_slopes", attention, settings=(1,), keeps="invertible", inverse=_inverse_attention, flagged=True
)
amplified_kernel = Kernel(
    "two_slopes", amplified, settings=(2,), keeps="output", inverse=_inverse_amplified, flagged=True
)
