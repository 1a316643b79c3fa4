"""Optical digits of 8×8 pixels that come with scikit-learn (the test set of Alpaydin and Kaynak, 1998)."""

from __future__ import annotations

from pathlib import Path

from ..core.lazy import torch
from ..core.seeds import derive
from .dataset import Dataset, Split
from .source import Source
from .splits import hold_out

_TEST_IMAGES = 360
_BRIGHTEST = 16


class Digits(Source):
    """Handwritten digits embedded in scikit-learn: 1,437 + 360 grey images of 8×8, 10 classes; needs no files."""

    def load(self, data_dir: Path) -> Dataset:
        """Take scikit-learn's 1,797 images apart: always the same 360, stratified, are for testing."""
        from sklearn.datasets import load_digits

        bunch = load_digits()
        levels = torch.from_numpy(bunch.images)
        everything = Split(
            images=(levels * 255 / _BRIGHTEST).round().to(torch.uint8).unsqueeze(1),
            labels=torch.from_numpy(bunch.target).to(torch.int64),
        )
        train, test = hold_out(everything, _TEST_IMAGES, derive(0, "digits", "test"))
        return Dataset(
            "digits",
            train,
            test,
            classes=tuple("0123456789"),
            note="grey levels 0–16 scaled to 0–255; a fixed stratified split into 1,437 and 360 images",
        )
