"""Batches of a training: every example once an epoch, in an order of seed and epoch alone."""

from __future__ import annotations

import torch

from rectifiers.datasets import order
from rectifiers.datasets.texts import Texts
from rectifiers.training.batches import Batches

from .samples import batches, blobs


def test_last_batch_holds_what_is_left() -> None:
    found = batches(blobs(10), size=4)
    assert len(found) == 3
    assert [len(labels) for _, labels in found] == [4, 4, 2]
    assert [len(labels) for _, labels in found.epoch(0)] == [4, 4, 2]


def test_texts_become_rows_of_letters() -> None:
    texts = Texts.read([(number % 2, f"text {number}") for number in range(9)], "test", length=12)
    found = Batches(texts, 4, normalise=texts.numbers("unit"))
    rows, labels = (torch.cat(parts) for parts in zip(*found, strict=True))
    assert rows.shape == (9, 70, 12)
    assert torch.equal(labels, texts.labels)
    shuffled, targets = (torch.cat(parts) for parts in zip(*found.epoch(0), strict=True))
    places = order(9, seed=0, epoch=0)
    assert torch.equal(shuffled, rows[places])
    assert torch.equal(targets, labels[places])


def test_own_order_is_kept() -> None:
    split = blobs(10)
    images, labels = (torch.cat(parts) for parts in zip(*batches(split, size=4), strict=True))
    assert torch.equal(labels, split.labels)
    assert torch.equal(images, split.images / 255)


def test_an_epoch_is_every_image_once_with_its_label() -> None:
    split = blobs(30)
    seen = [
        (*image.flatten().mul(255).round().tolist(), int(label))
        for images, labels in batches(split).epoch(5)
        for image, label in zip(images, labels, strict=True)
    ]
    expected = [
        (*image.flatten().tolist(), int(label)) for image, label in zip(split.images, split.labels, strict=True)
    ]
    assert seen != expected
    assert sorted(seen) == sorted(expected)


def first_labels(seed: int, epoch: int) -> list[int]:
    return next(iter(batches(blobs(300), size=300, seed=seed).epoch(epoch)))[1].tolist()


def test_order_depends_on_seed_and_epoch_alone() -> None:
    torch.manual_seed(1)
    one = first_labels(seed=7, epoch=2)
    torch.manual_seed(2)
    assert first_labels(seed=7, epoch=2) == one
    assert first_labels(seed=7, epoch=3) != one
    assert first_labels(seed=8, epoch=2) != one
