"""Filters with known partners."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from rectifiers.analysis.inside.measured import to_csv, to_json
from rectifiers.analysis.inside.pairing import filter_pairs, pair
from rectifiers.core.errors import ConfigError, ShapeError, UnknownNameError


def paired(half: torch.Tensor) -> torch.Tensor:
    return torch.cat([half, -2 * half])


def test_opposite_filters_find_each_other() -> None:
    half = torch.randn(5, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    similarity, partner = pair(paired(half))
    torch.testing.assert_close(similarity, torch.full((10,), -1.0, dtype=torch.float64))
    assert partner.tolist() == [5, 6, 7, 8, 9, 0, 1, 2, 3, 4]


def test_filters_are_compared_within_their_group() -> None:
    half = torch.randn(2, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    # The opposite of each filter of the first group is in the second.
    similarity, partner = pair(paired(half), groups=2)
    assert partner.tolist() == [1, 0, 3, 2]
    cosine = torch.cosine_similarity(half[0].flatten(), half[1].flatten(), dim=0).item()
    assert similarity.tolist() == pytest.approx([cosine] * 4)


def test_zero_and_nan_filters_take_no_part() -> None:
    filters = torch.tensor([[1.0, 0.0], [0.0, 0.0], [math.nan, 1.0], [-1.0, 1.0]])
    similarity, partner = pair(filters)
    assert partner.tolist() == [3, -1, -1, 0]
    assert similarity[[0, 3]].tolist() == pytest.approx([-math.sqrt(0.5)] * 2)
    assert similarity[[1, 2]].isnan().all()


@pytest.mark.parametrize("filters", [torch.zeros(3), torch.zeros(5, 2)])
def test_odd_shapes_are_refused(filters: torch.Tensor) -> None:
    with pytest.raises(ShapeError, match="groups"):
        pair(filters, groups=2)


def test_random_filters_are_the_same_every_time_and_as_many() -> None:
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 3, groups=4))
    first, again = filter_pairs(net, draws=4), filter_pairs(net, draws=4)
    assert [found.layer for found in first] == ["0", "2"]
    assert [tuple(found.random.shape) for found in first] == [(4, 16), (4, 8)]
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.random, other.random)
    # Untrained filters are random too.
    assert abs(first[0].gap) < 0.1


def test_a_transposed_convolution_has_the_filters_of_its_outputs() -> None:
    layer = nn.ConvTranspose2d(4, 6, 3, groups=2)
    with torch.no_grad():
        # Outputs 0 and 2 of the second group, read from inputs 2 and 3.
        layer.weight[2:, 2] = -layer.weight[2:, 0]
    (found,) = filter_pairs(layer)
    assert found.filters.shape == (6, 2, 3, 3)
    assert found.partner[[3, 5]].tolist() == [5, 3]
    assert found.similarity[[3, 5]].tolist() == pytest.approx([-1, -1], abs=1e-6)


def test_depthwise_convolutions_have_no_pairs() -> None:
    depthwise = nn.Conv2d(4, 4, 3, groups=4)
    assert [found.layer for found in filter_pairs(nn.Sequential(depthwise, nn.Conv2d(4, 2, 1)))] == ["1"]
    with pytest.raises(ConfigError, match="no convolution with two filters"):
        filter_pairs(depthwise)


def test_unknown_layers_are_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean stem"):
        filter_pairs(nn.ModuleDict({"stem": nn.Conv1d(1, 2, 3)}), layers=["sten"])


def test_half_precision_and_numbers_for_others() -> None:
    (found,) = filter_pairs(nn.Conv2d(1, 2, 3).half(), draws=2)
    assert to_csv([found]).splitlines()[0] == "layer,filter,partner,similarity,random"
    assert to_json([found]).count('"partner"') == 2
