"""Maps before and after activations."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from rectifiers import CReLU, surgery
from rectifiers.analysis.inside.activation_maps import feature_maps
from rectifiers.analysis.inside.measured import to_csv, to_json
from rectifiers.core.errors import ConfigError

from ..models import InPlace, channels_last_and_first, pictures


def test_activations_in_place_show_what_they_wrote_over() -> None:
    net = InPlace()
    found = feature_maps(net, pictures(2))
    assert [maps.layer for maps in found] == ["relu#1", "relu#2", ":relu"]
    with torch.no_grad():
        torch.testing.assert_close(found[0].before, net.first(pictures(2)))
    for maps in found:
        assert maps.before.min() < 0
        torch.testing.assert_close(maps.after, maps.before.relu())


def test_swapped_activations_and_crelu() -> None:
    net = InPlace()
    surgery.swap(net, "prelu", example=(1, 3, 8, 8), relu_like=False)
    (maps,) = feature_maps(net, pictures(2), layers=["relu.1"])
    torch.testing.assert_close(maps.after, torch.where(maps.before > 0, maps.before, 0.25 * maps.before))
    (maps,) = feature_maps(nn.Sequential(nn.Conv2d(3, 2, 1), CReLU()), pictures(2))
    assert (maps.before.shape[1], maps.after.shape[1]) == (2, 4)


def test_numbers_leave_out_what_is_not_finite() -> None:
    (maps,) = feature_maps(nn.ReLU(), torch.tensor([[1.0, math.nan], [-3.0, math.nan]]))
    first, second, *_ = maps.records()
    assert first == {
        "layer": "",
        "where": "before",
        "channel": 0,
        "mean": -1.0,
        "min": -3.0,
        "max": 1.0,
        "positive": 0.5,
        "not_finite": 0,
    }
    assert second["not_finite"] == 2
    assert to_csv([maps]).splitlines()[2] == ",before,1,,,,,2"
    assert '"mean": null' in to_json([maps])


def test_bad_input() -> None:
    with pytest.raises(ConfigError, match="calls no activation"):
        feature_maps(nn.Conv2d(3, 2, 1), pictures(1))
    with pytest.raises(ConfigError, match="feature_maps: 1 gives no tensor"):
        feature_maps(nn.Sequential(nn.Flatten(0), nn.ReLU()), pictures(1), layers=["1"])


def test_channels_that_a_model_has_last_come_after_the_images() -> None:
    last, first = channels_last_and_first()
    (here,), (there,) = (feature_maps(net, pictures(2)) for net in (last, first))
    assert here.after.shape == (2, 8, 8, 8)
    torch.testing.assert_close((here.before, here.after), (there.before, there.after))
