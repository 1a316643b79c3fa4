"""Starting values by least squares: exact where a function can be, inside its bounds, and the same every time."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rectifiers.activations import create
from rectifiers.core.elementwise import Elementwise, apply
from rectifiers.core.errors import ConfigError
from rectifiers.core.fitting import Points, fit_rational_to
from rectifiers.core.matching import match
from rectifiers.core.spec import ActivationSpec, ParameterSpec

X = torch.linspace(-4, 4, 401, dtype=torch.float64)
EVEN = torch.full_like(X, 1 / len(X))


def test_a_function_finds_its_own_parameters() -> None:
    goal = create("pvlu", share="layer", alpha=0.3, beta=1.5, dtype=torch.float64)
    with torch.no_grad():
        found = match(partial(create, "pvlu"), Points(X, goal(X), EVEN))
    assert found == {"alpha": 0.3, "beta": 1.5}


def test_a_fit_stays_where_the_function_learns() -> None:
    found = match(partial(create, "arelu"), Points(X, 3 * X.relu(), EVEN))
    assert found == {"alpha": 0.011, "beta": 6.0}


def test_weights_decide_where_a_function_is_near() -> None:
    goal = torch.where(X < -2, X, torch.where(X < 0, 0.5 * X, X))
    outer, inner = (match(partial(create, "prelu"), Points(X, goal, EVEN * part))["a"] for part in (X < -2, X > -2))
    assert (outer, inner) == (1.0, 0.5)


def test_the_same_points_give_the_same_numbers() -> None:
    points = Points(X, torch.nn.functional.gelu(X), EVEN)
    first, second = (match(partial(create, "apl", hinges=3), points) for _ in range(2))
    assert first == second
    assert len(first["a"]) == 3  # type: ignore[arg-type]


class Drawn(Elementwise):
    """a·x + b·x², with starts that are drawn and no others."""

    spec = ActivationSpec(
        name="drawn",
        title="Drawn",
        equation="a·x + b·x²",
        paper="",
        parameters=(ParameterSpec("a", init="N(0, 1)"), ParameterSpec("b", init="N(0, 1)", coefficients=1)),
    )
    a: nn.Parameter
    b: nn.Parameter

    def __init__(self, **granularity: Any) -> None:
        super().__init__(inits={"a": nn.init.normal_, "b": nn.init.normal_}, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        given = {"a": self.a, "b": self.b, "coefficients": frozenset("b"), "channel_dim": self.channel_dim}
        return apply("drawn", lambda x, a, b: a * x + b[0] * x**2, self.ready(input), **given)


def test_a_function_whose_start_is_drawn_is_fitted_from_one_that_is_always_the_same() -> None:
    before = torch.get_rng_state()
    found = match(Drawn, Points(X, 2 * X - 0.5 * X**2, EVEN))
    assert found == {"a": 2.0, "b": (-0.5,)}
    assert torch.equal(torch.get_rng_state(), before)


def test_a_rational_fit_counts_the_weights() -> None:
    points = Points(X, X.relu(), torch.where(X > 0, EVEN, 0))
    a, b = fit_rational_to(points, degrees=(2, 1))
    value = (X**0 * a[0] + X * a[1] + X**2 * a[2]) / (1 + (b[0] * X).abs())
    assert float((value - X)[X > 0].abs().max()) < 1e-6


def test_a_start_that_is_set_is_the_one_that_a_reset_returns_to() -> None:
    module = create("pvlu", channels=3)
    module.start_at(alpha=0.5)  # type: ignore[operator]
    with torch.no_grad():
        module.alpha += 1  # type: ignore[operator]
    module.reset_parameters()  # type: ignore[operator]
    assert module.alpha.tolist() == [0.5, 0.5, 0.5]  # type: ignore[operator, union-attr]
    assert "alpha=0.5" in repr(module)
    with pytest.raises(ConfigError, match="unknown parameter 'gamma'; it has alpha, beta"):
        module.start_at(gamma=1.0)  # type: ignore[operator]
    with pytest.raises(ConfigError, match="numerator has 6 coefficients, got the start"):
        create("pau").start_at(numerator=(1.0, 2.0))  # type: ignore[operator]
