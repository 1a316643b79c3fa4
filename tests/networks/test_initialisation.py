"""First weights as papers state them, measured on the networks that have them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from rectifiers import AVR, CReLU, activations
from rectifiers.networks import initialisation

from .samples import build


def test_text_network_is_normal() -> None:
    net = build("char-cnn", shape=(70, 200), classes=2)
    layers = [module for module in net.modules() if isinstance(module, nn.Conv1d | nn.Linear)]
    assert len(layers) == 9
    for module in layers:
        assert module.weight.std().item() == pytest.approx(0.05, rel=0.1)
        assert abs(module.weight.mean().item()) < 0.005
        assert not module.bias.any()


@pytest.mark.parametrize(("name", "axis"), [("vgg-dropout", 0), ("convpool-cnn-c", 1), ("all-cnn-b", 1)])
def test_msr_counts_outputs_behind_batch_norm_and_inputs_without(name: str, axis: int) -> None:
    convolutions = [module for module in build(name).modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) > 6
    for module in convolutions[:6]:
        expected = math.sqrt(2 / (module.weight.shape[axis] * module.kernel_size[0] ** 2))
        assert module.weight.std().item() == pytest.approx(expected, rel=0.1)
        assert module.bias is not None
        assert not module.bias.any()


@pytest.mark.parametrize("name", ["relu", "crelu", "avr", "arelu", "pvlu", "prelu"])
def test_values_keep_their_variance_behind_every_function(name: str) -> None:
    torch.manual_seed(0)
    make = activations.registry.get(name)
    act = (lambda channels: make(share="element")) if name == "prelu" else (lambda channels: make())
    logits = build("convpool-cnn-c", act=act, width=0.25).eval()(torch.randn(8, 3, 32, 32))
    assert 0.2 < logits.std().item() < 5


@pytest.mark.parametrize(
    ("function", "expected"),
    [(nn.Identity(), 1.0), (CReLU(), math.sqrt(2)), (AVR(), 1.0), (nn.Threshold(9, 0), 1000**0.5)],
)
def test_gain(function: nn.Module, expected: float) -> None:
    assert initialisation.gain(function, 4) == expected


def test_glorot_is_even_and_bounded() -> None:
    net = build("six-conv", width=0.25)
    layers = [module for module in net.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(layers) == 8
    for module in layers:
        taps = module.weight[0, 0].numel()
        bound = math.sqrt(6 / (taps * (module.weight.shape[0] + module.weight.shape[1])))
        assert module.weight.abs().max().item() <= bound
        assert module.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)


def test_activations_are_left_alone() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.PReLU(2, init=0.3))
    for initialise in (initialisation.kaiming, initialisation.glorot):
        initialise(net)
    initialisation.normal(net, std=1.0)
    torch.testing.assert_close(net[1].weight, torch.tensor([0.3, 0.3]))


def test_kaiming_leaves_linear_layers() -> None:
    net = nn.Sequential(nn.Linear(2, 2))
    before = net[0].weight.clone()
    initialisation.kaiming(net)
    assert torch.equal(net[0].weight, before)
