"""Sites: their order, kinds, neighbours and channels, found without changing the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers.core.errors import ConfigError
from rectifiers.surgery import find_sites


class Residual(nn.Module):
    """A block with batch norm in front, an addition, and one ReLU for two calls."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(x + self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))


def test_forward_order_not_the_order_of_registration() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.late, self.early, self.layer = nn.ReLU(), nn.ReLU(), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.late(self.layer(self.early(x)))

    sites = find_sites(Backwards(), (1, 4))
    assert [(site.index, site.name) for site in sites] == [(0, "early"), (1, "late")]


def test_what_a_site_knows_of_its_neighbours() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), Residual(4), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.ReLU())
    first, second, last = find_sites(model, (2, 3, 10, 10))
    assert (first.name, first.before, first.after) == ("1.relu#1", "BatchNorm2d", ("Conv2d",))
    assert (second.name, second.before, second.after) == ("1.relu#2", "add", ("MaxPool2d",))
    assert (last.name, last.before, last.after) == ("4", "Conv2d", ())
    assert [(site.call, site.number, site.scope) for site in (first, second)] == [
        ("reused", 0, "1"),
        ("reused", 1, "1"),
    ]
    assert [site.shape for site in (first, second, last)] == [(2, 4, 8, 8), (2, 4, 8, 8), (2, 6, 2, 2)]
    assert [site.channels for site in (first, second, last)] == [4, 4, 6]
    assert [site.stage for site in (first, second, last)] == [0, 0, 1]
    assert [site.inplace for site in (first, second, last)] == [True, True, False]
    assert not any(site.aliased for site in (first, second, last))


def test_a_module_in_two_modules_has_a_name_in_each() -> None:
    relu = nn.ReLU()
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4), relu), nn.Sequential(nn.Linear(4, 4), relu))
    sites = find_sites(model, (1, 4))
    assert [(site.name, site.scope) for site in sites] == [("0.1", "0"), ("1.1", "1")]
    assert [site.paths for site in sites] == [("0.1",), ("1.1",)]
    assert [site.aliases for site in sites] == [("0.1", "1.1")] * 2


def test_a_block_called_twice_is_one_site() -> None:
    block = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    (site,) = find_sites(nn.Sequential(block, block), (1, 4))
    assert (site.name, site.call, site.paths) == ("0.1", "module", ("0.1", "1.1"))


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (F.relu, "relu"),
        (lambda x: F.relu(x, True), "relu"),
        (lambda x: F.threshold(x, 0, 0), "relu"),
        (lambda x: F.hardtanh(x, 0, 6), "relu6"),
        (lambda x: x.clamp(0, 6), "relu6"),
        (lambda x: x.clip(min=0), "relu"),
        (lambda x: x.clamp_(min=0.0), "relu"),
        (F.relu6, "relu6"),
        (lambda x: F.leaky_relu(x, 0.2), "leaky_relu"),
        (lambda x: F.elu_(x), "elu"),
        (F.silu, "swish"),
        (torch.sigmoid, "sigmoid"),
        (lambda x: F.hardtanh(x), "hardtanh"),
        (lambda x: x.clamp(0, 4), "hardtanh"),
        (lambda x: F.relu6(x + 3) / 6, "hardsigmoid"),
        (lambda x: torch.clamp(torch.add(x, 3), 0, 6) / 6, "hardsigmoid"),
    ],
)
def test_kinds(function: Callable[[Tensor], Tensor], kind: str) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(function(self.first(x)))

    (site,) = find_sites(Net(), (1, 4))
    assert (site.kind, site.call, site.path) == (kind, "function", "")


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.clamp(-1, 1),
        lambda x: x.clamp(max=0),
        lambda x: F.threshold(x, 0.5, 0),
        lambda x: F.threshold(x, 0, 1),
        lambda x: x.clamp(min=torch.zeros(())),
    ],
)
def test_what_is_no_activation(function: Callable[[Tensor], Tensor]) -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function(x * 1)

    assert find_sites(Net(), (1, 4)) == []


def test_a_sum_of_two_tensors_before_relu6_is_no_gate() -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu6(x + x.flip(1))

    (site,) = find_sites(Net(), (1, 4))
    assert (site.kind, site.settings) == ("relu6", {"cap": 6.0})


def test_slopes_and_bounds_are_kept() -> None:
    model = nn.Sequential(nn.LeakyReLU(0.2), nn.Hardtanh(0, 4), nn.ReLU6())
    assert [site.settings for site in find_sites(model, (1, 4))] == [
        {"slope": 0.2},
        {"low": 0.0, "high": 4.0, "cap": 4.0},
        {"cap": 6.0},
    ]


def test_the_channels_of_sequences_come_last_behind_linear_layers() -> None:
    model = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 16), nn.Dropout(), nn.ReLU(), nn.Linear(16, 8))
    (site,) = find_sites(model, (2, 5, 8))
    assert (site.channel_dim, site.channels) == (-1, 16)
    (site,) = find_sites(nn.Sequential(nn.Conv1d(3, 6, 3), nn.ReLU()), (2, 3, 8))
    assert (site.channel_dim, site.channels) == (1, 6)


def test_the_channels_of_recurrent_layers_come_last() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.GRU(4, 6)

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x)[0].relu()

    (site,) = find_sites(Net(), (3, 2, 4))
    assert (site.channel_dim, site.channels) == (-1, 6)


def test_gates_of_one_pixel_do_not_count_as_a_change_of_resolution() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.relu = nn.Conv2d(3, 4, 3), nn.ReLU()
            self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Sigmoid())
            self.after = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            x = self.relu(self.body(x))
            return self.after(x * self.gate(x))

    assert [site.stage for site in find_sites(Gated(), (1, 3, 8, 8))] == [0, 0, 0, 0]


def test_looking_changes_nothing() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout()).train()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    generator = torch.get_rng_state()
    find_sites(model, (4, 3, 8, 8))
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(module.training for module in model.modules())
    assert not torch.nn.modules.module._has_any_global_hook()


@pytest.mark.parametrize("example", [3, "1,3", None])
def test_an_example_of_another_kind_is_refused(example: Any) -> None:
    with pytest.raises(ConfigError, match="example must be a tensor, a shape"):
        find_sites(nn.ReLU(), example)
