"""Images mixed in pairs: what torchvision makes of them, with random numbers of their own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torchvision.transforms import v2

from rectifiers.core.errors import ConfigError
from rectifiers.core.seeds import derive
from rectifiers.datasets import Split
from rectifiers.datasets.slices import Slices
from rectifiers.training.batches import Batches
from rectifiers.training.mixing import MixedBatches

from .samples import batches


def pictures(count: int) -> Split:
    """Noise of 1×8×8 in three classes."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 1, 8, 8), generator=generator).to(torch.uint8)
    return Split(images, torch.arange(count) % 3)


KINDS: dict[str, Any] = {"mixup": v2.MixUp, "cutmix": v2.CutMix}


@pytest.mark.parametrize("kind", KINDS)
def test_mixes_as_torchvision_does(kind: str) -> None:
    data = batches(pictures(10), 4, seed=3)
    mixed = MixedBatches(data, 3, **{kind: 0.8})
    assert len(mixed) == 3
    oracle = KINDS[kind](alpha=0.8, num_classes=3)
    changed = False
    for place, ((images, labels), (ours, shares)) in enumerate(zip(data.epoch(2), mixed.epoch(2), strict=True)):
        torch.manual_seed(derive(3, "mix", 2, place))
        expected, expected_shares = oracle(images, labels)
        assert torch.equal(ours, expected)
        assert torch.equal(shares, expected_shares)
        torch.testing.assert_close(shares.sum(1), torch.ones(len(labels)))
        changed |= not torch.equal(ours, images)
    assert changed


def test_with_both_each_batch_takes_one() -> None:
    """A patch leaves most batches some pixels as they are; a weighted mean changes nearly all."""
    data = batches(pictures(300), 4)
    both, plain = MixedBatches(data, 3, mixup=1.0, cutmix=1.0).epoch(0), data.epoch(0)
    kept = [float((ours == images).float().mean()) for (ours, _), (images, _) in zip(both, plain, strict=True)]
    assert sum(share > 0.1 for share in kept) > 15
    assert sum(share < 0.1 for share in kept) > 15


def test_every_epoch_mixes_anew_and_nothing_else_is_drawn_from() -> None:
    mixed = MixedBatches(batches(pictures(12), 12), 3, mixup=1.0)
    state = torch.get_rng_state()
    (one, _), (again, _), (other, _) = (next(mixed.epoch(epoch)) for epoch in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one.sort(0).values, other.sort(0).values)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_dropout_on_a_gpu_draws_from_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    list(MixedBatches(batches(pictures(12), 4), 3, mixup=1.0, cutmix=1.0).epoch(0))
    assert not seeded


def test_masks_are_not_mixed() -> None:
    masks = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    data = Batches(Slices(masks, masks, torch.tensor([0, 0, 1])), 2, normalise=lambda raw: raw.float())
    with pytest.raises(ConfigError, match="mixup and cutmix are for images with a label each"):
        MixedBatches(data, 2, mixup=0.2)
