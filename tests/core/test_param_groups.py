"""Parameter groups for an optimizer: who is spared the decay, and who is left out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from rectifiers import create, param_groups
from rectifiers.core.errors import ConfigError


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), create("pvlu", channels=4), nn.Linear(4, 4), nn.PReLU(), nn.Linear(4, 2))


def by_name(groups: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {group["name"]: group for group in groups}


def test_activations_have_a_group_of_their_own() -> None:
    model = network()
    groups = by_name(param_groups(model, lr=0.1, weight_decay=1e-3, activation_lr=0.5, activation_weight_decay=1e-5))
    weights, activations = groups["weights"], groups["activations"]
    assert (weights["lr"], weights["weight_decay"]) == (0.1, 1e-3)
    assert (activations["lr"], activations["weight_decay"]) == (0.5, 1e-5)
    shaping = [*model[1].parameters(), model[3].weight]
    assert {id(p) for p in activations["params"]} == {id(p) for p in shaping}
    assert {id(p) for p in weights["params"]} == {id(p) for p in model.parameters()} - {id(p) for p in shaping}


def test_defaults_share_the_rate_and_spare_activations_the_decay() -> None:
    groups = by_name(param_groups(network(), lr=0.1, weight_decay=1e-3))
    assert groups["activations"]["lr"] == 0.1
    assert groups["activations"]["weight_decay"] == 0.0


def test_an_optimizer_takes_them_and_moves_both() -> None:
    model = network()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = torch.optim.SGD(param_groups(model, lr=0.1, activation_lr=0.01), momentum=0.9)
    model(torch.randn(8, 3)).square().sum().backward()
    optimizer.step()
    for parameter, old in zip(model.parameters(), before, strict=True):
        assert not torch.equal(parameter, old)


def test_decay_pulls_weights_alone() -> None:
    model = nn.Sequential(nn.Linear(2, 2), create("arelu"))
    weight, alpha = model[0].weight.detach().clone(), model[1].alpha.detach().clone()
    optimizer = torch.optim.SGD(param_groups(model, lr=0.1, weight_decay=0.5))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    torch.testing.assert_close(model[0].weight, 0.95 * weight)
    assert torch.equal(model[1].alpha, alpha)


def test_thresholds_of_a_convolution_are_activations_and_its_weights_are_not() -> None:
    layer: Any = create("convrelu1d", in_channels=2, out_channels=3, kernel_size=2)
    groups = by_name(param_groups(layer, lr=0.1))
    assert [id(p) for p in groups["activations"]["params"]] == [id(layer.threshold)]
    assert {id(p) for p in groups["weights"]["params"]} == {id(layer.weight), id(layer.bias)}


def test_shared_parameters_count_once() -> None:
    activation = create("arelu")
    model = nn.Sequential(nn.Linear(2, 2), activation, nn.Linear(2, 2), activation)
    groups = by_name(param_groups(model, lr=0.1))
    assert len(groups["activations"]["params"]) == 2
    assert len(groups["weights"]["params"]) == 4


def test_frozen_parameters_are_left_out() -> None:
    model = network()
    for parameter in [*model[0].parameters(), *model[1].parameters(), *model[3].parameters()]:
        parameter.requires_grad_(False)
    (only,) = param_groups(model, lr=0.1)
    assert only["name"] == "weights"
    assert len(only["params"]) == 4


def test_parameters_without_a_shape() -> None:
    model = nn.Sequential(nn.Linear(2, 2), create("pvlu"))
    with pytest.raises(ConfigError, match=r"1\.alpha has no shape yet.*one batch"):
        param_groups(model, lr=0.1)
    model(torch.zeros(1, 2))
    assert len(param_groups(model, lr=0.1)) == 2


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["lr", "weight_decay", "activation_lr", "activation_weight_decay"])
def test_numbers_outside_their_domain(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"^{name} must be .*got {value}"):
        param_groups(network(), **{"lr": 0.1, name: value})


class Doubled(nn.Module):
    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        return 2 * tensor


@pytest.mark.parametrize(
    ("layer", "parameter"),
    [
        (create("arelu"), "alpha"),
        (nn.PReLU(), "weight"),
        (create("convrelu1d", in_channels=2, out_channels=2, kernel_size=1), "threshold"),
    ],
)
def test_parametrized_activations_are_spared_the_decay(layer: nn.Module, parameter: str) -> None:
    parametrize.register_parametrization(layer, parameter, Doubled())
    groups = by_name(param_groups(nn.Sequential(layer), lr=0.1, weight_decay=1e-3))
    original = layer.get_parameter(f"parametrizations.{parameter}.original")
    assert any(original is one for one in groups["activations"]["params"])
