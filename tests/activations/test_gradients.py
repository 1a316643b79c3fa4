"""First and second derivatives against finite differences, in float64, away from the kinks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call

from .samples import NAMES, build, inputs, names, off_zero, sample, shape, spec_of


def pure(module: Any) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
    """The module as a function of its input and parameters, and those parameters."""
    keys = [key for key, _ in module.named_parameters()]
    values = tuple(value.detach().clone().requires_grad_() for value in module.parameters())

    def call(x: Tensor, *parameters: Tensor) -> Tensor:
        out: Tensor = functional_call(module, dict(zip(keys, parameters, strict=True)), (x,))
        return out

    return call, values


@pytest.mark.parametrize("name", NAMES)
def test_gradient(name: str) -> None:
    module = build(name)
    off_zero(module)
    x = inputs(module, *shape(module.spec))
    call, parameters = pure(module)
    assert gradcheck(call, (x.requires_grad_(), *parameters))


@pytest.mark.parametrize("name", names(lambda spec: "gradgrad" not in spec.unsupported))
def test_second_derivative(name: str) -> None:
    module = build(name)
    off_zero(module)
    x = inputs(module, *shape(module.spec))
    call, parameters = pure(module)
    assert gradgradcheck(call, (x.requires_grad_(), *parameters))


@pytest.mark.parametrize("name", names(lambda spec: spec.stochastic))
def test_gradient_of_a_stochastic_function_follows_its_own_draw(name: str) -> None:
    """Positive homogeneity of the drawn function: x·f'(x) is f(x) for the very draw of the forward pass."""
    module, x = sample(name)
    module.train()
    out = module(x.requires_grad_())
    out.sum().backward()
    torch.testing.assert_close(x.grad * x, out)


@pytest.mark.parametrize("name", names(lambda spec: spec.parameters))
def test_every_parameter_is_trained(name: str) -> None:
    """A step against the gradient lowers a loss that depends on every parameter."""
    module, x = sample(name)
    before = {key: value.detach().clone() for key, value in module.named_parameters()}
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-4)
    loss = (module(x) - 1).square().sum()
    loss.backward()
    optimizer.step()
    assert (module(x) - 1).square().sum() < loss
    for key, value in module.named_parameters():
        assert not torch.equal(value, before[key]), key


@pytest.mark.parametrize("name", names(lambda spec: spec.monotone and spec.kind == "elementwise"))
def test_monotone_as_the_spec_says(name: str) -> None:
    module, _ = sample(name, 1)
    x = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    assert (module(x).diff() >= -1e-12).all()


@pytest.mark.parametrize("name", names(lambda spec: not spec.monotone and spec.kind == "elementwise"))
def test_not_monotone_as_the_spec_says(name: str) -> None:
    module, _ = sample(name, 1)
    x = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    assert (module(x).diff() < 0).any()


@pytest.mark.parametrize("name", names(lambda spec: spec.invertible and spec.kind == "elementwise"))
def test_invertible_as_the_spec_says(name: str) -> None:
    module, _ = sample(name, 1)
    x = torch.linspace(-4, 4, 2001, dtype=torch.float64)
    steps = module(x).diff()
    assert (steps > 0).all() or (steps < 0).all()


@pytest.mark.parametrize("name", names(lambda spec: not spec.kinks and spec.kind == "elementwise"))
def test_a_function_without_kinks_has_a_continuous_derivative(name: str) -> None:
    module, _ = sample(name, 1)
    x = torch.linspace(-4, 4, 80001, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(module(x).sum(), x)
    assert slope.diff().abs().max() < 1e-2


def test_the_registry_has_kinks_to_stay_away_from() -> None:
    assert any(spec_of(name).kinks for name in NAMES)
