"""Networks that are called in every way there is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class InPlace(nn.Module):
    """Convolutions whose outputs are written over, by one module twice and by functions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
        self.third = nn.Conv2d(6, 5, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.first(x))
        x = F.max_pool2d(self.relu(self.second(x)), 2)
        x = F.relu(self.third(x), inplace=True)
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


class OutOfPlace(nn.Module):
    """The same function of the same parameters with a module of its own for every call, none in place."""

    def __init__(self, like: InPlace) -> None:
        super().__init__()
        self.first, self.second, self.third, self.head = like.first, like.second, like.third, like.head
        self.relu1, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu1(self.first(x))
        x = self.pool(self.relu2(self.second(x)))
        logits: Tensor = self.head(self.relu3(self.third(x)).mean((2, 3)))
        return logits


class Keywords(nn.Module):
    """Takes its images by name, and a number beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.relu, self.head = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, 2)

    def forward(self, *, images: Tensor, scale: Tensor | None = None) -> dict[str, Tensor]:
        maps = self.relu(self.convolution(images)).mean((2, 3))
        return {"logits": self.head(maps if scale is None else maps * scale)}


class Scoring(nn.Module):
    """One block between layers of other widths, then scores for as many steps as a batch has."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(1, 4), nn.Linear(4, 6)
        self.block, self.score = nn.Sequential(nn.ReLU(), nn.Dropout()), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.score(self.block(self.second(self.block(self.first(x))))).squeeze(-1))


class Force(nn.Module):
    """The gradient of a learned energy by the places of its atoms."""

    def __init__(self) -> None:
        super().__init__()
        self.energy = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = x.requires_grad_()
        return -torch.autograd.grad(self.energy(x).sum(), x, create_graph=True)[0]


def pictures(count: int, size: int = 8, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


class ChannelsLast(nn.Module):
    """Has its channels last between two layers, as ConvNeXt does, or puts them back in front for its activation."""

    def __init__(self, *, last: bool) -> None:
        super().__init__()
        self.stem, self.layer = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 8)
        self.act, self.head, self.last = nn.GELU(), nn.Linear(8, 5), last

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(self.stem(x).permute(0, 2, 3, 1))
        x = self.act(x).permute(0, 3, 1, 2) if self.last else self.act(x.permute(0, 3, 1, 2))
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


def channels_last_and_first() -> tuple[ChannelsLast, ChannelsLast]:
    last, first = ChannelsLast(last=True), ChannelsLast(last=False)
    first.load_state_dict(last.state_dict())
    return last, first
