"""What every optimizer keeps to."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import nn

from ..samples import demand


def _train(optimizer: Any, steps: int = 50) -> tuple[float, float]:
    """The loss of a small regression before and after some steps, with parameters in two groups."""
    torch.default_generator.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.PReLU(), nn.Linear(8, 1))
    x = torch.randn(32, 4)
    target = x.sum(1, keepdim=True)
    groups = [
        {"params": [*net[0].parameters(), *net[2].parameters()], "weight_decay": 0.0, "lr": 1e-3},
        {"params": list(net[1].parameters()), "weight_decay": 0.0, "lr": 1e-3},
    ]
    made = optimizer(groups, lr=1e-3)
    losses = []
    for _ in range(steps):
        made.zero_grad()
        loss = (net(x) - target).square().mean()
        loss.backward()
        made.step()
        losses.append(float(loss.detach()))
    made.load_state_dict(deepcopy(made.state_dict()))
    return losses[0], losses[-1]


def check_descends(optimizer: Any) -> None:
    """It takes groups of parameters and a learning rate, and lowers a loss."""
    before, after = _train(optimizer)
    demand(after < before, f"fifty steps at a rate of 0.001 take the loss from {before:.3g} to {after:.3g}")


def check_repeatable(optimizer: Any) -> None:
    """The same steps give the same numbers."""
    demand(_train(optimizer) == _train(optimizer), "the same steps give other numbers; draw nothing at random")
