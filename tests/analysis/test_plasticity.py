"""Dormant units, ranks and norms, against answers that are known beforehand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from rectifiers.activations import create
from rectifiers.analysis.plasticity import Features, Probe, norm


def test_ranks_are_those_of_the_singular_values() -> None:
    values = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    features = Features(6)
    for part in values.split(7):
        features.add(part)
    singular = torch.linalg.svdvals(values.double())
    shares = singular / singular.sum()
    assert features.effective_rank == pytest.approx(float((-shares * shares.log()).sum().exp()), rel=1e-9)
    assert features.stable_rank == pytest.approx(float(singular.square().sum() / singular.max().square()), rel=1e-9)


def test_one_direction_has_rank_one() -> None:
    features = Features(3)
    features.add(torch.arange(1.0, 9.0).reshape(-1, 1) * torch.tensor([1.0, -2.0, 3.0]))
    assert features.effective_rank == pytest.approx(1)
    assert features.stable_rank == pytest.approx(1)


def test_nothing_has_rank_nought() -> None:
    features = Features(2)
    features.add(torch.zeros(4, 2))
    assert (features.effective_rank, features.stable_rank) == (0, 0)
    assert features.dormant().all()


def test_what_is_not_finite_has_no_rank() -> None:
    features = Features(2)
    features.add(torch.tensor([[math.inf, 1.0]]))
    assert math.isnan(features.effective_rank)
    assert math.isnan(features.stable_rank)
    assert math.isnan(Features(2, ranks=False).effective_rank)


def test_dormant_at_the_threshold() -> None:
    features = Features(3, ranks=False)
    # Means of |h|: 5, 0.5 and 0.5 around a mean of 2, so scores of 2.5, 0.25 and 0.25.
    features.add(torch.tensor([[-5.0, 1.0, 0.5], [5.0, 0.0, -0.5]]))
    assert features.dormant(0.24).tolist() == [False, False, False]
    assert features.dormant(0.25).tolist() == [False, True, True]


def test_a_unit_may_be_dormant_and_not_dead() -> None:
    net = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 1))
    net[0].weight.data = torch.tensor([[1.0], [0.001]])
    found = Probe(net, torch.ones(1, 1))(torch.ones(3, 1), torch.Tensor.sum)
    assert (found.dormant, found.dead) == (0.5, 0)


def test_a_probe_leaves_everything_as_it_was() -> None:
    net = nn.Sequential(nn.Linear(2, 4), create("crelu", channels=4), nn.Dropout(), nn.Linear(8, 1))
    net[2].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    torch.manual_seed(0)
    state = torch.get_rng_state()
    found = Probe(net, torch.ones(1, 2))(torch.ones(5, 2), torch.Tensor.sum)
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in net] == [True, True, False, True]
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    # Of every pair of outputs of a CReLU one is 0 where all inputs are equal.
    assert found.dormant >= 0.5
    assert found.dead == 0
    assert found.weight_norm == pytest.approx(
        math.sqrt(sum(float(p.detach().square().sum()) for p in net.parameters()))
    )


def test_gradient_of_a_known_loss() -> None:
    net = nn.Linear(2, 1, bias=False)
    found = Probe(net, torch.ones(1, 2))(torch.tensor([[3.0, 4.0]]), torch.Tensor.sum)
    assert found.gradient_norm == 5
    assert math.isnan(found.dormant)
    assert math.isnan(found.effective_rank)


def test_norm_of_nothing() -> None:
    assert norm([]) == 0
