"""A small model of a user's, its data and its training: a run takes some milliseconds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def make_model() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Dropout(0.1), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 3))


def make_norm_model() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 3))


def tensors(count: int = 120, seed: int = 0) -> tuple[Tensor, Tensor]:
    inputs = torch.randn(count, 6, generator=torch.Generator().manual_seed(seed))
    return inputs, (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0.5).long()


def train(model: nn.Module, seed: int, report: Any) -> dict[str, float]:
    inputs, targets = tensors()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(2):
        chosen = torch.randperm(len(inputs))[:64]
        loss = nn.functional.cross_entropy(model(inputs[chosen]), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        report(epoch=epoch, accuracy=loss.item())
    hits = model(inputs).argmax(1) == targets
    return {"accuracy": float(hits.float().mean()), "val_accuracy": float(hits[:40].float().mean())}
