"""`relu_like=True`: ReLU itself, its nearest, or a named error, as the spec says."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from rectifiers.activations import registry
from rectifiers.core.errors import UnsupportedError

from .samples import build, inputs, names, shape

GRID = torch.linspace(-3, 3, 601, dtype=torch.float64)


@pytest.mark.parametrize("share", ["layer", "channel", "element"])
@pytest.mark.parametrize("name", names(lambda spec: spec.relu_start == "exact" and spec.kind == "elementwise"))
def test_exact_start_is_relu(name: str, share: str) -> None:
    x = GRID[:600].reshape(10, 20, 3)
    channels = {"layer": None, "channel": 20, "element": (20, 3)}[share]
    module = registry.get(name)(relu_like=True, share=share, channels=channels, dtype=torch.float64)
    assert module.training
    assert torch.equal(module(x), F.relu(x))
    assert torch.equal(module.eval()(x), F.relu(x))


@pytest.mark.parametrize("name", names(lambda spec: spec.relu_start == "exact" and spec.kind == "elementwise"))
def test_exact_start_goes_through_zero(name: str) -> None:
    module = build(name, 1, relu_like=True)
    assert module(torch.zeros(1, dtype=torch.float64)) == 0


@pytest.mark.parametrize("name", names(lambda spec: spec.relu_start == "exact" and spec.kind == "convolution"))
def test_exact_start_is_relu_then_convolution(name: str) -> None:
    module = build(name, relu_like=True)
    x = inputs(module, *shape(module.spec))
    convolution = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[x.ndim]
    assert not module.threshold.any()
    torch.testing.assert_close(module(x), convolution(F.relu(x), module.weight, module.bias))


@pytest.mark.parametrize("name", names(lambda spec: spec.relu_start == "exact" and spec.parameters))
def test_exact_start_can_be_left(name: str) -> None:
    """PVLU's β at α = 0 has no gradient; a start in which nothing has one could never learn."""
    module = build(name, relu_like=True)
    x = inputs(module, *shape(module.spec))
    (module(x) * torch.linspace(0.5, 1.5, module(x).numel()).reshape(module(x).shape)).sum().backward()
    assert any(bool(parameter.grad.any()) for parameter in module.activation_parameters())


@pytest.mark.parametrize("name", names(lambda spec: spec.relu_start == "nearest"))
def test_nearest_start_is_near(name: str) -> None:
    start = (build(name, 1)(GRID) - F.relu(GRID)).abs().max()
    nearest = (build(name, 1, relu_like=True)(GRID) - F.relu(GRID)).abs().max()
    assert 0 < nearest <= 0.25
    assert nearest <= start


@pytest.mark.parametrize("name", names(lambda spec: spec.relu_start == "none"))
def test_no_start_is_a_named_error(name: str) -> None:
    with pytest.raises(UnsupportedError, match="relu_like"):
        build(name, relu_like=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", names(lambda spec: spec.relu_start == "nearest" and spec.parameters))
def test_nearest_start_leaves_every_parameter_a_gradient(name: str, dtype: torch.dtype) -> None:
    """At the very edge of AReLU's clamp, rounding to float32 puts α outside, where it could never learn."""
    module = build(name, 1, dtype, relu_like=True)
    module(GRID.to(dtype)).square().sum().backward()
    assert all(bool(parameter.grad.any()) for parameter in module.activation_parameters())
