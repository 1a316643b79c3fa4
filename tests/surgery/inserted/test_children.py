"""Modules that go through their own children do not meet the activations of their function calls there."""

from __future__ import annotations

import copy
import importlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rectifiers
from rectifiers.activations import PVLU

from ..samples import assert_round_trip, run, waves


class Residual(nn.Sequential):
    """Adds what goes in."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + super().forward(x))


class Children(nn.Module):
    """Asks for its children."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        for index, layer in enumerate(layers):
            self.add_module(f"layer{index}", layer)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = F.relu(layer(x))
        return x


class Dense(Children):
    """Reads the dictionary of its children, in a helper function that it keeps."""

    def forward(self, x: Tensor) -> Tensor:
        def helper(y: Tensor) -> Tensor:
            return sum((F.relu(layer(y)) for layer in self._modules.values()), torch.zeros(()))

        return helper(x)


class Layers(nn.ModuleList):
    """Iterates over itself."""

    def forward(self, x: Tensor) -> Tensor:
        for index in range(len(self)):
            x = F.relu(self[index](x))
        return x


class Counted(Children):
    """Leaves the call to a function outside."""

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = outside(layer(x))
        return x


def outside(x: Tensor) -> Tensor:
    return F.relu(x)


BUILDS: list[Callable[[], nn.Module]] = [
    lambda: Residual(nn.Linear(4, 4), nn.Linear(4, 4)),
    lambda: Children(nn.Linear(4, 4), nn.Linear(4, 4)),
    lambda: Dense(nn.Linear(4, 4), nn.Linear(4, 4)),
    lambda: Layers([nn.Linear(4, 4), nn.Linear(4, 4)]),
    lambda: Counted(nn.Linear(4, 4), nn.Linear(4, 4)),
    lambda: nn.Sequential(Residual(nn.Linear(4, 4)), Children(nn.Linear(4, 4))),
]


@pytest.fixture(params=BUILDS, ids=["sequential", "children", "dense", "list", "counted", "inside"])
def build(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_it_is_swapped_and_put_back(build: Callable[[], nn.Module]) -> None:
    model, x = build(), torch.randn(3, 4)
    children = [*model.children()]
    assert_round_trip(model, x)
    waves(model, x)
    assert [*model.children()] == children
    again = rectifiers.swap(model, "prelu", example=x, from_="pvlu", relu_like=False, a=0.5)
    assert not any(isinstance(module, PVLU) for module in model.modules())
    assert [*model.children()] == children
    again.revert()
    model(x).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_its_state_is_saved_and_loaded(build: Callable[[], nn.Module], tmp_path: Path) -> None:
    model, other, x = build(), build(), torch.randn(3, 4)
    waves(model, x)
    waves(other, x)
    names = [name for name, _ in model.named_parameters()]
    assert sorted(names) == sorted(model.state_dict())
    assert any("rectified.0.alpha" in name for name in names)
    for module in other.modules():
        if isinstance(module, PVLU):
            nn.init.zeros_(module.alpha)
    other.load_state_dict(model.state_dict())
    assert torch.equal(run(other, x), run(model, x))
    other.load_state_dict({name: value + 1 for name, value in model.state_dict().items()}, assign=True)
    assert not torch.equal(run(other, x), run(model, x))
    state = model.state_dict()
    gone = next(name for name in state if "rectified" in name)
    renamed = {name: value for name, value in state.items() if name != gone} | {f"{gone}s": state[gone]}
    assert other.load_state_dict(renamed, strict=False).missing_keys == [gone]
    assert other.load_state_dict(renamed, strict=False).unexpected_keys == [f"{gone}s"]
    rectifiers.save(model, tmp_path)
    assert torch.equal(run(rectifiers.load(tmp_path, build()), x), run(model, x))


def test_it_is_a_module_like_others(build: Callable[[], nn.Module]) -> None:
    model, x = build(), torch.randn(3, 4)
    waves(model, x)
    expected = run(model, x)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(run(twin, x), expected)
        assert not {*map(id, twin.parameters())} & {*map(id, model.parameters())}
    parameters = dict(model.named_parameters())
    assert torch.equal(torch.func.functional_call(model, parameters, (x,)), expected)
    zeros = {name: torch.zeros_like(value) if "alpha" in name else value for name, value in parameters.items()}
    assert not torch.equal(torch.func.functional_call(model, zeros, (x,)), expected)
    torch.testing.assert_close(torch.export.export(model, (x,)).module()(x), expected)
    seen: list[nn.Module] = []
    model.train().apply(seen.append)
    assert all(module.training for module in model.modules())
    assert {*seen} == {*model.modules()}
    assert {parameter.dtype for parameter in model.double().parameters()} == {torch.float64}
    torch.testing.assert_close(run(model, x.double()).float(), expected)


def test_it_is_compiled_in_one_graph() -> None:
    for build in BUILDS[:4]:
        model, x = build().eval(), torch.randn(3, 4)
        waves(model, x)
        torch._dynamo.reset()
        torch.testing.assert_close(torch.compile(model, backend="eager", fullgraph=True)(x), model(x))


NAMES = ("_base", "_hidden", "_numbers", "_recipe", "_renewed")


class Named(nn.Module):
    """Its parts have names that are short."""

    def __init__(self) -> None:
        super().__init__()
        for name in NAMES:
            self.add_module(name, nn.Linear(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        for name in NAMES:
            x = F.relu(getattr(self, name)(x))
        return x


def test_no_part_of_a_model_is_hidden_by_what_a_swap_needs() -> None:
    model, x = Named(), torch.randn(3, 4)
    assert len(rectifiers.find_sites(model, x)) == len(NAMES)
    assert_round_trip(model, x)


class Own(Children):
    """Means other things by names of PyTorch's methods."""

    def forward(self, x: Tensor) -> Tensor:
        return self.apply(super().forward(x), 2.0)

    def apply(self, x: Tensor, factor: float) -> Any:  # type: ignore[override]
        return factor * F.relu(x)

    def train(self, mode: bool = True, *, norms: bool = True) -> Any:
        self.norms = norms
        return super().train(mode)


def test_methods_of_the_class_take_and_return_what_they_did() -> None:
    model, x = Own(nn.Linear(4, 4)), torch.randn(3, 4)
    assert_round_trip(model, x)
    rectifiers.swap(model, "prelu", example=x, relu_like=False, a=0.5)
    assert torch.equal(model.apply(-x.abs(), 3.0), -1.5 * x.abs())
    assert model.train(True, norms=False) is model
    assert not model.norms
    assert all(module.training for module in model.rectified.modules())


def test_replicas_have_activations_of_their_own(
    build: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    replicating = importlib.import_module("torch.nn.parallel.replicate")

    # As if there were several GPUs to copy tensors to.
    def copies(tensors: list[Tensor], devices: list[int], detach: bool) -> list[list[Tensor]]:
        return [[tensor.clone() for tensor in tensors] for _ in devices]

    monkeypatch.setattr(replicating, "_broadcast_coalesced_reshape", copies)
    model, x = build(), torch.randn(3, 4)
    waves(model, x)
    expected = model(x)
    first, second = replicating.replicate(model, [0, 1], detach=True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(torch.nan)
    torch.testing.assert_close(first(x), expected)
    torch.testing.assert_close(second(x), expected)
    assert len({id(module) for one in (model, first, second) for module in one.modules()}) == 3 * len(
        [*model.modules()]
    )
