"""Units that came back or died between two diagnoses."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

import rectifiers
from rectifiers.analysis import compare_diagnoses
from rectifiers.core.errors import ConfigError

X = torch.arange(1.0, 21.0)[:, None]


def net(*biases: float) -> nn.Sequential:
    model = nn.Sequential(nn.Linear(1, len(biases)), nn.ReLU(), nn.Linear(len(biases), 1))
    with torch.no_grad():
        model[0].weight.fill_(1.0)
        model[0].bias.copy_(torch.tensor(biases))
    return model


def test_units_that_came_back_and_units_that_died() -> None:
    before = rectifiers.diagnose(net(-30, -30, 0, 0), [X])
    after = rectifiers.diagnose(net(-30, 0, -30, 0), [X])
    recovery = compare_diagnoses(before, after)
    (site,) = recovery.sites
    assert (site.dead_before, site.dead_after, site.back, site.above, site.died) == (2, 2, 1, 1, 1)
    assert str(recovery).startswith("1 of 2 dead units came back")
    assert json.loads(recovery.to_json())["back"] == 1


def test_the_swap_that_is_proposed_brings_dead_units_back() -> None:
    model = net(-30, -30, -30, 0)
    before = rectifiers.diagnose(model, [X])
    swap = before.findings[0].swap
    assert swap is not None
    exec(swap.python(), {"rectifiers": rectifiers, "model": model, "example": X})
    recovery = compare_diagnoses(before, rectifiers.diagnose(model, [X]))
    assert (recovery.dead_before, recovery.back, recovery.above, recovery.died) == (3, 3, 0, 0)
    assert "relu → arelu" in str(recovery)


def test_nothing_dead() -> None:
    diagnosis = rectifiers.diagnose(net(0), [X])
    assert str(compare_diagnoses(diagnosis, diagnosis)) == "No unit was dead before, and none is now."


def test_diagnoses_of_different_models() -> None:
    one = rectifiers.diagnose(net(0), [X])
    with pytest.raises(ConfigError, match="1 has 1 unit and 1 has 2"):
        compare_diagnoses(one, rectifiers.diagnose(net(0, 0), [X]))
    with pytest.raises(ConfigError, match="have 1 and 2 sites"):
        compare_diagnoses(one, rectifiers.diagnose(nn.Sequential(net(0), nn.ReLU()), [X]))
