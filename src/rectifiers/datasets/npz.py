"""The user's own arrays, in one .npz file."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import DataError
from ..core.lazy import torch
from ..core.reading import damage, read_regular
from ..core.wording import plural
from . import npy
from .dataset import Dataset, Split
from .source import PathSource
from .tree import read_members

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

_CHANNELS = range(1, 5)
_KEYS = {
    "train images": ("x_train", "train_x", "X_train"),
    "train labels": ("y_train", "train_y"),
    "test images": ("x_test", "test_x", "X_test"),
    "test labels": ("y_test", "test_y"),
}
_NO_PICTURES = (
    ". For data that are not pictures, such as rows of features, write a function that returns (inputs, targets), and "
    "compare with data=my_module:function"
)


class Npz(PathSource):
    """Your own arrays x_train, y_train, x_test, y_test in a NumPy file: npz:PATH.

    Images are N×H×W, N×H×W×C or N×C×H×W with up to 4 channels, uint8 or floats from 0 to 1; labels are integers
    from 0. Keys may also be spelled train_x, X_train and so on.
    """

    def load(self, data_dir: Path) -> Dataset:
        """Read the file; nothing is ever unpickled."""
        arrays = self._arrays()
        train, test = (
            Split(
                images=self._images(f"{part} images", arrays[f"{part} images"]),
                labels=self._labels(f"{part} labels", arrays[f"{part} labels"]),
            )
            for part in ("train", "test")
        )
        highest = max(train.labels.tolist(), default=0)
        if highest >= max(1, len(train)):
            raise DataError(
                f"{self.given}: found label {highest} among {plural(len(train), 'train label')}; "
                "number the classes from 0"
            )
        floats = any(array.dtype.kind == "f" for array in arrays.values())
        return Dataset(
            f"npz:{self.given}",
            train,
            test,
            classes=tuple(map(str, range(highest + 1))),
            note="pixels given as floats were rounded to 8 bits" if floats else "",
        )

    def _arrays(self) -> dict[str, NDArray[Any]]:
        try:
            content = read_regular(self.path)
        except FileNotFoundError as error:
            raise DataError(f"no file {self.path}; give the path of an .npz file") from error
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {error.strerror}; check the path") from error
        if content.startswith(npy.MAGIC):
            raise DataError(f"{self.path}: expected an .npz file, got a single array; save it with numpy.savez")
        message = f"{self.path}: expected an .npz file of plain arrays, which are never unpickled; reading gave"
        with damage(message, zipfile.BadZipFile), zipfile.ZipFile(BytesIO(content)) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            keys = {part: next((key for key in names if key in members), None) for part, names in _KEYS.items()}
            absent = [_KEYS[part][0] for part, key in keys.items() if key is None]
            if absent:
                raise DataError(f"{self.given}: expected arrays {', '.join(absent)}, found {', '.join(members)}")
            unpacked = read_members(archive, [members[key] for key in keys.values() if key], len(content))
            return {
                part: npy.decode(array, f"{self.path}, {key}")
                for (part, key), (_, array) in zip(keys.items(), unpacked, strict=True)
            }

    def _images(self, part: str, array: NDArray[Any]) -> Tensor:
        where = f"{self.given}, {part}"
        if array.dtype.kind == "f":
            if not (array.size and array.min() >= 0 and array.max() <= 1):
                found = f"{array.min():g} to {array.max():g}" if array.size else "none"
                raise DataError(
                    f"{where}: expected floats from 0 to 1, found {found}; scale them, or store uint8{_NO_PICTURES}"
                )
            array = (array * 255).round().astype("uint8")
        elif array.dtype != "uint8":
            raise DataError(f"{where}: expected uint8, or floats from 0 to 1, got {array.dtype}; convert them")
        return torch.from_numpy(_channels_first(where, array).copy())

    def _labels(self, part: str, array: NDArray[Any]) -> Tensor:
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise DataError(
                f"{self.given}, {part}: expected N integers, got {array.dtype} of shape {array.shape}; "
                "number the classes from 0"
            )
        return torch.from_numpy(array.astype("int64"))


def _channels_first(where: str, array: NDArray[Any]) -> NDArray[Any]:
    """View the images as N×C×H×W."""
    if array.ndim == 3:
        return array[:, None]
    if array.ndim != 4:
        raise DataError(
            f"{where}: expected N×H×W, N×H×W×C or N×C×H×W, got shape {array.shape}; reshape it{_NO_PICTURES}"
        )
    first, last = (array.shape[axis] in _CHANNELS for axis in (1, 3))
    if first == last:
        which = "both the second and the last axis" if first else "neither the second nor the last axis"
        raise DataError(
            f"{where}: {which} could be 1 to 4 channels in shape {array.shape}; reshape it to N×H×W×C or N×C×H×W"
        )
    return array if first else array.transpose(0, 3, 1, 2)
