"""The embedded digits: every published image once, split the same everywhere."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from rectifiers.datasets import digest, load
from rectifiers.datasets.digits import Digits


def test_split_and_scale() -> None:
    digits = load("digits")
    assert (len(digits.train), len(digits.test)) == (1437, 360)
    images = torch.cat([digits.train.images, digits.test.images])
    assert (int(images.min()), int(images.max())) == (0, 255)
    assert images.unique().numel() == 17


def test_every_published_image_is_there_once() -> None:
    digits, bunch = load("digits"), load_digits()
    rows = torch.cat([digits.train.images, digits.test.images]).flatten(1).double().mul(16 / 255).round()
    labels = torch.cat([digits.train.labels, digits.test.labels])
    ours = sorted((*row, label) for row, label in zip(rows.tolist(), labels.tolist(), strict=True))
    theirs = sorted((*row, label) for row, label in zip(bunch.data.tolist(), bunch.target.tolist(), strict=True))
    assert ours == theirs


def test_are_asked_of_scikit_learn_where_its_file_is_not_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert digest(Digits().load(Path("nowhere"))) == "cff90bbfc37127c0"


def test_stratified() -> None:
    counts = load("digits").test.labels.bincount().tolist()
    assert (min(counts), max(counts)) == (35, 37)


def test_same_split_everywhere() -> None:
    assert digest(load("digits")) == "cff90bbfc37127c0"


@pytest.mark.parametrize("side", [28, 32])
def test_enlarged(side: int) -> None:
    small, large = load("digits"), load(f"digits-{side}")
    assert large.shape == (3, side, side)
    assert torch.equal(large.train.labels, small.train.labels)
    channels = large.test.images.unbind(1)
    assert all(torch.equal(channel, channels[0]) for channel in channels)
    exact = F.interpolate(small.test.images.double(), size=(side, side), mode="bilinear")
    assert (channels[0] - exact[:, 0]).abs().max() <= 1
