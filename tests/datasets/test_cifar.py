"""CIFAR-10 and CIFAR-100: the published records, their archive, and what happens to damaged ones."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rectifiers.core.errors import DataError
from rectifiers.datasets import check, load
from rectifiers.datasets.cifar10 import CIFAR10
from rectifiers.datasets.cifar100 import CIFAR100
from rectifiers.datasets.files import Resource

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


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_published_cifar(name: str) -> None:
    if not check(name).ready:
        pytest.skip(f"RECTIFIERS_DATA holds no {name}")
    data = load(name)
    assert (len(data.train), len(data.test)) == (50000, 10000)
    assert data.test.labels.bincount().unique().tolist() == [10000 // len(data.classes)]


@pytest.mark.skipif(not check("cifar10-subset").ready, reason="RECTIFIERS_DATA holds no cifar10-subset")
def test_pictures_of_cifar10() -> None:
    data = load("cifar10-subset")
    assert data.shape == (3, 32, 32)
    assert data.classes[:3] == ("airplane", "automobile", "bird")
    assert data.train.labels.bincount().tolist() == [len(data.train) // 10] * 10
