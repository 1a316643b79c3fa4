"""A quotient of polynomials without poles: PAU."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from .elementwise import ElementwiseFormula, Parameter

Form = Literal["A", "B"]


def horner(x: Tensor, coefficients: Tensor) -> Tensor:
    """Σ c_k·x^k, the coefficients along the first axis, lowest power first; at least two of them."""
    each = coefficients.unbind(0)
    value = torch.addcmul(each[-2], each[-1], x)
    for coefficient in reversed(each[:-2]):
        value = torch.addcmul(coefficient, value, x)
    return value


def _absolute(coefficients: Tensor) -> Tensor:
    # Not Tensor.abs itself, which PyTorch 2.10 cannot trace as a value.
    return coefficients.abs()


def _form_a(x: Tensor, numerator: Tensor, denominator: Tensor) -> Tensor:
    """Σ_k a_k·x^k divided by 1 + Σ_k |b_k|·|x|^k; takes the absolute values of b, counted from k = 1."""
    return horner(x, numerator) / (1 + _without_constant(x.abs(), denominator))


def _form_b(x: Tensor, numerator: Tensor, denominator: Tensor) -> Tensor:
    """Σ_k a_k·x^k divided by 1 + |Σ_k b_k·x^k|, b counted from k = 1."""
    return horner(x, numerator) / (1 + _without_constant(x, denominator).abs())


def _without_constant(x: Tensor, coefficients: Tensor) -> Tensor:
    return x * (horner(x, coefficients) if len(coefficients) > 1 else coefficients[0])


_numerator, _denominator = Parameter("numerator", listed=True), Parameter("denominator", listed=True)

formulas: dict[Form, ElementwiseFormula] = {
    "A": ElementwiseFormula(
        "rational", _form_a, (_numerator, replace(_denominator, map=_absolute)), options={"absolute": True}
    ),
    "B": ElementwiseFormula("rational", _form_b, (_numerator, _denominator), options={"absolute": False}),
}
"""At least two coefficients in the numerator, at least one in the denominator."""
