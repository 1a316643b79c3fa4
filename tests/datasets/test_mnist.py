"""MNIST and Fashion-MNIST in every layout that people keep them in, and every way their files can be wrong."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rectifiers.core.errors import DataError
from rectifiers.datasets import check, load

from .conftest import Files


def unpack(packed: Files) -> Files:
    return {name.removesuffix(".gz"): gzip.decompress(content) for name, content in packed.items()}


def recompress(packed: Files) -> Files:
    return {name: gzip.compress(gzip.decompress(content), compresslevel=1, mtime=1) for name, content in packed.items()}


@pytest.mark.parametrize("folder", ["MNIST/raw", ""])
@pytest.mark.parametrize("form", [dict, unpack, recompress])
def test_layouts(
    folder: str,
    form: Callable[[Files], Files],
    small_mnist: Files,
    tensors: dict[str, Tensor],
    write: Callable[..., Path],
) -> None:
    mnist = load("mnist", write(form(small_mnist), folder))
    assert torch.equal(mnist.train.images, tensors["train-images-idx3-ubyte"][:, None])
    assert torch.equal(mnist.train.labels, tensors["train-labels-idx1-ubyte"])
    assert torch.equal(mnist.test.images, tensors["t10k-images-idx3-ubyte"][:, None])
    assert torch.equal(mnist.test.labels, tensors["t10k-labels-idx1-ubyte"])
    assert mnist.classes == tuple("0123456789")


def test_missing_files_are_listed_with_every_path(small_mnist: Files, write: Callable[..., Path]) -> None:
    folder = write({name: content for name, content in small_mnist.items() if "labels" not in name}).resolve()
    with pytest.raises(DataError) as caught:
        load("mnist", folder)
    first, *paths = str(caught.value).splitlines()
    assert first.startswith("mnist: 2 of 4 files are missing")
    assert all(hint in first for hint in ("RECTIFIERS_DATA", "--download", "http://nowhere.invalid"))
    assert [path.strip() for path in paths] == [
        f"{folder}/{place}{part}-labels-idx1-ubyte{suffix}"
        for part in ("train", "t10k")
        for place in ("MNIST/raw/", "")
        for suffix in (".gz", "")
    ]


def test_truncated_file_names_expected_and_found_hash(small_mnist: Files, write: Callable[..., Path]) -> None:
    name = "train-images-idx3-ubyte.gz"
    folder = write({**small_mnist, name: small_mnist[name][:-20]})
    with pytest.raises(DataError, match=rf"{re.escape(name)} is damaged.*expected md5 \w{{32}}, found \w{{32}} in"):
        load("mnist", folder)


@pytest.mark.parametrize("spoil", [lambda b: b[:30] + bytes([b[30] ^ 255]) + b[31:], lambda b: b[:-1], lambda b: b""])
def test_wrong_unpacked_file(spoil: Callable[[bytes], bytes], small_mnist: Files, write: Callable[..., Path]) -> None:
    files = unpack(small_mnist)
    name = "train-images-idx3-ubyte"
    with pytest.raises(DataError, match=rf"{name} is damaged or another file of that name: expected md5"):
        load("mnist", write({**files, name: spoil(files[name])}))


@pytest.mark.parametrize("position", [12, 40, -6])
def test_corrupt_gzip(position: int, small_mnist: Files, write: Callable[..., Path]) -> None:
    name = "t10k-images-idx3-ubyte.gz"
    content = bytearray(small_mnist[name])
    content[position] ^= 255
    with pytest.raises(DataError, match=rf"{re.escape(name)} is damaged"):
        load("mnist", write({**small_mnist, name: bytes(content)}))


def test_a_gzip_file_that_unpacks_without_end_is_refused(small_mnist: Files, write: Callable[..., Path]) -> None:
    name = "t10k-images-idx3-ubyte.gz"
    with pytest.raises(DataError, match=rf"{re.escape(name)} is damaged .*unpacks to more than 75,"):
        load("mnist", write({**small_mnist, name: gzip.compress(bytes(80 * 2**20))}))


def test_unreadable_file(small_mnist: Files, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(small_mnist)

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("rectifiers.datasets.files.read_regular", refuse)
    with pytest.raises(DataError, match=r"cannot read .*train-images.*Permission denied"):
        load("mnist", folder)


def test_fashion_mnist_never_takes_mnist(small_mnist: Files, write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="another file of that name"):
        load("fashion-mnist", write(unpack(small_mnist)))


def test_colour_repeats_the_grey_channel(small_mnist: Files, write: Callable[..., Path]) -> None:
    folder = write(small_mnist)
    grey, colour = load("mnist", folder), load("mnist-colour", folder)
    assert colour.train.images.shape == (20, 3, 4, 5)
    assert all(torch.equal(channel, grey.test.images[:, 0]) for channel in colour.test.images.unbind(1))
    assert "repeated three times" in colour.note


def test_colour_is_named_when_files_are_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="mnist-colour: 4 of 4 files are missing"):
        load("mnist-colour", tmp_path)


@pytest.mark.skipif(not check("mnist").ready, reason="RECTIFIERS_DATA holds no MNIST")
def test_published_mnist() -> None:
    mnist = load("mnist")
    assert (mnist.train.images.shape, mnist.test.images.shape) == ((60000, 1, 28, 28), (10000, 1, 28, 28))
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.skipif(not check("fashion-mnist").ready, reason="RECTIFIERS_DATA holds no Fashion-MNIST")
def test_published_fashion_mnist() -> None:
    fashion = load("fashion-mnist")
    assert fashion.train.labels.bincount().tolist() == [6000] * 10
    assert fashion.test.labels.bincount().tolist() == [1000] * 10
