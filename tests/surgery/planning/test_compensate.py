"""Later weights that make up for an activation's gain, and where that cannot be."""

from __future__ import annotations

import copy
import json

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers.surgery import plan_swap, swap
from rectifiers.surgery.edits.recipe import Recipe
from rectifiers.surgery.edits.rescale import Rescale
from rectifiers.surgery.plan import SwapPlan
from rectifiers.surgery.planning.compensate import measure_gain

IMAGES = (2, 3, 9, 9)
STEEP = {"relu_like": False, "alpha": 0.01, "beta": 2.0}
"""AReLU as the paper starts it above zero, and as near to ReLU as it comes below."""


class Residual(nn.Module):
    """A sum of values with a gain and of values without."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.conv, self.head = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        return self.head(x + self.conv(x))


class Gated(nn.Module):
    """Squeeze and excitation, a sum of values of the same gain, and their concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.gate, self.head = (nn.Conv2d(*sizes, 1) for sizes in ((3, 4), (3, 4), (4, 4), (8, 2)))

    def forward(self, x: Tensor) -> Tensor:
        one, two = F.relu(self.one(x)), F.relu(self.two(x))
        both = one + two
        return self.head(torch.cat([both * self.gate(F.avg_pool2d(both, 9)).sigmoid(), both / 2], 1))


def sequence(*behind: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), *behind)


NETS = {
    "convolution": lambda: sequence(nn.Conv2d(4, 2, 3)),
    "depthwise": lambda: sequence(nn.Conv2d(4, 4, 3, groups=4)),
    "transposed": lambda: sequence(nn.MaxPool2d(2), nn.ConvTranspose2d(4, 2, 3)),
    "linear": lambda: sequence(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(4, 3)),
    "batch norm": lambda: sequence(nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3)),
    "gated": Gated,
}


def build(name: str) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    net = NETS[name]().double().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.running_mean)
    return net, torch.randn(IMAGES, dtype=torch.float64)


@pytest.mark.parametrize("name", NETS)
def test_the_deviation_falls(name: str) -> None:
    net, x = build(name)
    plain = swap(net, "arelu", example=x, **STEEP)
    plain.revert()
    report = swap(net, "arelu", example=x, compensate=True, **STEEP)
    assert all("gain of 1.881 compensated in" in change.note for change in report.plan.changes)
    assert report.check.difference < 0.1 * plain.check.difference


@pytest.mark.parametrize("name", NETS)
def test_what_is_positively_scaled_alone_is_compensated_wholly(name: str) -> None:
    net, x = build(name)
    expected = net(x)
    swap(net, lambda channels: Scaled(), example=x, compensate=True)
    assert torch.allclose(net(x), expected, rtol=1e-12, atol=1e-14)


class Scaled(nn.Module):
    """3·ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        return 3 * F.relu(x)


def test_batch_norm_in_training_mode_stays_what_it_was() -> None:
    net, x = build("batch norm")
    before = copy.deepcopy(net).train()(x)
    swap(net, lambda channels: Scaled(), example=x, compensate=True)
    assert torch.allclose(net.train()(x), before, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NETS)
def test_plans_are_data_and_undone_bit_by_bit(name: str) -> None:
    net, x = build(name)
    other, state = copy.deepcopy(net), copy.deepcopy(net.state_dict())
    tensors = dict(net.named_parameters())
    plan = plan_swap(net, "arelu", example=x, compensate=True, **STEEP)
    applied = plan.apply(net)
    SwapPlan.from_json(plan.to_json()).apply(other)
    assert torch.equal(net(x), other(x))
    assert all(net.get_parameter(key) is tensor for key, tensor in tensors.items())
    applied.revert()
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())


def test_a_gain_that_cannot_be_compensated_is_told() -> None:
    net, x = Residual(), torch.randn(IMAGES)
    before = copy.deepcopy(net.conv.weight)
    [change] = swap(net, "arelu", example=x, compensate=True, **STEEP).plan.changes
    assert change.note == (
        "gain of 1.881 not compensated: a residual sum in the model is of values with different gains"
    )
    assert torch.equal(net.conv.weight, before)


@pytest.mark.parametrize(
    ("behind", "reason"),
    [
        ([], "the model returns its values"),
        ([nn.Sigmoid(), nn.Conv2d(4, 2, 1)], "2 (Sigmoid) reads it, and its result does not scale with its input"),
        ([nn.ReLU(), nn.Conv2d(4, 2, 1)], "it reads the values of another activation with a gain"),
    ],
)
def test_readers_that_cannot_compensate(behind: list[nn.Module], reason: str) -> None:
    change = plan_swap(sequence(*behind), "arelu", example=IMAGES, compensate=True, **STEEP).changes[0]
    assert f"not compensated: {reason}" in change.note


def test_a_layer_norm_takes_the_gain_away() -> None:
    net = sequence(nn.GroupNorm(2, 4), nn.Conv2d(4, 2, 1))
    plan = plan_swap(net, "arelu", example=IMAGES, compensate=True, **STEEP)
    assert "taken away by normalisation" in plan.changes[0].note
    assert not any(isinstance(edit, Rescale) for edit in plan.edits)


def test_functions_without_a_gain_need_no_compensation() -> None:
    plan = plan_swap(sequence(nn.Conv2d(4, 2, 1)), "pvlu", example=IMAGES, compensate=True)
    assert not any(isinstance(edit, Rescale) for edit in plan.edits)
    assert not plan.changes[0].note


def test_gains_are_those_of_the_formulas() -> None:
    assert measure_gain(Recipe("arelu", {"beta": 2.0}), (1,)) == pytest.approx(
        1 + torch.sigmoid(torch.tensor(2.0)).item()
    )
    assert measure_gain(Recipe("selu"), (1,)) == pytest.approx(1.0507009873554805)
    assert measure_gain(Recipe("relu", cap=6.0), (1,)) is None
    per_element = Recipe("arelu", {"share": "element", "channels": [2, 3, 3], "beta": 0.0})
    assert measure_gain(per_element, (2, 3, 3)) == pytest.approx(1.5)


def test_planning_draws_no_random_numbers() -> None:
    net = sequence(nn.Dropout(), nn.Conv2d(4, 2, 1)).train()
    state = torch.get_rng_state()
    plan_swap(net, lambda channels: nn.Conv2d(channels, channels, 1), example=IMAGES, compensate=True)
    assert torch.equal(torch.get_rng_state(), state)


def test_an_edit_survives_json() -> None:
    edit = Rescale("features.3", 1.8807970779778823)
    assert Rescale.from_json(json.loads(json.dumps(edit.to_json()))) == edit


@pytest.mark.parametrize("name", ["convolution", "batch norm"])
def test_what_was_trained_since_stays_when_it_is_undone(name: str) -> None:
    net, x = build(name)
    report = swap(net, lambda channels: Scaled(), example=x, compensate=True)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.rand_like(parameter))
    net.train()(x)
    net.eval()
    expected = net(x)
    report.revert()
    assert torch.allclose(net(x), expected, rtol=1e-9, atol=1e-12)
