"""What a module keeps: state_dict, copies, pickles, repr, device and dtype moves, before and after the first call."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from rectifiers.activations import registry
from rectifiers.core.errors import ConfigError, ShapeError
from rectifiers.testing.contract import saving
from rectifiers.testing.contract.saving import COPIES

from .samples import CHANNELS, NAMES, build, names, sample, spec_of, vary

LEARNABLE = names(lambda spec: spec.parameters and spec.kind == "elementwise")


@pytest.mark.parametrize("name", NAMES)
def test_state_dict_round_trip(name: str) -> None:
    saving.check_state(registry.get(name))


@pytest.mark.parametrize("name", NAMES)
def test_state_is_the_parameters_of_the_spec(name: str) -> None:
    spec = spec_of(name)
    expected = {parameter.name for parameter in spec.parameters}
    if spec.kind == "convolution":
        expected |= {"weight", "bias"}
    assert set(build(name).state_dict()) == expected


@pytest.mark.parametrize("name", NAMES)
def test_activation_parameters_are_those_of_the_spec(name: str) -> None:
    module = build(name)
    expected = [getattr(module, parameter.name) for parameter in module.spec.parameters]
    found = module.activation_parameters()
    assert len(found) == len(expected)
    assert all(one is other for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("name", NAMES)
def test_copies_compute_the_same_and_are_independent(name: str, copy: Any) -> None:
    saving.check_copy(registry.get(name), copy)


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("name", LEARNABLE)
def test_copies_before_the_first_call_stay_lazy(name: str, copy: Any) -> None:
    module = build(name, share="channel", channels=None)
    other = copy(module)
    assert all(is_lazy(parameter) for parameter in other.parameters())
    x = torch.ones(2, CHANNELS, 3, dtype=torch.float64)
    assert other(x).shape == x.shape
    assert all(is_lazy(parameter) for parameter in module.parameters())
    assert module(x).shape == x.shape


@pytest.mark.parametrize("share", ["channel", "element"])
@pytest.mark.parametrize("name", LEARNABLE)
def test_state_gives_a_lazy_module_its_shapes(name: str, share: str) -> None:
    module, x = sample(name, share=share)
    vary(module)
    lazy = nn.Sequential(build(name, share=share, channels=None))
    lazy.load_state_dict(nn.Sequential(module).state_dict())
    assert not any(is_lazy(parameter) for parameter in lazy.parameters())
    assert torch.equal(lazy(x), module(x))


@pytest.mark.parametrize("name", LEARNABLE)
def test_state_of_a_lazy_module_round_trips(name: str) -> None:
    lazy = build(name, share="channel", channels=None)
    other = build(name, share="channel", channels=None)
    other.load_state_dict(lazy.state_dict())
    assert all(is_lazy(parameter) for parameter in other.parameters())
    x = torch.ones(2, CHANNELS, 3, dtype=torch.float64)
    assert other(x).shape == x.shape


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
@pytest.mark.parametrize("name", LEARNABLE)
def test_first_call_without_gradients_leaves_trainable_parameters(name: str, mode: Any) -> None:
    lazy = build(name, share="channel", channels=None)
    x = torch.linspace(-3, 3, 2 * CHANNELS * 3, dtype=torch.float64).reshape(2, CHANNELS, 3)
    with mode():
        lazy(x)
    lazy(x).sum().backward()
    assert all(parameter.requires_grad and parameter.grad is not None for parameter in lazy.parameters())


@pytest.mark.parametrize("name", LEARNABLE)
def test_state_of_another_granularity_is_refused(name: str) -> None:
    lazy = build(name, share="channel", channels=None)
    with pytest.raises(ConfigError, match="share='channel' takes one number of channels"):
        lazy.load_state_dict(build(name, share="element", channels=(4, 3)).state_dict())


@pytest.mark.parametrize("name", LEARNABLE)
def test_lazy_module_in_a_network_is_moved_before_its_first_call(name: str) -> None:
    network = nn.Sequential(nn.Linear(3, CHANNELS), build(name, share="channel", channels=None, dtype=torch.float32))
    network = network.to(torch.bfloat16)
    network(torch.ones(2, 3, dtype=torch.bfloat16))
    assert {parameter.dtype for parameter in network.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("name", NAMES)
def test_meta_device(name: str) -> None:
    """Shapes without memory: how large networks are planned, then filled."""
    saving.check_meta(registry.get(name))


@pytest.mark.parametrize("name", NAMES)
def test_repr_names_the_class_and_the_granularity(name: str) -> None:
    module = build(name)
    text = repr(module)
    assert text.startswith(type(module).__name__ + "(")
    assert text.endswith(")")
    assert "\n" not in text
    if module.spec.parameters and module.spec.kind == "elementwise":
        assert f"share={module.spec.share!r}" in text


@pytest.mark.parametrize("name", LEARNABLE)
def test_repr_tells_channels_once_they_are_known(name: str) -> None:
    lazy = build(name, share="channel", channels=None)
    assert "channels=None" in repr(lazy)
    lazy(torch.ones(2, 6, 3))
    assert "channels=6" in repr(lazy)


@pytest.mark.parametrize("name", NAMES)
def test_state_can_take_the_place_of_parameters_without_memory(name: str) -> None:
    module, x = sample(name)
    vary(module)
    skeleton = build(name).to("meta")
    skeleton.load_state_dict(module.state_dict(), assign=True)
    assert torch.equal(skeleton(x), module(x))


@pytest.mark.parametrize("name", LEARNABLE)
def test_parameters_of_a_layer_have_an_axis(name: str) -> None:
    assert all(parameter.ndim == 1 for parameter in build(name, share="layer").parameters())


@pytest.mark.parametrize("name", LEARNABLE)
def test_states_of_layers_without_an_axis_are_loaded(name: str) -> None:
    module = build(name, share="layer")
    vary(module)
    lead = {parameter.name: module._lead(parameter) for parameter in module.spec.parameters}
    old = {key: value.reshape(lead[key]).clone() for key, value in module.state_dict().items()}
    for assign in (False, True):
        other = nn.Sequential(build(name, share="layer"))
        given = {f"0.{key}": value for key, value in old.items()}
        assert other.load_state_dict(given, assign=assign) == ([], [])
        assert all(torch.equal(one, two) for one, two in zip(other.parameters(), module.parameters(), strict=True))
        assert all(given[f"0.{key}"] is value for key, value in old.items())


@pytest.mark.parametrize("name", LEARNABLE)
def test_functions_take_a_number_with_and_without_an_axis(name: str) -> None:
    """Of inputs with any number of axes, none included, to the bit."""
    module = build(name, share="layer")
    vary(module)
    for x in (sample(name)[1], torch.tensor(-0.5, dtype=torch.float64)):
        if x.ndim < module.spec.ranks[0]:
            continue
        out = module(x)
        assert out.shape == x.shape
        bare = {
            key: value.reshape(value.shape[1:] if len(value) == 1 and not module._lead(spec) else value.shape)
            for (key, value), spec in zip(module.named_parameters(), module.spec.parameters, strict=True)
        }
        assert torch.equal(torch.func.functional_call(module, bare, (x,)), out)


@pytest.mark.parametrize("share", ["channel", "element"])
def test_a_module_of_one_unit_still_asks_for_one(share: str) -> None:
    module = build("prelu", share=share, channels=1)
    assert module(torch.zeros(2, 1, dtype=torch.float64)).shape == (2, 1)
    with pytest.raises(ShapeError, match=r"PReLU.*\(2, 4"):
        module(torch.zeros(2, 4, dtype=torch.float64))
