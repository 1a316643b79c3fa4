"""What renews a network: L2-init, shrink and perturb, and ReDo."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rectifiers.activations import create
from rectifiers.core.errors import UnsupportedError
from rectifiers.networks import create as make
from rectifiers.networks.blocks import Network
from rectifiers.training.renewal import Renewal, forget, pull_to_start


def network(seed: int, function: str = "relu") -> nn.Module:
    torch.manual_seed(seed)
    return make("mlp", lambda channels: create(function, channels=channels), shape=(3,), classes=2, units=4)


def test_l2_init_has_the_gradient_of_its_penalty() -> None:
    net = network(0)
    starts = [parameter.detach().clone() for parameter in net.parameters()]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    pull_to_start(optimizer, 0.3)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1.0)
    net(torch.ones(2, 3)).sum().backward()
    before = [parameter.detach().clone() for parameter in net.parameters()]
    plain = [parameter.grad.clone() for parameter in net.parameters() if parameter.grad is not None]
    penalty = sum((one - start).square().sum() for one, start in zip(net.parameters(), starts, strict=True))
    of_penalty = torch.autograd.grad(0.3 * penalty, list(net.parameters()))
    optimizer.step()
    for now, was, gradient, more in zip(net.parameters(), before, plain, of_penalty, strict=True):
        torch.testing.assert_close(now.detach(), was - 0.1 * (gradient + more))


def test_shrink_and_perturb() -> None:
    net, fresh = network(0), network(1)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert Renewal(shrink=0.5, perturb=0.1)(net, fresh, torch.ones(1, 3)) == {}
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, 0.5 * before[name] + 0.1 * fresh.state_dict()[name])


def test_redo_draws_dormant_units_anew_and_nothing_else() -> None:
    net, fresh = network(0), network(1)
    linears = [module for module in net.modules() if isinstance(module, nn.Linear)]
    news = [module for module in fresh.modules() if isinstance(module, nn.Linear)]
    with torch.no_grad():
        for linear in linears[:2]:
            linear.weight.abs_()
            linear.bias.fill_(0.1)
        linears[0].bias[2] = -100.0
    before = [linear.weight.clone() for linear in linears]
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.rand(5, 3)).sum().backward()
    optimizer.step()
    with torch.no_grad():
        for linear, weight in zip(linears, before, strict=True):
            linear.weight.copy_(weight)
        linears[0].bias[2] = -100.0
    reset = Renewal(redo=0.0)(net, fresh, torch.rand(6, 3))
    forget(optimizer, net, reset)
    assert torch.equal(linears[0].weight[2], news[0].weight[2])
    assert torch.equal(linears[0].bias[2], news[0].bias[2])
    assert not linears[1].weight[:, 2].any()
    others = [0, 1, 3]
    assert torch.equal(linears[0].weight[others], before[0][others])
    assert torch.equal(linears[1].weight[:, others], before[1][:, others])
    assert torch.equal(linears[2].weight, before[2])
    moments = optimizer.state[linears[0].weight]["exp_avg"]
    assert not moments[2].any()
    assert moments[others].any()
    assert not optimizer.state[linears[1].weight]["exp_avg_sq"][:, 2].any()
    # Its units are as if they were not there, until something reads them.
    assert Renewal(redo=0.0)(net, fresh, torch.rand(6, 3)) is not reset


def test_redo_through_a_flattened_map() -> None:
    net, fresh = (Network(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)) for _ in range(2))
    with torch.no_grad():
        net[0].weight.fill_(1.0)
        net[0].bias.copy_(torch.tensor([1.0, -9.0]))
    Renewal(redo=0.0)(net, fresh, torch.rand(2, 1, 2, 2))
    assert not net[3].weight[:, 4:].any()
    assert bool((net[3].weight[:, :4] != 0).all())
    assert torch.equal(net[0].weight[1], fresh[0].weight[1])


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1)), "whose parts follow one another"),
        (Network(nn.ReLU(), nn.Linear(3, 1)), "a layer before"),
        (Network(nn.Linear(3, 4), create("crelu", channels=4), nn.Linear(8, 1)), "one value of each unit"),
    ],
)
def test_redo_where_it_cannot_be(net: nn.Module, words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        Renewal(redo=0.1)(net, net, torch.rand(2, 3))
