"""Layers halved for functions that double, as the paper halves them, and layers that are left."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers import CReLU, create
from rectifiers.core.errors import ConfigError
from rectifiers.surgery import plan_swap, swap
from rectifiers.surgery.plan import SwapPlan

IMAGES = (2, 3, 9, 9)


def conv_pool_cnn_c(classes: int = 100) -> nn.Sequential:
    """ConvPool-CNN-C, with convolutions padded to keep the resolution."""

    def layer(inputs: int, outputs: int, size: int = 3) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, size, padding=size // 2), nn.ReLU()]

    first = [*layer(3, 96), *layer(96, 96), *layer(96, 96), nn.MaxPool2d(3, 2)]
    second = [*layer(96, 192), *layer(192, 192), *layer(192, 192), nn.MaxPool2d(3, 2)]
    third = [*layer(192, 192), *layer(192, 192, 1), nn.Conv2d(192, classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*first, *second, *third)


def parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize(("halve", "millions"), [(None, "1.39"), (False, "2.77"), (True, "0.70")])
def test_the_papers_network_has_the_papers_size(halve: bool | None, millions: str) -> None:
    net = conv_pool_cnn_c()
    before = parameters(net)
    if halve is not None:
        report = swap(net, "crelu", example=(1, 3, 32, 32), halve=halve)
        assert len(report.plan.changes) == 8
        assert parameters(net) == before + report.plan.parameters
    assert f"{parameters(net) / 1e6:.2f}" == millions
    assert net(torch.randn(1, 3, 32, 32)).shape == (1, 100)


def block(**settings: Any) -> nn.Sequential:
    conv = nn.Conv2d(3, 6, 3, **settings)
    return nn.Sequential(conv, nn.BatchNorm2d(6), nn.Dropout(), nn.ReLU(), nn.Conv2d(6, 4, 3))


def test_halved_layers_start_anew_and_the_others_stay() -> None:
    net = block()
    net[1].running_mean.fill_(5)
    original = copy.deepcopy(net.state_dict())
    conv, reader = net[0], net[4]
    torch.manual_seed(3)
    report = swap(net, "crelu", example=IMAGES, halve=True)
    torch.manual_seed(3)
    expected = nn.Conv2d(3, 3, 3)
    assert net[0] is conv
    assert torch.equal(conv.weight, expected.weight)
    assert torch.equal(conv.bias, expected.bias)
    assert (conv.out_channels, net[1].num_features) == (3, 3)
    assert torch.equal(net[1].running_mean, torch.zeros(3))
    assert torch.equal(reader.weight, original["4.weight"])
    assert isinstance(net[3], CReLU)
    assert report.check is None
    assert report.plan.changes[0].start == "other"
    assert "1: halves" not in str(report)
    assert "3: halves 0, 1, with new initial weights" in str(report)
    report.revert()
    assert [*net.state_dict()] == [*original]
    assert all(torch.equal(value, original[key]) for key, value in net.state_dict().items())


def test_a_plan_read_back_halves_another_instance_likewise() -> None:
    first, second = block(), block()
    second.load_state_dict(first.state_dict())
    plan = plan_swap(first, "crelu", example=IMAGES, halve=True)
    for net, its in ((first, plan), (second, SwapPlan.from_json(plan.to_json()))):
        torch.manual_seed(5)
        its.apply(net)
    x = torch.randn(IMAGES)
    assert torch.equal(first.eval()(x), second.eval()(x))


def test_linear_and_transposed_layers_are_halved() -> None:
    net = nn.Sequential(
        nn.ConvTranspose2d(3, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(400, 6), nn.ReLU(), nn.Linear(6, 2)
    )
    swap(net, "crelu", example=IMAGES, halve=True)
    assert net[0].weight.shape == (3, 2, 2, 2)
    assert net[3].weight.shape == (3, 400)
    assert net(torch.randn(IMAGES)).shape == (2, 2)


class Residual(nn.Module):
    """The values in front of a ReLU are read twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.conv = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return x + self.conv(F.relu(x))


def twice() -> nn.Module:
    conv = nn.Conv2d(3, 3, 1)
    return nn.Sequential(conv, conv, nn.ReLU())


REFUSED = {
    "5 channels cannot be halved": lambda: nn.Sequential(nn.Conv2d(3, 5, 1), nn.ReLU()),
    "0 (Conv2d) is a grouped convolution": lambda: nn.Sequential(nn.Conv2d(3, 6, 1, groups=3), nn.ReLU()),
    "something else reads the values of stem (Conv2d) too": Residual,
    "called several times": lambda: nn.Sequential(
        twice()[:2], nn.Conv2d(3, 4, 1), *[nn.Conv2d(4, 4, 1)] * 2, nn.ReLU()
    ),
    "1 (GroupNorm) is between it": lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.GroupNorm(2, 4), nn.ReLU()),
    "is itself an activation": lambda: nn.Sequential(
        create("convrelu2d", in_channels=3, out_channels=4, kernel_size=1), nn.ReLU()
    ),
    "no convolution or linear layer": lambda: nn.Sequential(nn.Identity(), nn.ReLU()),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_halved_is_left_with_the_reason(reason: str) -> None:
    example = (2, 4, 9, 9) if reason.startswith("no") else IMAGES
    [left] = plan_swap(REFUSED[reason](), "crelu", example=example, halve=True).left
    assert reason in left.reason


def test_only_functions_that_double_can_be_halved() -> None:
    with pytest.raises(ConfigError, match="halve=True is for functions that double the channels"):
        swap(block(), "pvlu", example=IMAGES, halve=True)


def test_a_plan_for_other_sizes_changes_nothing() -> None:
    plan = plan_swap(block(), "crelu", example=IMAGES, halve=True)
    other = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Dropout(), nn.ReLU(), nn.Conv2d(8, 4, 3))
    before = repr(other)
    with pytest.raises(ConfigError, match="'0' is not a layer with 6 outputs"):
        plan.apply(other)
    assert repr(other) == before
