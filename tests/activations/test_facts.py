"""What specs say of a function, against the function itself: bounds, steepest slopes, limits, formulas."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from rectifiers import activations, kernels
from rectifiers.kernels import dispatch, library
from rectifiers.kernels.formulas import VARIANTS

from .samples import spec_of

NAMES = activations.list_activations()
BOUNDED = [
    (name, parameter.name) for name in NAMES for parameter in spec_of(name).parameters if parameter.bounds is not None
]
PROVIDERS = ("reference", "cpu")


def with_value(name: str, parameter: str, value: float) -> nn.Module:
    """An activation in float64, one parameter of which has this value everywhere."""
    module = activations.create(name, dtype=torch.float64)
    nn.init.constant_(getattr(module, parameter), value)
    return module


def value_and_gradient(module: nn.Module, parameter: str) -> tuple[Tensor, float]:
    x = torch.linspace(-3, 3, 31, dtype=torch.float64)
    y = module(x)
    (grad,) = torch.autograd.grad(y.square().sum(), getattr(module, parameter))
    return y.detach(), float(grad.abs().sum())


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("name", "parameter"), BOUNDED)
def test_a_parameter_is_clamped_where_its_spec_says(name: str, parameter: str, provider: str) -> None:
    """By every provider: the constants of the C++ and of the Python are the same."""
    if provider == "cpu" and not library.state(warn=False).formulas:
        pytest.skip("no compiled kernels")
    (bounds,) = (one.bounds for one in spec_of(name).parameters if one.name == parameter)
    assert bounds is not None
    low, high = bounds
    step = 1e-9
    with kernels.using(provider):
        for beyond, at, inside in ((low - 0.5, low, low + step), (high + 0.5, high, high - step)):
            clamped, gradient = value_and_gradient(with_value(name, parameter, beyond), parameter)
            assert torch.equal(clamped, value_and_gradient(with_value(name, parameter, at), parameter)[0])
            assert gradient == 0
            moved, gradient = value_and_gradient(with_value(name, parameter, inside), parameter)
            assert not torch.equal(clamped, moved)
            assert gradient > 0


def test_functions_with_bounds_are_known() -> None:
    assert set(BOUNDED) == {("arelu", "alpha"), ("elsa", "alpha")}


def elementwise(name: str) -> nn.Module | None:
    """A function of single numbers that draws nothing, or None."""
    spec = spec_of(name)
    return activations.create(name, share="layer", dtype=torch.float64).eval() if spec.kind == "elementwise" else None


@pytest.mark.parametrize("name", NAMES)
def test_bounded_functions_say_how_steep_they_are(name: str) -> None:
    module, steepest = elementwise(name), spec_of(name).steepest
    if module is None:
        assert steepest is None
        return
    far = module(torch.tensor([-1e6, 1e6], dtype=torch.float64))
    assert bool((far.abs() < 100).all()) is (steepest is not None)
    if steepest is not None:
        x = torch.linspace(-8, 8, 3201, dtype=torch.float64, requires_grad=True)
        (slopes,) = torch.autograd.grad(module(x).sum(), x)
        assert float(slopes.max()) == pytest.approx(steepest)


def test_pvlu_falls_above_zero_beyond_its_limit() -> None:
    (limit,) = spec_of("pvlu").limits
    assert limit.parameters == ("alpha", "beta")
    x = torch.linspace(0, 50, 50001, dtype=torch.float64)
    for product, falls in ((limit.high - 0.01, False), (limit.high + 0.01, True), (limit.low - 0.01, True)):
        module = activations.create("pvlu", share="layer", dtype=torch.float64, beta=2.0, alpha=product / 2)
        assert bool((module(x).diff() < 0).any()) is falls


@pytest.mark.parametrize("name", [name for name in NAMES if spec_of(name).formula is not None])
def test_the_formula_is_the_one_that_is_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    formula, asked = spec_of(name).formula, set()
    assert formula in VARIANTS

    def serves(formula: str, x: Tensor) -> bool:
        asked.add(formula)
        return False

    monkeypatch.setattr(dispatch, "serves", serves)
    if spec_of(name).kind == "convolution":
        dims = int(name[-2])
        activations.registry.get(name)(2, 3, 3)(torch.randn(1, 2, *(5 for _ in range(dims))))
    else:
        activations.create(name).eval()(torch.randn(3, 4))
    assert asked == {formula}
