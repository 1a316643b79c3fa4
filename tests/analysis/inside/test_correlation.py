"""Outgoing weights with known correlations."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rectifiers import CReLU
from rectifiers.analysis.inside.correlation import outgoing_correlations, phase_correlation
from rectifiers.core.errors import ConfigError, DataError, ShapeError

IMAGES = [(torch.zeros(2, 1, 12, 12), torch.zeros(2))]


def test_halves_used_alike_correlate_fully_and_others_do_not() -> None:
    basis = torch.eye(4).view(4, 4, 1, 1)
    weight = torch.cat([basis, -3 * basis], 1)
    matched, unmatched = phase_correlation(weight)
    assert matched.tolist() == [1, 1, 1, 1]
    assert unmatched.diagonal().isnan().all()
    assert unmatched[~torch.eye(4, dtype=torch.bool)].tolist() == [0] * 12


def test_readers_are_found_through_pooling_dropout_and_norm() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1),
        CReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.5),
        nn.BatchNorm2d(4),
        nn.Conv2d(4, 3, 3, padding=1),
        CReLU(),
        nn.Conv2d(6, 1, 1),
    )
    first, second = outgoing_correlations(net, IMAGES)
    assert (first.layer, first.reader, second.layer, second.reader) == ("1", "5", "6", "7")
    with torch.no_grad():
        net[5].weight[:, 2] = net[5].weight[:, 0]
    assert outgoing_correlations(net, IMAGES)[0].pair[0].item() == pytest.approx(1)
    # A single output cannot but agree.
    assert second.pair.tolist() == pytest.approx([1, 1, 1])
    assert [record["weights"] for record in first.records()] == ["pair", "non-pair"]


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3)),
        nn.Sequential(nn.Conv2d(1, 2, 3), CReLU(), nn.Conv2d(4, 4, 3, groups=2)),
        nn.Sequential(nn.Conv2d(1, 2, 3), CReLU(), nn.ReLU(), nn.Conv2d(4, 4, 3)),
    ],
    ids=["no CReLU", "groups", "something in between"],
)
def test_models_without_such_pairs_are_refused(net: nn.Module) -> None:
    with pytest.raises(ConfigError, match="no CReLU that goes to a convolution"):
        outgoing_correlations(net, IMAGES)


def test_bad_input() -> None:
    with pytest.raises(ShapeError, match="2C"):
        phase_correlation(torch.zeros(2, 3))
    with pytest.raises(DataError, match="no batch"):
        outgoing_correlations(nn.Conv2d(1, 1, 1), [])
    matched, _ = phase_correlation(torch.tensor([[0.0, 1.0], [0.0, 1.0]]))
    assert matched.isnan().all()
