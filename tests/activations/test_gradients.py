"""First and second derivatives against finite differences, in float64, away from the kinks."""

from __future__ import annotations

import pytest
import torch

from rectifiers.activations import registry
from rectifiers.testing.contract import facts, gradients

from .samples import NAMES, names, sample, spec_of


@pytest.mark.parametrize("name", NAMES)
def test_gradient(name: str) -> None:
    gradients.check_gradient(registry.get(name))


@pytest.mark.parametrize("name", names(lambda spec: "gradgrad" not in spec.unsupported))
def test_second_derivative(name: str) -> None:
    gradients.check_second_derivative(registry.get(name))


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
    gradients.check_trained(registry.get(name))


@pytest.mark.parametrize("name", names(lambda spec: spec.monotone and spec.kind == "elementwise"))
def test_monotone_as_the_spec_says(name: str) -> None:
    facts.check_monotone(registry.get(name))


@pytest.mark.parametrize("name", names(lambda spec: not spec.monotone and spec.kind == "elementwise"))
def test_not_monotone_as_the_spec_says(name: str) -> None:
    facts.check_monotone(registry.get(name))


@pytest.mark.parametrize("name", names(lambda spec: spec.invertible and spec.kind == "elementwise"))
def test_invertible_as_the_spec_says(name: str) -> None:
    module, _ = sample(name, 1)
    x = torch.linspace(-4, 4, 2001, dtype=torch.float64)
    steps = module(x).diff()
    assert (steps > 0).all() or (steps < 0).all()


@pytest.mark.parametrize("name", names(lambda spec: not spec.kinks and spec.kind == "elementwise"))
def test_a_function_without_kinks_has_a_continuous_derivative(name: str) -> None:
    facts.check_continuous_derivative(registry.get(name))


def test_the_registry_has_kinks_to_stay_away_from() -> None:
    assert any(spec_of(name).kinks for name in NAMES)
