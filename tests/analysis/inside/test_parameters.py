"""Histograms of learned parameters, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import rectifiers
from rectifiers.analysis import parameter_histograms
from rectifiers.core.errors import ConfigError


def test_thresholds_of_convrelu_and_adarelu() -> None:
    net = nn.Sequential(rectifiers.ConvReLU2d(2, 3, 2), rectifiers.AdaReLU(channels=3), nn.PReLU())
    with torch.no_grad():
        net[0].threshold.copy_(torch.arange(8.0).reshape(2, 2, 2))
        net[1].theta.copy_(torch.tensor([-1.0, 1.0, math.nan]))
    thresholds, theta, slope = parameter_histograms(net, bins=4)
    assert (thresholds.layer, thresholds.parameter, thresholds.count) == ("0", "threshold", 8)
    assert thresholds.edges == (0.0, 1.75, 3.5, 5.25, 7.0)
    assert thresholds.counts == (2, 2, 2, 2)
    assert (thresholds.mean, thresholds.low, thresholds.high) == (3.5, 0, 7)
    assert thresholds.std == pytest.approx(math.sqrt(5.25))
    assert (theta.counts, theta.not_finite, theta.mean) == ((1, 0, 0, 1), 1, 0.0)
    assert (slope.parameter, sum(slope.counts)) == ("weight", 1)


def test_layers_share_their_bins() -> None:
    net = nn.Sequential(rectifiers.AReLU(alpha=0.25), rectifiers.AReLU(alpha=0.75))
    alphas = [histogram for histogram in parameter_histograms(net, bins=2) if histogram.parameter == "alpha"]
    assert [histogram.edges for histogram in alphas] == [(0.25, 0.5, 0.75)] * 2
    assert [histogram.counts for histogram in alphas] == [(1, 0), (0, 1)]


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="no activation with parameters"):
        parameter_histograms(nn.Sequential(nn.ReLU(), rectifiers.PVLU()))
    with pytest.raises(ConfigError, match="bins must be a whole number"):
        parameter_histograms(rectifiers.AReLU(), bins=0)
