"""A quotient of polynomials without poles: PAU."""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from torch import Tensor

from .kernel import Kernel

Form = Literal["A", "B"]


def horner(x: Tensor, coefficients: Tensor) -> Tensor:
    """Σ c_k·x^k, the coefficients along the first axis, lowest power first; at least two of them."""
    *lower, top = coefficients.unbind(0)
    value = torch.addcmul(lower.pop(), top, x)
    for coefficient in reversed(lower):
        value = torch.addcmul(coefficient, value, x)
    return value


def reference(x: Tensor, numerator: Tensor, denominator: Tensor, form: Form) -> Tensor:
    """Σ_k a_k·x^k divided by 1 + Σ_k |b_k|·|x|^k (form A) or by 1 + |Σ_k b_k·x^k| (form B), b counted from k = 1.

    Args:
        x: input.
        numerator: a, of at least two coefficients along the first axis.
        denominator: b, of at least one coefficient along the first axis.
        form: "A" or "B".
    """
    if form == "A":
        return horner(x, numerator) / (1 + _without_constant(x.abs(), denominator.abs()))
    return horner(x, numerator) / (1 + _without_constant(x, denominator).abs())


def _without_constant(x: Tensor, coefficients: Tensor) -> Tensor:
    return x * (horner(x, coefficients) if len(coefficients) > 1 else coefficients[0])


kernels: dict[Form, Kernel] = {
    "A": Kernel("rational", partial(reference, form="A"), settings=(True,), listed=True),
    "B": Kernel("rational", partial(reference, form="B"), settings=(False,), listed=True),
}
