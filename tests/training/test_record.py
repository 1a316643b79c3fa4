"""What is recorded of learned functions: their curves and means, without changing anything."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rectifiers.activations import create
from rectifiers.training.record import GRID, curve, learnable, parameter_means


def test_learnable_activations_alone_with_their_places() -> None:
    net = nn.Sequential(nn.Linear(2, 2), create("relu"), nn.Sequential(create("arelu")), nn.PReLU(), create("crelu"))
    assert [name for name, _ in learnable(net)] == ["2.0"]


def test_curve_of_a_layer_is_the_function() -> None:
    values = curve(create("arelu", alpha=0.5, beta=0.0))
    assert values.shape == (65, 1)
    torch.testing.assert_close(values[:, 0], torch.where(GRID < 0, 0.5 * GRID, 1.5 * GRID))


@pytest.mark.parametrize("channel_dim", [1, -1])
def test_curve_of_channels_is_one_column_each(channel_dim: int) -> None:
    module = create("prelu", share="channel", channels=2, channel_dim=channel_dim)
    with torch.no_grad():
        next(module.parameters()).copy_(torch.tensor([0.5, 0.25]))
    values = curve(module)
    torch.testing.assert_close(values[0], torch.tensor([-2.0, -1.0]))
    torch.testing.assert_close(values[-1], torch.tensor([4.0, 4.0]))
    assert module.channel_dim == channel_dim


def test_curve_of_elements_is_one_column_each() -> None:
    assert curve(create("prelu", share="element", channels=(3, 2, 2))).shape == (65, 12)


def test_looking_changes_nothing() -> None:
    module = create("arelu").train()
    state = torch.get_rng_state()
    curve(module)
    assert module.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in module.parameters())


def test_means_by_layer_and_name() -> None:
    net = nn.Sequential(create("arelu", alpha=0.5, beta=1.0), create("prelu", share="channel", channels=2))
    with torch.no_grad():
        parameter = next(net[1].parameters())
        parameter.copy_(torch.tensor([0.0, 1.0]))
    name = net[1].spec.parameters[0].name
    assert parameter_means(net) == {"0.alpha": 0.5, "0.beta": 1.0, f"1.{name}": 0.5}
