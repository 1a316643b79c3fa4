"""SVHN's MATLAB files: axes, labels, the centre crop, and damaged files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.io import savemat

from rectifiers.core.errors import DataError
from rectifiers.datasets import check, load, mat
from rectifiers.datasets.files import Resource
from rectifiers.datasets.svhn import SVHN

from .conftest import Files

Arrays = dict[str, tuple[NDArray[np.uint8], NDArray[np.int64]]]


@pytest.fixture
def arrays() -> Arrays:
    rng = np.random.default_rng(0)
    labels = {"train": np.arange(1, 11), "test": np.array([10, 3])}
    return {
        part: (rng.integers(256, size=(32, 32, 3, len(y)), dtype=np.uint8), y[:, None]) for part, y in labels.items()
    }


@pytest.fixture
def files(arrays: Arrays, md5: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch) -> Files:
    contents = {}
    for part, (images, labels) in arrays.items():
        buffer = BytesIO()
        savemat(buffer, {"X": images, "y": labels.astype(np.uint8)}, do_compression=True)
        contents[f"{part}_32x32.mat"] = buffer.getvalue()
    resources = tuple(
        Resource(name, md5(content), (f"http://nowhere.invalid/{name}",)) for name, content in contents.items()
    )
    monkeypatch.setattr(SVHN, "resources", resources)
    return contents


@pytest.mark.parametrize("folder", ["svhn", "SVHN", ""])
def test_axes_and_labels(folder: str, files: Files, arrays: Arrays, write: Callable[..., Path]) -> None:
    svhn = load("svhn", write(files, folder))
    assert svhn.train.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert svhn.test.labels.tolist() == [0, 3]
    assert svhn.train.images.shape == (10, 3, 32, 32)
    assert svhn.train.images[7, 2, 30, 5] == arrays["train"][0][30, 5, 2, 7]
    assert "label 10" in svhn.note


def test_centre_crop(files: Files, write: Callable[..., Path]) -> None:
    folder = write(files)
    whole, centre = load("svhn", folder), load("svhn-28", folder)
    assert (centre.name, centre.shape) == ("svhn-28", (3, 28, 28))
    assert torch.equal(centre.test.images, whole.test.images[:, :, 2:30, 2:30])
    assert torch.equal(centre.test.labels, whole.test.labels)
    assert "28×28" in centre.note


def test_truncated_file(files: Files, md5: Callable[[bytes], str], write: Callable[..., Path]) -> None:
    name = "train_32x32.mat"
    with pytest.raises(DataError, match=f"{name} is damaged.*expected md5 {md5(files[name])}, found"):
        load("svhn", write({**files, name: files[name][:-1]}))


def test_missing_file(files: Files, write: Callable[..., Path]) -> None:
    folder = write({"train_32x32.mat": files["train_32x32.mat"]})
    with pytest.raises(DataError, match=r"svhn-28: 1 of 2 files is missing(.|\n)*svhn/test_32x32.mat"):
        load("svhn-28", folder)


def saved(compressed: bool, **arrays: NDArray[np.generic]) -> bytes:
    buffer = BytesIO()
    savemat(buffer, arrays, do_compression=compressed)
    return buffer.getvalue()


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_are_read_as_scipy_reads_them(compressed: bool) -> None:
    rng = np.random.default_rng(0)
    arrays = {f"a{rank}": rng.integers(256, size=(2, 3, 4, 5)[:rank], dtype=np.uint8) for rank in (2, 3, 4)}
    content = saved(
        compressed, **arrays, tiny=np.uint8([[7]]), skipped=np.ones((2, 2)), empty=np.zeros((0, 3), np.uint8)
    )
    read = mat.decode(content, "a.mat")
    for name, array in arrays.items():
        assert np.array_equal(read[name], array)
    assert read["tiny"].tolist() == [[7]]
    assert tuple(read["empty"].shape) == (0, 3)
    assert "skipped" not in read


@pytest.mark.parametrize("compressed", [False, True])
def test_a_mat_file_cut_anywhere_is_named_or_has_fewer_arrays(compressed: bool) -> None:
    content = saved(compressed, X=np.arange(96, dtype=np.uint8).reshape(4, 4, 3, 2), y=np.uint8([[1], [2]]))
    whole = mat.decode(content, "a.mat")
    for end in range(len(content)):
        # Zeros that fill up the last element, or all that stands after one, may be missing.
        read = {}
        with suppress(DataError):
            read = mat.decode(content[:end], "a.mat")
        assert all(torch.equal(read[name], whole[name]) for name in read)


def test_a_mat_file_that_unpacks_without_end_is_refused() -> None:
    bomb = saved(True, X=np.zeros((10**8, 1), np.uint8))
    with pytest.raises(DataError, match="unpacks to more than"):
        mat.decode(bomb, "bomb.mat")


def test_other_arrays_than_expected(
    files: Files, md5: Callable[[bytes], str], write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = saved(True, Z=np.uint8([[1]]))
    resources = tuple(Resource(name, md5(content), ("http://nowhere.invalid/",)) for name in files)
    monkeypatch.setattr(SVHN, "resources", resources)
    with pytest.raises(DataError, match=r"train_32x32.mat: expected images X of four axes and labels y, found Z"):
        load("svhn", write(dict.fromkeys(files, content)))


@pytest.mark.skipif(not check("svhn").ready, reason="RECTIFIERS_DATA holds no SVHN")
def test_published_svhn() -> None:
    svhn = load("svhn")
    assert (len(svhn.train), len(svhn.test)) == (73257, 26032)
    assert svhn.test.labels.bincount().max() == 5099
