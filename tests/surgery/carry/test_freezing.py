"""Only what a swap brought learns, until it is reverted."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.surgery import swap

SHAPE = (2, 3, 8, 8)


def net() -> nn.Sequential:
    norm, act = nn.BatchNorm2d(4), nn.ReLU()
    return nn.Sequential(nn.Conv2d(3, 4, 3), norm, act, nn.Flatten(), nn.Linear(144, 6), nn.LayerNorm(6), nn.PReLU())


def trainable(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize(
    ("freeze", "norms"),
    [("weights", set()), ("weights-except-norm", {"1.weight", "1.bias", "5.weight", "5.bias"})],
)
def test_activations_alone_learn_until_revert(freeze: str, norms: set[str]) -> None:
    model = net()
    model[0].bias.requires_grad_(False)
    before = trainable(model)
    report = swap(model, "pvlu", example=SHAPE, freeze=freeze)
    assert trainable(model) == {"2.alpha", "2.beta", "6.weight"} | norms
    report.revert()
    assert trainable(model) == before


def test_frozen_weights_keep_their_bits_under_an_optimizer_that_saw_gradients() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    for _ in range(2):
        optimizer.zero_grad(set_to_none=False)
        model(torch.randn(SHAPE)).square().sum().backward()
        optimizer.step()
    swap(model, "pvlu", example=SHAPE, freeze="weights", optimizer=optimizer)
    before = copy.deepcopy(dict(model.named_parameters()))
    for _ in range(2):
        optimizer.zero_grad(set_to_none=False)
        model(torch.randn(SHAPE)).square().sum().backward()
        optimizer.step()
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == {"2.alpha", "2.beta", "6.weight"}


def test_thresholds_inside_a_convolution_learn_without_its_weights() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3))
    swap(model, "convrelu", example=SHAPE, freeze="weights")
    assert trainable(model) == {"2.threshold"}


def test_parameters_of_a_function_of_ones_own_learn() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    swap(
        model,
        lambda channels: nn.Sequential(nn.Linear(channels, channels), nn.Tanh()),
        example=(2, 3),
        freeze="weights",
    )
    assert trainable(model) == {"1.0.weight", "1.0.bias"}


def test_nothing_to_learn_changes_nothing() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    with pytest.raises(ConfigError, match="leaves nothing to learn"):
        swap(model, "swish", example=(2, 3), freeze="weights")
    assert isinstance(model[1], nn.ReLU)
    assert trainable(model) == {"0.weight", "0.bias"}


def test_unknown_words_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean weights"):
        swap(net(), "pvlu", example=SHAPE, freeze="weight")
