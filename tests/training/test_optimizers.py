"""The fused optimizers against PyTorch's plain ones, the two groups, and the learning rate over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.training.optimizers import OPTIMIZERS, create
from rectifiers.training.schedules import lr_factor

from .samples import batches, blobs, network

PLAIN: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adam": (torch.optim.Adam, {}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "rmsprop with momentum": (torch.optim.RMSprop, {"momentum": 0.5}),
    "adam with ε": (torch.optim.Adam, {"eps": 1e-3}),
    "rmsprop with ε": (torch.optim.RMSprop, {"eps": 1e-3}),
}
NAMES = {torch.optim.SGD: "sgd", torch.optim.Adam: "adam", torch.optim.RMSprop: "rmsprop"}


def weights_and_activations(net: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    activations = [net.get_parameter("2.alpha"), net.get_parameter("2.beta")]
    return [p for p in net.parameters() if all(p is not a for a in activations)], activations


def steps(net: nn.Module, optimizer: torch.optim.Optimizer, count: int = 5) -> None:
    for epoch in range(count):
        for images, labels in batches(blobs(12)).epoch(epoch):
            optimizer.zero_grad()
            F.cross_entropy(net(images), labels).backward()
            optimizer.step()


@pytest.mark.parametrize("case", PLAIN)
def test_agrees_with_the_plain_optimizer(case: str) -> None:
    cls, settings = PLAIN[case]
    ours, theirs = network(), network()
    steps(ours, create(NAMES[cls], ours, lr=0.05, **settings))
    steps(theirs, cls(theirs.parameters(), lr=0.05, foreach=False, **settings))
    for (name, ours_p), theirs_p in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert not torch.equal(ours_p, network().get_parameter(name)), name
        torch.testing.assert_close(ours_p, theirs_p, rtol=1e-5, atol=1e-6)


def test_rmsprop_by_hand() -> None:
    """w ← w − lr·g / (√v + ε) with v ← ρ·v + (1 − ρ)·g², as Keras has it; here g is 1 throughout."""
    net = nn.Linear(1, 1, bias=False)
    expected, v = net.weight.item(), 0.0
    optimizer = create("rmsprop", net, lr=0.1, rho=0.9, eps=1e-2)
    for _ in range(3):
        v = 0.9 * v + 0.1
        expected -= 0.1 / (v**0.5 + 1e-2)
        net.weight.grad = torch.ones(1, 1)
        optimizer.step()
    assert net.weight.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_by_hand(nesterov: bool) -> None:
    """w ← w − lr·v with v ← 0.9·v + g; Nesterov steps by g + 0.9·v. Here g is 1 throughout."""
    net = nn.Linear(1, 1, bias=False)
    start = net.weight.item()
    optimizer = create("sgd", net, lr=0.1, momentum=0.9, nesterov=nesterov)
    for _ in range(3):
        net.weight.grad = torch.ones_like(net.weight)
        optimizer.step()
    velocities = (1.0, 1.9, 2.71)
    moved = sum(1 + 0.9 * v if nesterov else v for v in velocities)
    assert net.weight.item() == pytest.approx(start - 0.1 * moved, rel=1e-6)


def step_with(grad: Callable[[Tensor], Tensor], name: str, **settings: Any) -> tuple[list[Tensor], list[Tensor]]:
    """How far one step moves the weights and the activations' parameters."""
    net, start = network(), network()
    optimizer = create(name, net, **settings)
    for parameter in net.parameters():
        parameter.grad = grad(parameter)
    optimizer.step()
    after, before = weights_and_activations(net), weights_and_activations(start)
    return tuple(
        [a.detach() - b.detach() for a, b in zip(*pair, strict=True)] for pair in zip(after, before, strict=True)
    )  # type: ignore[return-value]


def test_weight_decay_by_hand() -> None:
    moved, shaped = step_with(torch.zeros_like, "sgd", lr=0.1, weight_decay=0.5)
    weights, _ = weights_and_activations(network())
    for change, weight in zip(moved, weights, strict=True):
        torch.testing.assert_close(change, -0.1 * 0.5 * weight.detach())
    assert all((change == 0).all() for change in shaped)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_leaves_the_activations_alone(name: str) -> None:
    moved, shaped = step_with(torch.zeros_like, name, lr=0.1, weight_decay=0.5)
    assert all((change != 0).any() for change in moved)
    assert all((change == 0).all() for change in shaped)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_of_the_activations_alone(name: str) -> None:
    moved, shaped = step_with(torch.zeros_like, name, lr=0.1, activation_weight_decay=0.5)
    assert all((change == 0).all() for change in moved)
    assert all((change < 0).all() for change in shaped)


def test_activations_have_a_rate_of_their_own() -> None:
    moved, shaped = step_with(torch.ones_like, "sgd", lr=0.1, activation_lr=0.001)
    for change in moved:
        torch.testing.assert_close(change, torch.full_like(change, -0.1))
    for change in shaped:
        torch.testing.assert_close(change, torch.full_like(change, -0.001), rtol=1e-3, atol=0)


def test_frozen_parameters_stay() -> None:
    net = network()
    net[1].requires_grad_(False)
    optimizer = create("sgd", net, lr=0.1)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 4


def test_unknown_optimizer() -> None:
    with pytest.raises(UnknownNameError, match="unknown optimizer 'sdg'; did you mean sgd"):
        create("sdg", network(), lr=0.1)


def test_rate_outside_its_domain() -> None:
    with pytest.raises(ConfigError, match="lr must be a positive number, got -1"):
        create("sgd", network(), lr=-1)


@pytest.mark.parametrize(
    ("epoch", "factor"), [(0.0, 1.0), (1.99, 1.0), (2.0, 0.5), (2.5, 0.5), (4.0, 0.25), (9.0, 0.25)]
)
def test_milestones(epoch: float, factor: float) -> None:
    assert lr_factor(epoch, milestones=(2, 4), gamma=0.5) == factor


@pytest.mark.parametrize(("epoch", "factor"), [(0.125, 0.0625), (1.0, 0.5), (1.5, 0.75), (2.0, 1.0), (3.0, 1.0)])
def test_warmup_rises_linearly(epoch: float, factor: float) -> None:
    assert lr_factor(epoch, warmup_epochs=2) == factor
