"""CIFAR-10 and CIFAR-100: the published records, their archive, and what happens to damaged ones."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from rectifiers.core.errors import DataError
from rectifiers.datasets import Split, check, digest, load
from rectifiers.datasets.cifar10 import CIFAR10, CIFAR10Part
from rectifiers.datasets.cifar100 import CIFAR100
from rectifiers.datasets.cifar_pictures import content_digest
from rectifiers.datasets.files import Resource
from rectifiers.datasets.source import Size

from ..conftest import Mirror
from .conftest import Files

TRAIN = [f"data_batch_{number}.bin" for number in range(1, 6)]


def records(labels: list[int], seed: int, coarse: bool = False) -> Tensor:
    """Images that are their number and their label bytes."""
    pixels = torch.randint(256, (len(labels), 3072), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    columns = [torch.tensor(labels, dtype=torch.uint8)[:, None], pixels]
    if coarse:
        columns.insert(0, torch.full((len(labels), 1), 19, dtype=torch.uint8))
    return torch.cat(columns, 1)


def pack(files: Files, top: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def cifar10(md5: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Files]:
    """Let CIFAR-10 be a small one; returns a function that changes its files and packs them."""
    files = {name: bytes(records([2 * number, 2 * number + 1], number).flatten()) for number, name in enumerate(TRAIN)}
    files |= {"test_batch.bin": bytes(records([9, 0, 3], 9).flatten())}
    files |= {"batches.meta.txt": "\n".join("abcdefghij").encode() + b"\n\n", "readme.html": b"<html>"}

    def publish(url: str = "http://nowhere.invalid/", **changes: bytes) -> Files:
        content = pack({**files, **changes}, "cifar-10-batches-bin")
        name = "cifar-10-binary.tar.gz"
        monkeypatch.setattr(CIFAR10, "resources", (Resource(name, md5(content), (url + name,)),))
        return {name: content}

    return publish


@pytest.mark.parametrize("folder", ["cifar", ""])
def test_records(cifar10: Callable[..., Files], folder: str, write: Callable[..., Path]) -> None:
    where = write(cifar10(), folder)
    before = sorted(where.rglob("*"))
    data = load("cifar10", where)
    assert (data.shape, data.classes) == ((3, 32, 32), tuple("abcdefghij"))
    assert data.train.labels.tolist() == list(range(10))
    assert data.test.labels.tolist() == [9, 0, 3]
    assert torch.equal(data.train.images[3].flatten(), records([2, 3], 1)[1, 1:])
    assert torch.equal(data.train.images[3, 2, 31, 30], records([2, 3], 1)[1, 3071])
    assert sorted(where.rglob("*")) == before


def test_fine_labels_of_cifar100(
    md5: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch, write: Callable[..., Path]
) -> None:
    files = {"train.bin": bytes(records([0, 99, 5], 0, coarse=True).flatten())}
    files |= {"test.bin": bytes(records([7], 1, coarse=True).flatten())}
    files |= {"fine_label_names.txt": "\n".join(f"thing_{number}" for number in range(100)).encode()}
    name, content = "cifar-100-binary.tar.gz", pack(files, "cifar-100-binary")
    monkeypatch.setattr(CIFAR100, "resources", (Resource(name, md5(content), ("http://nowhere.invalid/",)),))
    data = load("cifar100", write({name: content}))
    assert data.train.labels.tolist() == [0, 99, 5]
    assert data.test.labels.tolist() == [7]
    assert torch.equal(data.test.images.flatten(), records([7], 1)[0, 1:])
    assert data.classes[99] == "thing_99"


def test_gaussian_blurs_train_and_test(cifar10: Callable[..., Files], write: Callable[..., Path]) -> None:
    folder = write(cifar10())
    sharp, blurred = load("cifar10", folder), load("cifar10-gaussian", folder)
    for one, other in ((sharp.train, blurred.train), (sharp.test, blurred.test)):
        assert torch.equal(one.labels, other.labels)
        assert other.images.float().std() < one.images.float().std() / 2
    assert "Gaussian filter of 1 pixel" in blurred.note


def test_downloaded_whole_and_never_opened_otherwise(
    cifar10: Callable[..., Files], mirror: Mirror, tmp_path: Path
) -> None:
    mirror.files = {f"/{name}": content for name, content in cifar10(mirror.url).items()}
    assert len(load("cifar10", tmp_path, download=True).train) == 10
    assert [path.name for path in (tmp_path / "cifar").iterdir()] == ["cifar-10-binary.tar.gz"]


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cifar10: 1 of 1 file is missing; .*--download.*cs.toronto.edu"):
        load("cifar10", tmp_path)


def test_hash_is_checked_before_the_archive_is_opened(
    cifar10: Callable[..., Files], write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (name, content), *_ = cifar10().items()
    monkeypatch.setattr("tarfile.open", lambda *arguments, **keywords: pytest.fail("opened"))
    with pytest.raises(DataError, match=rf"{name} is damaged or another file of that name: expected md5"):
        load("cifar10", write({name: content[:-9]}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            bytes(records([1], 0).flatten())[:-1],
            r"data_batch_4.bin: expected records of 3,073 bytes, found 3,072 bytes",
        ),
        (b"", "data_batch_4.bin: expected records of 3,073 bytes, found 0 bytes"),
        (bytes(records([1, 10], 0).flatten()), r"data_batch_4.bin, record 2: label 10, expected 0 to 9"),
    ],
)
def test_damaged_file_in_the_archive(
    content: bytes, message: str, cifar10: Callable[..., Files], write: Callable[..., Path]
) -> None:
    with pytest.raises(DataError, match=rf"cifar-10-binary.tar.gz/{message}"):
        load("cifar10", write(cifar10(**{"data_batch_4.bin": content})))


def paint(folder: Path, images: Tensor, labels: list[int], part: str, prefix: str = "", suffix: str = "png") -> None:
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / part / "abcdefghij"[label] / f"{prefix}{number}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)


@pytest.fixture
def pictured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Let CIFAR-10 have two training images of each class and one test image; writes them as pictures."""
    pixels = torch.randint(256, (30, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    labels = [*range(10)] * 3
    train, test = Split(pixels[:20], torch.tensor(labels[:20])), Split(pixels[20:], torch.tensor(labels[20:]))
    monkeypatch.setattr(CIFAR10, "size", Size((3, 32, 32), 10, 20, 10, 0))
    monkeypatch.setattr(CIFAR10, "digests", {"train": content_digest(train), "test": content_digest(test)})

    def write(place: str, prefix: str = "", train: int = 20, suffix: str = "png") -> Path:
        folder = tmp_path / prefix / place
        paint(folder, pixels[:train], labels[:train], "train", prefix, suffix)
        paint(folder, pixels[20:], labels[20:], "test", prefix, suffix)
        return tmp_path / prefix

    return write


@pytest.mark.parametrize("kind", ["folder", "tar", "gztar", "zip"])
def test_pictures_are_cifar_whatever_their_names(kind: str, pictured: Callable[..., Path]) -> None:
    one, other = pictured("cifar/cifar-10-png", "a"), pictured("cifar-10-png", "z9_")
    if kind != "folder":
        shutil.make_archive(str(other / "cifar-10-png"), kind, other, "cifar-10-png")
        shutil.rmtree(other / "cifar-10-png")
    assert check("cifar10", other).ready
    first, second = load("cifar10", one), load("cifar10", other)
    assert (first.name, len(first.train), len(first.test)) == ("cifar10", 20, 10)
    assert first.classes == tuple("abcdefghij")
    assert torch.equal(first.train.images, second.train.images)
    assert torch.equal(first.train.labels, second.train.labels)
    assert torch.equal(first.test.images, second.test.images)
    assert "order of their hashes" in first.note


def test_pictures_hold_what_the_binary_files_hold(
    pictured: Callable[..., Path], md5: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pictured("cifar/cifar-10-png")
    pictures = load("cifar10", folder)
    rows = {
        part: torch.cat([split.labels.to(torch.uint8)[:, None], split.images.flatten(1)], 1)
        for part, split in (("train", pictures.train), ("test", pictures.test))
    }
    files = {name: bytes(rows["train"][4 * n : 4 * n + 4].flatten()) for n, name in enumerate(TRAIN)}
    files |= {"test_batch.bin": bytes(rows["test"].flatten()), "batches.meta.txt": "\n".join("abcdefghij").encode()}
    content = pack(files, "cifar-10-batches-bin")
    monkeypatch.setattr(CIFAR10, "resources", (Resource("c.tar.gz", md5(content), ("http://nowhere.invalid/",)),))
    (folder / "c.tar.gz").write_bytes(content)
    # The published form has the published order, so it comes first.
    binary = CIFAR10().load(folder)
    assert binary.note == ""
    assert digest(binary) == digest(pictures)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda folder: (folder / "train/a/0.png").unlink(),
            "expected the 20 train .*, found 19; load it as cifar10-part",
        ),
        (
            lambda folder: shutil.copy(folder / "train/a/0.png", folder / "train/a/10.png"),
            "there twice; get them again",
        ),
        (lambda folder: shutil.copy(folder / "train/a/0.png", folder / "train/a/x.png"), "found 21"),
        (lambda folder: (folder / "test/a").rename(folder / "test/k"), "only one has a, k"),
        (lambda folder: (folder / "train/a/0.png").rename(folder / "train/a/0.bmp"), "expected lossless PNG pictures"),
    ],
    ids=["missing", "replaced", "more", "classes", "format"],
)
def test_other_pictures_are_not_cifar(
    damage: Callable[[Path], object], message: str, pictured: Callable[..., Path]
) -> None:
    folder = pictured("cifar-10-png")
    damage(folder / "cifar-10-png")
    with pytest.raises(DataError, match=message):
        load("cifar10", folder)


def test_a_part_is_named_as_a_part(pictured: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pictured("cifar/cifar-10-png-part", train=10)
    part = load("cifar10-part", folder)
    assert (part.name, len(part.train), len(part.test)) == ("cifar10-part", 10, 10)
    assert part.note.startswith("a part: 10 of 20 train images and 10 of 10 test images")
    shutil.copy(folder / "cifar/cifar-10-png-part/train/a/0.png", folder / "cifar/cifar-10-png-part/train/b/0.png")
    with pytest.raises(DataError, match="as many train images of every class"):
        CIFAR10Part().load(folder)
    with pytest.raises(DataError, match=r"cifar10-part: cifar-10-png-part.tar is not in .*, or use cifar10"):
        load("cifar10-part", folder / "elsewhere")
    assert not check("cifar10-part", folder / "elsewhere").ready


@pytest.mark.slow  # pictures take half a minute
@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_published_cifar(name: str) -> None:
    if not check(name).ready:
        pytest.skip(f"RECTIFIERS_DATA holds no {name}")
    data = load(name)
    assert (len(data.train), len(data.test)) == (50000, 10000)
    assert data.test.labels.bincount().unique().tolist() == [10000 // len(data.classes)]
