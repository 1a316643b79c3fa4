"""A part of a report: what was asked of trained networks and what came out, as data that any page can show."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...experiments.statistics import summarise
from ...experiments.store import read_bytes, write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Estimate:
    """The mean of a number over trainings.

    Args:
        n: trainings that have the number.
        mean: NaN without any.
        low: lower end of the 95 % t-interval of the mean; NaN for fewer than two.
        high: upper end.
    """

    n: int
    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Estimate:
        """The estimate from one number for each training.

        Example:
            >>> Estimate.of([1.0, 1.0, 1.0])
            Estimate(n=3, mean=1.0, low=1.0, high=1.0)
        """
        found = summarise(list(values))
        return cls(found.n, found.mean, found.low, found.high)


Cell = str | int | Estimate

INSIDE = "Inside the trained networks"
"""Heading of a section that has nothing to show yet."""


@dataclass(frozen=True)
class Grid:
    """A small table.

    Args:
        head: titles of the columns, that of the labels first.
        rows: label and cells of each row.
        digits: of the estimates.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    digits: int = 3


@dataclass(frozen=True)
class Picture:
    """A figure with its caption.

    Args:
        name: of a file for it; ends in .svg for drawings and in .png for photographs.
        caption: what it shows.
        figure: as drawn.
    """

    name: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class Section:
    """What one analysis says of one column of an experiment.

    Args:
        heading: what was looked at.
        text: what is measured, and what it would be if nothing were there.
        finding: what came out, in a sentence.
        grids: the numbers, summed up.
        pictures: drawings and photographs; none in a section that was read from a file.
        records: all numbers, for other programs.
    """

    heading: str
    text: str
    finding: str = ""
    grids: tuple[Grid, ...] = ()
    pictures: tuple[Picture, ...] = ()
    records: tuple[Mapping[str, Any], ...] = ()


def to_dict(sections: Sequence[Section], trials: Sequence[str]) -> dict[str, Any]:
    """The words and numbers of sections as JSON holds them, None where there is no number.

    Args:
        sections: what an analysis found.
        trials: ids of the trainings that they are about.
    """
    kept = [
        {
            **{name: getattr(section, name) for name in ("heading", "text", "finding", "records")},
            "grids": [asdict(grid) for grid in section.grids],
        }
        for section in sections
    ]
    return {"trials": sorted(trials), "sections": _finite(kept)}


def write_sections(path: Path, sections: Sequence[Section], trials: Sequence[str]) -> None:
    """Keep `to_dict` in a JSON file.

    Raises:
        StoreError: it cannot be written.
    """
    write_atomically(path, json.dumps(to_dict(sections, trials), indent=1, ensure_ascii=False) + "\n")


def read_sections(path: Path, trials: Sequence[str]) -> list[Section] | None:
    """What `write_sections` kept of these trainings; None where there is nothing, or of others.

    Raises:
        StoreError: the file cannot be read.
    """
    text = read_bytes(path)
    if text is None:
        return None
    document = json.loads(text)
    if document["trials"] != sorted(trials):
        return None
    return [
        Section(
            heading=kept["heading"],
            text=kept["text"],
            finding=kept["finding"],
            grids=tuple(
                Grid(tuple(grid["head"]), tuple(tuple(map(_cell, row)) for row in grid["rows"]), grid["digits"])
                for grid in kept["grids"]
            ),
            records=tuple(kept["records"]),
        )
        for kept in document["sections"]
    ]


def _cell(kept: Any) -> Cell:
    if not isinstance(kept, dict):
        return kept  # type: ignore[no-any-return]
    mean, low, high = (math.nan if kept[name] is None else kept[name] for name in ("mean", "low", "high"))
    return Estimate(kept["n"], mean, low, high)


def _finite(value: Any) -> Any:
    """The same with None for numbers that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
