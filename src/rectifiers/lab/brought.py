"""What a user brings to a comparison, as the fields of a trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import datasets
from ..core.errors import DataError, RectifiersError
from ..core.factory import story
from ..datasets.tree import is_archive
from ..experiments.compare.references import refer

USUAL: dict[str, Any] = {
    "optimizer": "adamw",
    "lr": 1e-3,
    "schedule": "cosine",
    "batch_size": 64,
    "epochs": 10,
}
"""Settings of our loop, where the user names none."""
HELD_OUT = 0.1
"""Share of the training data to choose on, where something is chosen and nobody says how much."""


def fields_of(model: Any, data: Any, train: Any, example: Any) -> dict[str, Any]:
    """Fields of a trial that name what the user brought, data last: to know them takes longest."""
    return {
        "network": refer(model),
        "train": "" if train is None else refer(train),
        "example": "" if example is None else _example(example),
        "dataset": "" if data is None else data if name_data(data) else _refer_data(data),
    }


def refer_function(given: Any) -> str:
    """The name of a function of the user's; empty for a word, which is known by itself."""
    return "" if isinstance(given, str) and ":" not in given else refer(given)


def _refer_data(data: Any) -> str:
    try:
        return refer(data)
    except RectifiersError:
        raise
    except Exception as error:  # a few samples are looked at
        raise DataError(f"reading the data failed: {story(error)}") from error


def name_data(data: Any) -> str:
    """The name of data that are known by name; empty for what the user brought.

    Raises:
        UnknownNameError: there are none of that name.
        DataError: it is a path, and nothing is there.
    """
    if isinstance(data, Path):
        data = str(data)
    if not isinstance(data, str):
        return ""
    if Path(data).is_dir() or (is_archive(data) and Path(data).is_file()):
        return f"folder:{data}"
    if data.endswith(".npz") and ":" not in data:
        return f"npz:{data}"
    kind, colon, _ = data.partition(":")
    if kind in datasets.registry:
        return data
    if colon:
        return ""
    raise datasets.nothing_there(data, "data set, folder or package.module:name")


def _example(example: Any) -> str:
    if isinstance(example, tuple | list) and example and all(type(size) is int for size in example):
        return ",".join(map(str, example))
    return refer(example)


def usual_settings(settings: dict[str, Any], train: Any, *, chooses: bool, tunes: bool) -> dict[str, Any]:
    """Settings of the runs, with what is usual where the user names nothing."""
    if train is not None:
        return {**settings, "passed": tuple(sorted({*settings, *(("lr",) if tunes else ())}))}
    needed = (chooses or settings.get("patience")) and not settings.get("folds")
    held_out = {"validation": HELD_OUT} if needed else {}
    usual = dict(USUAL)
    if {"milestones", "lr_decay"} & set(settings):
        del usual["schedule"]
    return {**usual, **held_out, **settings}
