"""Polynomials and rational functions fitted to targets, against NumPy's least squares."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.core.fitting import TARGETS, fit_polynomial, fit_rational

X = torch.linspace(-3, 3, 2001, dtype=torch.float64)


def rational(x: Tensor, a: tuple[float, ...], b: tuple[float, ...], form: str) -> Tensor:
    numerator = sum(c * x**k for k, c in enumerate(a))
    terms = [(abs(c) * x.abs() ** k) if form == "A" else c * x**k for k, c in enumerate(b, start=1)]
    return numerator / (1 + sum(terms).abs())


def error(name: str, a: tuple[float, ...], b: tuple[float, ...], form: str) -> float:
    return float((rational(X, a, b, form) - TARGETS[name](X)).square().mean())


@pytest.mark.parametrize("terms", [1, 2, 5, 9])
@pytest.mark.parametrize("name", TARGETS)
def test_polynomial_is_numpys_least_squares(name: str, terms: int) -> None:
    expected = np.polynomial.Polynomial.fit(X.numpy(), TARGETS[name](X).numpy(), terms - 1).convert().coef
    found = fit_polynomial(name, terms)
    np.testing.assert_allclose(found[: len(expected)], expected, atol=1e-9)


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=6))
def test_polynomials_are_found_again(coefficients: list[float]) -> None:
    found = fit_polynomial(lambda x: sum(c * x**k for k, c in enumerate(coefficients)) + 0 * x, len(coefficients))
    np.testing.assert_allclose(found, coefficients, atol=1e-9)


@pytest.mark.parametrize("form", ["A", "B"])
@pytest.mark.parametrize("name", TARGETS)
def test_rational_of_the_papers_degrees_is_near_every_target(name: str, form: Literal["A", "B"]) -> None:
    a, b = fit_rational(name, (5, 4), form)
    assert (len(a), len(b)) == (6, 4)
    assert (rational(X, a, b, form) - TARGETS[name](X)).abs().max() < 0.12
    assert error(name, a, b, form) < 1e-3


@pytest.mark.parametrize("form", ["A", "B"])
@pytest.mark.parametrize("name", ["leaky_relu", "relu", "tanh"])
def test_rational_is_better_than_its_neighbours(name: str, form: Literal["A", "B"]) -> None:
    a, b = fit_rational(name, (5, 4), form)
    best = error(name, a, b, form)
    for index in range(len(a) + len(b)):
        for factor in (0.97, 1.03):
            moved = [*a, *b]
            moved[index] *= factor
            assert error(name, tuple(moved[: len(a)]), tuple(moved[len(a) :]), form) >= best * (1 - 1e-6)


def test_a_higher_degree_is_nearer() -> None:
    errors = [error("relu", *fit_rational("relu", degrees, "B"), "B") for degrees in [(1, 1), (3, 2), (5, 4), (7, 6)]]
    assert errors == sorted(errors, reverse=True)


def test_interval_is_where_the_fit_is_good() -> None:
    near = torch.linspace(0, 1, 101, dtype=torch.float64)
    a, b = fit_rational("sigmoid", (2, 2), interval=(0.0, 1.0))
    torch.testing.assert_close(rational(near, a, b, "B"), torch.sigmoid(near), atol=1e-4, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_the_default_dtype_does_not_matter(dtype: torch.dtype) -> None:
    expected = fit_rational(torch.tanh, (3, 2), interval=(-2.7, 2.7))
    torch.set_default_dtype(dtype)
    try:
        assert fit_rational(torch.tanh, (3, 2), interval=(-2.7, 2.7)) == expected
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_polynomial_has_a_term_at_least() -> None:
    with pytest.raises(ConfigError, match="fit_polynomial: terms must be at least 1, got 0"):
        fit_polynomial("relu", 0)


@pytest.mark.parametrize("fit", [fit_rational, lambda name: fit_polynomial(name, 3)])
def test_unknown_target(fit: Any) -> None:
    with pytest.raises(UnknownNameError, match="unknown target function 'thanh'; did you mean tanh"):
        fit("thanh")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"degrees": (0, 4)}, "degrees"),
        ({"degrees": (5,)}, "degrees"),
        ({"degrees": 5}, "degrees"),
        ({"degrees": (5.0, 4.0)}, "degrees"),
        ({"target": 3}, "name or a function"),
        ({"form": "C"}, "form"),
        ({"interval": (1.0, 1.0)}, "interval"),
    ],
)
def test_impossible_fits(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fit_rational(**{"target": "relu", **arguments})


@pytest.mark.parametrize("target", [torch.log, lambda x: x[:5], lambda x: 1 / (x - 3)], ids=["nan", "shape", "pole"])
def test_targets_that_are_not_finite_functions(target: Any) -> None:
    with pytest.raises(ConfigError, match="one finite number per input"):
        fit_polynomial(target, 3)
