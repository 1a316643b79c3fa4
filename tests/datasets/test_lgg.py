"""LGG's slices and masks: paired, split by patient, and checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from rectifiers.core.errors import DataError
from rectifiers.datasets import check, load
from rectifiers.training.batches import Batches

PATIENTS = 12


def write_slice(
    folder: Path, patient: int, number: int, mask: NDArray[np.uint8] | None = None, size: tuple[int, int] = (16, 16)
) -> None:
    """A slice that is patient and number, with a mask in its corner."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = patient, number
    Image.fromarray(pixels).save(folder / f"{folder.name}_{number}.tif")
    if mask is None:
        mask = np.zeros(size, np.uint8)
        mask[: number % size[0], :2] = 255
    Image.fromarray(mask).save(folder / f"{folder.name}_{number}_mask.tif")


@pytest.fixture
def lgg(tmp_path: Path) -> Path:
    for patient in range(PATIENTS):
        for number in range(1, 12 if patient == 3 else 4):
            write_slice(tmp_path / "kaggle_3m" / f"TCGA_CS_{patient:02}_19990101", patient, number)
    (tmp_path / "kaggle_3m" / "data.csv").write_text("Patient,…")
    return tmp_path


def test_slices_with_their_masks_in_order(lgg: Path) -> None:
    data = load("lgg", lgg)
    assert data.shape == (3, 16, 16)
    for split in (data.train, data.test):
        assert split.images[:, 0, 0, 0].tolist() == split.patients.tolist()
        assert split.masks.flatten(1).sum(1).tolist() == [2 * n for n in split.images[:, 1, 0, 0].tolist()]
        for patient in split.patients.unique():
            numbers = split.images[split.patients == patient, 1, 0, 0].tolist()
            assert numbers == list(range(1, len(numbers) + 1))
    assert data.train.masks.unique().tolist() == [0, 1]


def test_split_by_patient(lgg: Path) -> None:
    data = load("lgg", lgg)
    train, test = data.train.patients.unique().tolist(), data.test.patients.unique().tolist()
    assert len(test) == 10
    assert sorted(train + test) == list(range(PATIENTS))
    assert "10 fixed patients of 12 are for testing" in data.note
    assert repr(data.test).endswith("of 10 patients, 3×16×16)")


def test_batches_of_images_and_masks(lgg: Path) -> None:
    data = load("lgg", lgg)
    batches = Batches(data.train, 4, normalise=data.train.numbers("unit"), seed=3)
    for images, masks in (*batches, *batches.epoch(0)):
        assert images.dtype == torch.float32
        assert masks.dtype == torch.uint8
        assert masks.shape == (len(images), 1, 16, 16)
        assert torch.equal(masks.flatten(1).sum(1).float(), 2 * (images[:, 1, 0, 0] * 255).round())


def test_prepared_volumes_lack_the_outermost_slices(lgg: Path) -> None:
    """The fixture's images have one colour each; here all of them get a bright square."""
    for folder in (lgg / "kaggle_3m").iterdir():
        for number in range(1, 12):
            file = folder / f"{folder.name}_{number}.tif"
            if file.exists():
                pixels = np.full((16, 16, 3), 40, np.uint8)
                pixels[4:8, 4:8] = 200
                Image.fromarray(pixels).save(file)
    data = load("lgg-prepared", lgg)
    assert (data.name, data.shape, len(data.train) + len(data.test)) == ("lgg-prepared", (3, 256, 256), 11 * 1 + 9)
    assert repr(data.test).startswith("Volumes(")
    assert len(data.test.strata) == 10


def test_missing_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"lgg: not found; getting it takes an account.*kaggle.com(.|\n)*tmp.*kaggle_3m"
    ):
        load("lgg", tmp_path)


@pytest.mark.parametrize("suffix", ["_mask.tif", ".tif"])
def test_image_and_mask_belong_together(suffix: str, lgg: Path) -> None:
    folder = lgg / "kaggle_3m" / "TCGA_CS_05_19990101"
    (folder / f"{folder.name}_2{suffix}").unlink()
    with pytest.raises(DataError, match=r"TCGA_CS_05_19990101: expected .*found only one of the two for .*_2.tif"):
        load("lgg", lgg)


def test_patient_without_images(lgg: Path) -> None:
    (lgg / "kaggle_3m" / "TCGA_CS_99").mkdir()
    with pytest.raises(DataError, match=r"TCGA_CS_99: expected images .* found none"):
        load("lgg", lgg)


def test_grey_mask_is_named(lgg: Path) -> None:
    folder = lgg / "kaggle_3m" / "TCGA_CS_05_19990101"
    write_slice(folder, 5, 2, mask=np.full((16, 16), 128, np.uint8))
    with pytest.raises(DataError, match=r"TCGA_CS_05_19990101_2_mask.tif: expected a mask of only black and white"):
        load("lgg", lgg)


def test_other_size_is_named(lgg: Path) -> None:
    folder = lgg / "kaggle_3m" / "TCGA_CS_05_19990101"
    write_slice(folder, 5, 2, size=(16, 20))
    with pytest.raises(DataError, match=r"pictures differ in size: .*_2_mask.tif has 20×16"):
        load("lgg", lgg)


def test_too_few_patients(tmp_path: Path) -> None:
    for patient in range(10):
        write_slice(tmp_path / "kaggle_3m" / f"p{patient}", patient, 1)
    with pytest.raises(DataError, match="kaggle_3m: expected folders of more than 10 patients, found 10"):
        load("lgg", tmp_path)


@pytest.mark.skipif(not check("lgg").ready, reason="RECTIFIERS_DATA holds no LGG")
def test_published_lgg() -> None:
    data = load("lgg")
    assert len(data.train) + len(data.test) == 3929
