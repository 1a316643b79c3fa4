"""Published numbers, read from the TOML file beside the table or figure that they belong to.

source   paper, table or figure, what it shows
columns  labels of the columns
quantity what the numbers are: one word for all columns, or one for each; accuracies by default
absent   why there are dashes
notes    where the printed numbers contradict one another
says     what the running text says about it, in our words
[cells]        row → one number per column, as printed: 93.71, "10.20±0.09", "1.4M", "–"
[derived]      further rows, which the paper computes from these
[corrections]  row → column → what a contradictory number ought to be
[parameters]   row → learnable numbers per unit, printed beside the row's label
[stated]       numbers of the running text
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from ..core.errors import ConfigError, UnknownNameError
from ..core.wording import plural
from ..experiments.experiment import PublishedNumbers, Quantity
from ..experiments.toml import read_toml

KEYS = {
    "source",
    "columns",
    "quantity",
    "absent",
    "notes",
    "says",
    "cells",
    "derived",
    "corrections",
    "parameters",
    "stated",
}
DASH = "–"

_PRINTED = re.compile(r"(?P<value>[-+]?\d+(\.\d+)?)(?P<million>M)?(±(?P<uncertainty>\d+(\.\d+)?))?")

Place = tuple[str, str]


def load_published(path: Path) -> PublishedNumbers:
    """Load the numbers of one published table or figure.

    Args:
        path: the TOML file; the top of this module lists its keys.

    Raises:
        ConfigError: the file is not TOML, lacks a part, has a row with too many or too few numbers, or something in it
            is not a number.
        UnknownNameError: a key or a quantity is unknown.

    Example:
        >>> path = Path(__file__).parent / "convrelu" / "table6.toml"
        >>> load_published(path).get("ConvReLU", "#Params")
        1038184
    """
    document = read_toml(path)
    for key in document:
        if key not in KEYS:
            raise UnknownNameError(f"key in {path}", key, KEYS)
    needed = {"source", "columns"} if {"cells", "derived"} & set(document) else {"source"}
    missing = needed - set(document)
    if missing:
        raise ConfigError(f"{path}: needs {', '.join(sorted(missing))}")
    columns = document.get("columns", [])
    cells = _by_place(path, document.get("cells", {}), columns)
    derived = _by_place(path, document.get("derived", {}), columns)
    dashes = [place for place, printed in cells.items() if printed == DASH]
    if dashes and "absent" not in document:
        raise ConfigError(f'{path}: some numbers are dashes; say why with absent = "..."')
    numbers = {place: _parse(path, printed) for place, printed in cells.items() if printed != DASH}
    corrections = {
        (row, column): float(value)
        for row, values in document.get("corrections", {}).items()
        for column, value in values.items()
    }
    for place in corrections:
        if place not in numbers and place not in derived:
            raise ConfigError(f"{path}: corrects {place[0]!r} under {place[1]!r}, where the paper prints no number")
    return PublishedNumbers(
        source=document["source"],
        cells={place: value for place, (value, _) in numbers.items()},
        derived={place: _parse(path, printed)[0] for place, printed in derived.items()},
        uncertainties={place: width for place, (_, width) in numbers.items() if width is not None},
        absent=dict.fromkeys(dashes, document.get("absent", "")),
        corrections=corrections,
        quantities=_quantities(path, document.get("quantity", "accuracy"), columns),
        parameters=document.get("parameters", {}),
        stated=document.get("stated", {}),
        says=tuple(document.get("says", ())),
        notes=tuple(document.get("notes", ())),
    )


def _by_place(path: Path, rows: Mapping[str, Sequence[Any]], columns: Sequence[str]) -> dict[Place, Any]:
    for row, values in rows.items():
        if len(values) != len(columns):
            raise ConfigError(
                f"{path}: row {row!r} has {plural(len(values), 'number')} for {plural(len(columns), 'column')}"
            )
    return {(row, column): value for row, values in rows.items() for column, value in zip(columns, values, strict=True)}


def _parse(path: Path, printed: Any) -> tuple[float, float | None]:
    """Read the number, and what follows its ±; counts stay whole."""
    if isinstance(printed, int | float) and not isinstance(printed, bool):
        return printed, None
    match = _PRINTED.fullmatch(str(printed))
    if match is None:
        raise ConfigError(f'{path}: {printed!r} is not a number; write 93.71, "10.20±0.09", "1.4M" or "{DASH}"')
    value = int(Decimal(match["value"]) * 1_000_000) if match["million"] else float(match["value"])
    return value, float(match["uncertainty"]) if match["uncertainty"] else None


def _quantities(path: Path, given: str | Sequence[str], columns: Sequence[str]) -> dict[str, Quantity]:
    words = [given] * len(columns) if isinstance(given, str) else given
    if len(words) != len(columns):
        raise ConfigError(
            f"{path}: {plural(len(words), 'quantity', 'quantities')} for {plural(len(columns), 'column')}"
        )
    for word in words:
        if word not in get_args(Quantity):
            raise UnknownNameError(f"quantity in {path}", word, get_args(Quantity))
    return dict(zip(columns, words, strict=True))  # type: ignore[arg-type]
