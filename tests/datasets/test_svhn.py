"""SVHN's MATLAB files: axes, labels, the centre crop, and damaged files."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.io import savemat

from rectifiers.core.errors import DataError
from rectifiers.datasets import check, load
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


@pytest.mark.skipif(not check("svhn").ready, reason="RECTIFIERS_DATA holds no SVHN")
def test_published_svhn() -> None:
    svhn = load("svhn")
    assert (len(svhn.train), len(svhn.test)) == (73257, 26032)
    assert svhn.test.labels.bincount().max() == 5099
