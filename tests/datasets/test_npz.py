"""NumPy archives of the user's own: spellings, shapes and dtypes, without unpickling anything."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rectifiers.core.errors import ConfigError, DataError
from rectifiers.datasets import check, load
from rectifiers.datasets.npz import Npz

RNG = np.random.default_rng(0)
GREY = RNG.integers(256, size=(6, 5, 7), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., str]:
    def save(**changes: NDArray[Any] | None) -> str:
        arrays = {"x_train": GREY, "y_train": LABELS, "x_test": GREY[:2], "y_test": LABELS[:2], **changes}
        path = tmp_path / "mine.npz"
        np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
        return f"npz:{path}"

    return save


def test_grey(save: Callable[..., str]) -> None:
    name = save()
    mine = load(name)
    assert mine.name == name
    assert torch.equal(mine.train.images, torch.from_numpy(GREY)[:, None])
    assert mine.test.labels.tolist() == [0, 1]
    assert (mine.classes, mine.note) == (("0", "1", "2"), "")
    assert check(name).ready


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_channel_axis(channels: int, save: Callable[..., str]) -> None:
    last = RNG.integers(256, size=(6, 5, 7, channels), dtype=np.uint8)
    first = np.moveaxis(last, 3, 1)
    for images in (last, first, np.asfortranarray(last)):
        loaded = Npz(save(x_train=images, x_test=images[:2]).removeprefix("npz:")).load(Path()).train.images
        assert loaded.is_contiguous()
        assert np.array_equal(loaded, first)


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f8"])
def test_floats_are_rounded_to_8_bits_and_it_says_so(dtype: str, save: Callable[..., str]) -> None:
    scaled = (GREY / 255).astype(dtype)
    mine = load(save(x_train=scaled, x_test=scaled[:2]))
    assert torch.equal(mine.train.images, torch.from_numpy(GREY)[:, None])
    assert "8 bits" in mine.note


@pytest.mark.parametrize(
    "keys", [("train_x", "train_y", "test_x", "test_y"), ("X_train", "y_train", "X_test", "y_test")]
)
def test_other_spellings(keys: tuple[str, ...], save: Callable[..., str]) -> None:
    usual = dict.fromkeys(("x_train", "y_train", "x_test", "y_test"))
    mine = load(save(**{**usual, **dict(zip(keys, (GREY, LABELS, GREY, LABELS), strict=True))}))
    assert len(mine.test) == 6


def test_labels_as_a_column(save: Callable[..., str]) -> None:
    assert load(save(y_train=LABELS[:, None].astype(np.uint8))).train.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, "expected arrays y_test, found x_train, y_train, x_test"),
        ({"x_train": GREY / 1.0}, "train images: expected floats from 0 to 1, found 0 to 249"),
        ({"x_train": np.full((6, 5, 7), np.nan)}, "expected floats from 0 to 1, found nan to nan"),
        ({"x_train": GREY.astype(int)}, "expected uint8, or floats from 0 to 1, got int64"),
        ({"x_train": GREY[0]}, r"expected N×H×W, N×H×W×C or N×C×H×W, got shape \(5, 7\)"),
        ({"x_train": GREY.reshape(6, 5, 7, 1, 1)}, r"got shape \(6, 5, 7, 1, 1\)"),
        ({"x_train": np.zeros((6, 3, 9, 3), np.uint8)}, r"both the second and the last axis.*\(6, 3, 9, 3\)"),
        ({"x_train": np.zeros((6, 9, 9, 9), np.uint8)}, r"neither the second nor the last axis.*\(6, 9, 9, 9\)"),
        ({"y_train": LABELS.astype(float)}, "train labels: expected N integers, got float64"),
        ({"y_train": np.eye(3)[LABELS].astype(int)}, r"expected N integers, got int64 of shape \(6, 3\)"),
        ({"y_train": LABELS * 1000}, "found label 2000 among 6 train labels"),
        ({"y_train": LABELS - 1}, "train: labels run from -1 to 1"),
        ({"y_test": np.array([0, 5])}, "test: labels run from 0 to 5, expected 0 to 2"),
        ({"y_train": LABELS[:5]}, "6 images but 5 labels"),
        ({"x_test": GREY[:2, :4]}, "train images are 1×5×7, test images are 1×4×7"),
        ({"x_train": GREY[:0], "y_train": LABELS[:0]}, "expected images, got none"),
        ({"y_train": LABELS * 0, "y_test": LABELS[:2] * 0}, "at least two classes, got 1"),
    ],
)
def test_what_is_wrong_is_named(
    changes: dict[str, NDArray[Any] | None], message: str, save: Callable[..., str]
) -> None:
    with pytest.raises(DataError, match=message):
        load(save(**changes))


def test_nothing_is_unpickled(save: Callable[..., str]) -> None:
    with pytest.raises(DataError, match="never unpickled"):
        load(save(y_train=np.array([{"label": 1}], dtype=object)))


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04broken"])
def test_damaged_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"mine.npz: expected an .npz file"):
        load(f"npz:{path}")


def test_truncated_file(save: Callable[..., str]) -> None:
    name = save()
    path = Path(name.removeprefix("npz:"))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"expected an \.npz file"):
        load(name)


def test_single_array(tmp_path: Path) -> None:
    path = tmp_path / "mine.npy"
    np.save(path, GREY)
    with pytest.raises(DataError, match="got a single array"):
        load(f"npz:{path}")


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999999, 9999999999999)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f3', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "(" * 5000,
        "__import__('os').abort()",
    ],
)
def test_headers_that_numpy_would_never_write(header: str, save: Callable[..., str]) -> None:
    path = Path(save().removeprefix("npz:"))
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + b"\0"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("train_x.npy", array)
    with pytest.raises(DataError, match=r"mine.npz, (train_x|train images)"):
        Npz(str(without(path, "x_train.npy"))).load(Path())


def without(path: Path, name: str) -> Path:
    """The same archive, without a member."""
    kept = path.with_name("kept.mine.npz")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(kept, "w") as target:
        for member in source.namelist():
            if member != name:
                target.writestr(member, source.read(member))
    return kept


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x_train=np.zeros((120, 1000, 1000), np.uint8), y_train=LABELS, x_test=GREY, y_test=LABELS)
    assert path.stat().st_size < 200_000
    with pytest.raises(DataError, match=r"bomb.npz: .* bytes unpack to more than"):
        load(f"npz:{path}")


def test_a_pipe_and_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "folder.npz").mkdir()
    for name, reason in (("pipe", "is not a regular file"), ("folder", "is a folder")):
        with pytest.raises(DataError, match=rf"cannot read .*{name}\.npz: {reason}; check the path"):
            load(f"npz:{tmp_path}/{name}.npz")


@pytest.mark.parametrize("name", ["~nosuchuser/x.npz", "a\0b.npz", os.fsdecode(b"\xff.npz")])
def test_paths_that_are_none(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^data: "):
        load(f"npz:{name}")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file .*nowhere.npz"):
        load(f"npz:{tmp_path}/nowhere.npz")
    assert not check(f"npz:{tmp_path}/nowhere.npz").ready
