"""One name for a call, whoever watches."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers import diagnose, find_sites, swap
from rectifiers.watching.calls import list_calls, watch_calls
from rectifiers.watching.feeding import read_batch
from rectifiers.watching.names import name_calls


class Block(nn.Module):
    """Uses one module twice and two functions, one of them twice."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.act = nn.Linear(4, 4), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.linear(x))
        x = F.relu(x - 0.1) + torch.tanh(x)
        return F.relu(self.act(self.linear(x) + 0.5))


class Recurrent(nn.Module):
    """Runs one block twice."""

    def __init__(self) -> None:
        super().__init__()
        self.block = Block()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(self.block(x))
        return y


NAMES = ["block.act#1", "block:relu#1", "block:tanh", "block.act#2", "block:relu#2"]


def test_swap_doctor_and_calls_agree() -> None:
    net, x = Recurrent(), torch.randn(3, 4)
    sites = [site.name for site in find_sites(net, x)]
    assert sites == NAMES
    assert [site.name for site in diagnose(net, [x]).sites] == NAMES
    calls = [call.name for call in list_calls(net, read_batch(net, x)) if call.kind == "activation"]
    assert calls == [*NAMES, *(f"{name}@2" for name in NAMES)]


def test_a_swap_keeps_the_names_of_what_stays() -> None:
    net = Recurrent()
    swap(net, "pvlu", example=(1, 4), where="block:relu#1")
    assert [site.name for site in find_sites(net, (1, 4))][:4] == [
        "block.act#1",
        "block.rectified.0",
        "block:tanh",
        "block.act#2",
    ]


def test_names_lead_back_to_the_calls() -> None:
    net = Recurrent()
    batch = read_batch(net, torch.randn(3, 4))
    chosen = [call for call in list_calls(net, batch) if call.name in ("block:tanh", "block:tanh@2")]
    heard: list[tuple[str, bool]] = []
    watch_calls(net, batch, chosen, end=lambda call, y: heard.append((call.name, bool((y.abs() <= 1).all()))))
    assert heard == [("block:tanh", True), ("block:tanh@2", True)]


def test_a_number_stands_only_where_it_is_needed() -> None:
    assert name_calls("", {3: "relu", 5: "gelu"}) == {3: ":relu", 5: ":gelu"}
    assert name_calls("a", {0: "", 1: ""}) == {0: "a#1", 1: "a#2"}
