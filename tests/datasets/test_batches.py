"""Order and preparation of batches: fixed by seed and epoch, and scaled as torchvision scales."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from torchvision.transforms.functional import normalize

from rectifiers.core.errors import DataError, ShapeError, UnknownNameError
from rectifiers.datasets.batches import NORMALISATIONS, Normalise, order
from rectifiers.datasets.dataset import Split
from rectifiers.experiments.trial import Trial

IMAGES = torch.randint(256, (40, 3, 6, 5), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
TRAIN = Split(IMAGES, torch.arange(40) % 2)


def test_order_is_a_permutation_fixed_by_seed_and_epoch() -> None:
    first = order(100, seed=0, epoch=0)
    assert first.dtype == torch.int64
    assert first.sort().values.tolist() == list(range(100))
    torch.manual_seed(1)
    assert torch.equal(first, order(100, seed=0, epoch=0))
    assert not torch.equal(first, order(100, seed=0, epoch=1))
    assert not torch.equal(first, order(100, seed=1, epoch=0))


def test_order_leaves_the_global_stream_alone() -> None:
    before = torch.get_rng_state()
    order(10, seed=0, epoch=0)
    assert torch.equal(before, torch.get_rng_state())


def test_unit_is_pixels_over_255_exactly() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(Normalise.fit("unit", TRAIN.images)(levels), levels.float() / 255)


def test_standard_gives_each_channel_mean_0_and_deviation_1() -> None:
    batch = Normalise.fit("standard", TRAIN.images)(IMAGES)
    assert batch.dtype == torch.float32
    torch.testing.assert_close(batch.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(batch.std(dim=(0, 2, 3), correction=0), torch.ones(3))


def test_standard_measures_the_split_it_is_given() -> None:
    normalise = Normalise.fit("standard", TRAIN.images)
    pixels = IMAGES.double() / 255
    assert normalise.mean == pytest.approx(pixels.mean(dim=(0, 2, 3)).tolist())
    assert normalise.std == pytest.approx(pixels.std(dim=(0, 2, 3), correction=0).tolist())


@pytest.mark.parametrize(
    ("kind", "mean", "std"),
    [
        ("cifar10", (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
        ("cifar100", (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
        ("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ],
)
def test_customary_constants_as_torchvision_applies_them(
    kind: Any, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    ours = Normalise.fit(kind, TRAIN.images)(IMAGES)
    torch.testing.assert_close(ours, normalize(IMAGES / 255, mean, std))


def test_a_trial_knows_every_kind() -> None:
    assert set(get_args(Trial.model_fields["normalise"].annotation)) == set(NORMALISATIONS)


def test_given_constants() -> None:
    normalise = Normalise(mean=(0.5, 0.25, 0.0), std=(0.5, 1.0, 2.0))
    white = torch.full((1, 3, 1, 1), 255, dtype=torch.uint8)
    assert normalise(white).flatten().tolist() == [1.0, 0.75, 0.5]


@pytest.mark.parametrize("kind", ["unit", "standard"])
def test_layout(kind: Any) -> None:
    plain = Normalise.fit(kind, TRAIN.images)(IMAGES)
    last = Normalise.fit(kind, TRAIN.images, channels_last=True)(IMAGES)
    assert plain.is_contiguous()
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(plain, last)


def test_default_dtype_does_not_matter() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert Normalise.fit("standard", TRAIN.images)(IMAGES).dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


def test_batch_is_never_changed() -> None:
    before = IMAGES.clone()
    Normalise.fit("standard", TRAIN.images)(IMAGES)
    assert torch.equal(IMAGES, before)


def test_unknown_kind() -> None:
    with pytest.raises(UnknownNameError, match="unknown normalisation 'standart'; did you mean standard"):
        Normalise.fit("standart", TRAIN.images)


def test_constant_channel() -> None:
    images = IMAGES.clone()
    images[:, 1] = 7
    with pytest.raises(DataError, match="channel 1 has the same value in every image"):
        Normalise.fit("standard", images)


def test_channel_mismatch() -> None:
    with pytest.raises(ShapeError, match="normalisation is for 3 channels, got images with 1"):
        Normalise.fit("standard", TRAIN.images)(IMAGES[:, :1])
