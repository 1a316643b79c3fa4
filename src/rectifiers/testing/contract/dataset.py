"""What every data set keeps to."""

from __future__ import annotations

from typing import Any

from ... import datasets
from ...datasets.dataset import Dataset
from ..samples import demand


def _load(source: Any) -> Dataset:
    folder = datasets.data_folder()
    found = source().look(folder)
    demand(found.ready, f"files are missing: {', '.join(found.missing)}; {found.advice}")
    loaded = source().load(folder)
    demand(isinstance(loaded, Dataset), f"load gives something of type {type(loaded).__name__}, not a Dataset")
    return loaded  # type: ignore[no-any-return]


def check_loads(source: Any) -> None:
    """Images or texts, labels and classes fit together."""
    _load(source)


def check_same_each_time(source: Any) -> None:
    """Loading twice gives the same data."""
    first, second = datasets.digest(_load(source)), datasets.digest(_load(source))
    demand(first == second, "loading twice gives other data; shuffle and split by a fixed seed")


def check_parts_differ(source: Any) -> None:
    """What is tested on is not what is trained on."""
    loaded = _load(source)
    whole = datasets.digest(Dataset("train", loaded.train, loaded.train, loaded.classes))
    demand(datasets.digest(loaded) != whole, "training and test data are the same")
