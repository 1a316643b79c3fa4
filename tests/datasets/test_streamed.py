"""Pictures decoded batch by batch, prepared as torchvision prepares them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from rectifiers.core.errors import ConfigError, DataError
from rectifiers.datasets import check, load
from rectifiers.datasets.dataset import digest
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.trial import Trial
from rectifiers.training.augmentation import Augmentation
from rectifiers.training.batches import Batches

SIZES = {"a.png": (300, 260), "b.png": (256, 256), "c.png": (200, 391), "d.jpg": (501, 333)}


def noise(path: Path, size: tuple[int, int], seed: int = 0, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(256, size=(9, 9, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize(size).convert(mode).save(path)


@pytest.fixture
def imagenet(tmp_path: Path) -> Path:
    for label, name in enumerate(("n01", "n02")):
        for number, (file, size) in enumerate(SIZES.items()):
            noise(tmp_path / "imagenet/train" / name / file, size, 10 * label + number)
        noise(tmp_path / "imagenet/val" / name / "ILSVRC2012_val_1.JPEG", (260, 300), label)
    return tmp_path


def test_as_torchvision_prepares_them(imagenet: Path) -> None:
    data = load("imagenet", imagenet)
    assert (data.shape, data.classes, len(data.train), len(data.test)) == ((3, 224, 224), ("n01", "n02"), 8, 2)
    for index, name in enumerate(data.train.files):
        picture = Image.open(imagenet / "imagenet" / name).convert("RGB")
        resized = F.resize(picture, 256)
        whole = F.pil_to_tensor(F.center_crop(resized, 256))
        assert torch.equal(data.train.whole(slice(index, index + 1))[0], whole)
        centre = F.pil_to_tensor(F.center_crop(resized, 224))
        assert torch.equal(data.train.take(torch.tensor([index]))[0], centre)


def test_nothing_is_decoded_before_a_batch_asks(imagenet: Path) -> None:
    broken = imagenet / "imagenet/train/n02/b.png"
    broken.write_bytes(b"broken")
    data = load("imagenet", imagenet)
    with pytest.raises(DataError, match=r"train/n02/b.png: cannot be read as a picture"):
        data.train.take(torch.arange(8))
    broken.unlink()
    with pytest.raises(DataError, match=r"cannot read .*train/n02/b.png: No such file"):
        data.train.take(torch.arange(8))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_other_modes_become_rgb(mode: str, imagenet: Path) -> None:
    noise(imagenet / "imagenet/train/n01/z.png", (300, 300), 3, mode)
    data = load("imagenet", imagenet)
    which = torch.tensor([index for index, name in enumerate(data.train.files) if name.endswith("z.png")])
    assert data.train.take(which).shape == (1, 3, 224, 224)


@pytest.mark.parametrize("spec", ["patch:224", "resized-crop:224"])
def test_batches_crop_the_whole_and_evaluate_the_centre(spec: str, imagenet: Path) -> None:
    data = load("imagenet", imagenet)
    normalise = data.train.numbers("unit")
    batches = Batches(data.train, 3, normalise=normalise, augment=Augmentation((spec,)))
    images, labels = (torch.cat(parts) for parts in zip(*batches.epoch(0), strict=True))
    assert images.shape == (8, 3, 224, 224)
    assert labels.bincount().tolist() == [4, 4]
    evaluated = torch.cat([images for images, _ in batches])
    assert torch.equal(evaluated, data.train.take(slice(0, 8)) / 255)


def test_ten_patches_are_cut_from_the_whole(imagenet: Path) -> None:
    data = load("imagenet", imagenet)
    normalise = data.test.numbers("unit")
    ((patches, labels),) = Batches(data.test, 4, normalise=normalise).patches()
    expected = torch.stack(v2.TenCrop(224)(data.test.whole(slice(0, 2))), 1) / 255
    assert torch.equal(patches, expected)
    assert labels.tolist() == [0, 1]


def test_standard_is_measured_on_the_training_pictures(imagenet: Path) -> None:
    data = load("imagenet", imagenet)
    batch = data.train.numbers("standard")(data.train.take(slice(0, 8)))
    torch.testing.assert_close(batch.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)


def test_parts_and_digest(imagenet: Path) -> None:
    data = load("imagenet", imagenet)
    part = data.train.part(data.train.labels == 1)
    assert all("n02" in name for name in part.files)
    assert part.labels.tolist() == [1] * 4
    before = digest(data)
    noise(imagenet / "imagenet/val/n01/ILSVRC2012_val_1.JPEG", (260, 300), 77)
    (imagenet / "other").mkdir()
    (imagenet / "imagenet").rename(imagenet / "other/imagenet")
    assert digest(load("imagenet", imagenet / "other")) != before


def test_own_pictures_of_any_size(imagenet: Path) -> None:
    data = load(f"pictures:{imagenet}/imagenet/train")
    assert (len(data.train), len(data.test)) == (6, 2)
    assert "fifth" in data.note


def test_missing_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"imagenet: not found; its licence .* register at https://image-net.org"):
        load("imagenet", tmp_path)
    availability = check("imagenet", tmp_path)
    assert (availability.ready, availability.missing) == (False, ("imagenet",))


def test_one_class(tmp_path: Path) -> None:
    noise(tmp_path / "imagenet/train/n01/a.png", (9, 9))
    noise(tmp_path / "imagenet/val/n01/a.png", (9, 9))
    with pytest.raises(DataError, match="imagenet/train: expected at least two class folders, found n01"):
        load("imagenet", tmp_path)


@pytest.mark.parametrize("spec", ["imagenet", "pictures:{}/imagenet"])
def test_a_trial_on_streamed_pictures_is_trained_and_tested(spec: str, imagenet: Path) -> None:
    trial = Trial(
        dataset=spec.format(imagenet),
        network="mobilenet",
        network_args={"width": 0.1},
        activation="relu",
        optimizer="sgd",
        lr=0.01,
        batch_size=4,
        validation=0.25,
        patches=10,
    )
    (epoch,) = run_trial(trial, imagenet).epochs
    assert epoch.test_accuracy in (0.0, 50.0, 100.0)
    assert epoch.validation_accuracy in (0.0, 50.0, 100.0)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_processes_that_fetch_ahead_change_no_bits(imagenet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def batches() -> list[torch.Tensor]:
        data = load("imagenet", imagenet)
        made = Batches(data.train, 3, normalise=data.train.numbers("unit"), augment=Augmentation(("patch:224", "flip")))
        torch.manual_seed(0)
        found = [images for images, _ in (*made.epoch(1), *made.epoch(2, 1), *made, *made.patches())]
        return [*found, torch.rand(3)]

    alone = batches()
    monkeypatch.setenv("RECTIFIERS_LOADER_WORKERS", "2")
    ahead = batches()
    assert len(ahead) == len(alone) == 3 + 2 + 3 + 3 + 1
    assert all(map(torch.equal, ahead, alone))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_that_cannot_read_a_picture_says_which(imagenet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (imagenet / "imagenet/train/n02/b.png").write_bytes(b"broken")
    monkeypatch.setenv("RECTIFIERS_LOADER_WORKERS", "1")
    data = load("imagenet", imagenet)
    with pytest.raises(DataError, match=r"^[^\n]*train/n02/b.png: cannot be read as a picture[^\n]*$"):
        list(Batches(data.train, 3, normalise=data.train.numbers("unit")))
    monkeypatch.setenv("RECTIFIERS_LOADER_WORKERS", "many")
    with pytest.raises(ConfigError, match="RECTIFIERS_LOADER_WORKERS must be a whole number of processes, got 'many'"):
        Batches(data.train, 3, normalise=data.train.numbers("unit"))
