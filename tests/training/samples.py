"""Small data and a small network, made by hand."""

from __future__ import annotations

import torch
from torch import nn

from rectifiers.activations import create
from rectifiers.datasets import Normalise, Split
from rectifiers.training.batches import Batches


def blobs(count: int = 30, seed: int = 0) -> Split:
    """Images of 1×2×2 in three classes, one bright pixel each, under noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    images = torch.randint(0, 100, (count, 1, 2, 2), generator=generator)
    images.view(count, 4)[torch.arange(count), labels] += 150
    return Split(images.to(torch.uint8), labels)


def batches(split: Split, size: int = 8, seed: int = 0) -> Batches:
    return Batches(split, size, normalise=Normalise(), seed=seed)


def network() -> nn.Sequential:
    """The same weights at each call."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(nn.Flatten(), nn.Linear(4, 8), create("arelu"), nn.Linear(8, 3))
