"""Published numbers, read from the TOML file beside the table that they belong to.

The file holds the `source`, the labels of the `columns`, and one line of numbers per row under `[cells]`; further
lines that the paper computes from these under `[derived]`; and `notes` where the print contradicts itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core.errors import ConfigError
from ..experiments.experiment import Published
from ..experiments.toml import read_toml


def load_published(path: Path) -> Published:
    """The numbers of one published table.

    Raises:
        ConfigError: the file is not TOML, lacks a part, or has a row with a number too many or too few.
    """
    document = read_toml(path)
    missing = {"source", "columns", "cells"} - set(document)
    if missing:
        raise ConfigError(f"{path}: needs {', '.join(sorted(missing))}")
    columns = document["columns"]
    return Published(
        source=document["source"],
        cells=_by_place(path, document["cells"], columns),
        derived=_by_place(path, document.get("derived", {}), columns),
        notes=tuple(document.get("notes", ())),
    )


def _by_place(path: Path, rows: Mapping[str, Sequence[float]], columns: Sequence[str]) -> dict[tuple[str, str], float]:
    for row, values in rows.items():
        if len(values) != len(columns):
            raise ConfigError(f"{path}: row {row!r} has {len(values)} numbers for {len(columns)} columns")
    return {
        (row, column): float(value)
        for row, values in rows.items()
        for column, value in zip(columns, values, strict=True)
    }
