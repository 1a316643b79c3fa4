"""A new head: the last layer changes, and nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rectifiers.core.errors import ConfigError
from rectifiers.networks.heads import replace_head

from .samples import build, count


def test_only_the_last_layer_changes() -> None:
    net = build("mnist-conv")
    before = {name: value.clone() for name, value in net.state_dict().items()}
    head = replace_head(net, 3)
    after = net.state_dict()
    changed = {name for name in before if before[name].shape != after[name].shape}
    assert changed == {"10.weight", "10.bias"}
    assert all(torch.equal(before[name], after[name]) for name in before.keys() - changed)
    assert list(net.children())[-1] is head
    assert net(torch.rand(2, 1, 28, 28)).shape == (2, 3)


def test_dtype_and_bias_stay() -> None:
    net = nn.Sequential(nn.Linear(4, 5, bias=False, dtype=torch.float64))
    head = replace_head(net, 2)
    assert (head.weight.dtype, head.bias, count(net)) == (torch.float64, None, 8)


def test_mistakes() -> None:
    with pytest.raises(ConfigError, match="Sequential has no linear layer inside it"):
        replace_head(nn.Sequential(nn.ReLU()), 3)
    with pytest.raises(ConfigError, match="Linear has no linear layer inside it"):
        replace_head(nn.Linear(3, 4), 3)
    with pytest.raises(ConfigError, match="classes must be a whole number of at least 1, got 0"):
        replace_head(build("mnist-conv"), 0)
