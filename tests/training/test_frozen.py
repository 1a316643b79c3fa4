"""What training leaves alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rectifiers.core.errors import ConfigError
from rectifiers.training.frozen import Trained, freeze


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.PReLU(), nn.Linear(3, 2))


@pytest.mark.parametrize(
    ("trained", "names"),
    [
        ("all", {"0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "3.weight", "3.bias"}),
        ("activations", {"2.weight"}),
        ("activations and norms", {"1.weight", "1.bias", "2.weight"}),
        ("activations, norms and head", {"1.weight", "1.bias", "2.weight", "3.weight", "3.bias"}),
        ("activations and head", {"2.weight", "3.weight", "3.bias"}),
        ("norms", {"1.weight", "1.bias"}),
        ("norms and head", {"1.weight", "1.bias", "3.weight", "3.bias"}),
        ("biases", {"0.bias", "1.bias", "3.bias"}),
        ("biases and head", {"0.bias", "1.bias", "3.weight", "3.bias"}),
        ("head", {"3.weight", "3.bias"}),
    ],
)
def test_parts_that_learn(trained: Trained, names: set[str]) -> None:
    made = net()
    still = freeze(made, trained)
    assert {name for name, parameter in made.named_parameters() if parameter.requires_grad} == names
    assert bool(still) == (trained != "all" and "norms" not in trained)


@pytest.mark.parametrize(("trained", "head"), [("adapter", set()), ("adapter and head", {"3.weight", "3.bias"})])
def test_what_peft_adds(trained: Trained, head: set[str]) -> None:
    made = net()
    made[0].lora_A = nn.ModuleDict({"default": nn.Linear(2, 1, bias=False)})
    made[0].ia3_l = nn.ParameterDict({"default": nn.Parameter(torch.ones(3))})
    freeze(made, trained)
    added = {"0.lora_A.default.weight", "0.ia3_l.default"}
    assert {name for name, parameter in made.named_parameters() if parameter.requires_grad} == added | head


def test_nothing_to_learn() -> None:
    with pytest.raises(ConfigError, match="leaves nothing to train"):
        freeze(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), "activations")
