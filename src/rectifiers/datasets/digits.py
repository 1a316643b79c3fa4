"""Optical digits of 8×8 pixels that come with scikit-learn (the test set of Alpaydin and Kaynak, 1998)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from ..core.lazy import torch
from ..core.seeds import derive
from .dataset import Dataset, Split
from .source import Source
from .splits import hold_out

_TEST_IMAGES = 360
_BRIGHTEST = 16


def _read() -> tuple[Any, Any]:
    """Grey levels, N×64, and labels, from the file of scikit-learn's that holds them."""
    package = importlib.util.find_spec("sklearn")
    path = Path((package and package.origin) or "sklearn").parent / "datasets" / "data" / "digits.csv.gz"
    if not path.is_file():  # scikit-learn may move it
        from sklearn.datasets import load_digits

        levels, labels = load_digits(return_X_y=True)
        return levels, labels
    # Not by scikit-learn, which takes half a second to load, and in each worker.
    import numpy as np

    table = np.loadtxt(path, delimiter=",")
    return table[:, :-1], table[:, -1]


class Digits(Source):
    """Handwritten digits embedded in scikit-learn: 1,437 + 360 grey images of 8×8, 10 classes; needs no files."""

    def load(self, data_dir: Path) -> Dataset:
        """Take scikit-learn's 1,797 images apart: always the same 360, stratified, are for testing."""
        levels, labels = _read()
        everything = Split(
            images=(torch.from_numpy(levels).reshape(-1, 1, 8, 8) * 255 / _BRIGHTEST).round().to(torch.uint8),
            labels=torch.from_numpy(labels).to(torch.int64),
        )
        train, test = hold_out(everything, _TEST_IMAGES, derive(0, "digits", "test"))
        return Dataset(
            "digits",
            train,
            test,
            classes=tuple("0123456789"),
            note="grey levels 0–16 scaled to 0–255; a fixed stratified split into 1,437 and 360 images",
        )
