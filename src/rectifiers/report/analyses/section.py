"""A part of a report: what was asked of trained networks and what came out, as data that any page can show."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import StoreError
from ...core.reading import damage, parse_json
from ...core.wording import finite
from ...experiments.statistics import summarise
from ...experiments.store import read_bytes, write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class SeedMean:
    """The mean of a number over the seeds, with its interval.

    Args:
        n: runs that have the number.
        mean: their mean; NaN where there are none.
        low: lower end of the 95 % t-interval of the mean; NaN for fewer than two.
        high: upper end.
    """

    n: int
    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> SeedMean:
        """Summarise one number for each run.

        Example:
            >>> SeedMean.of([1.0, 1.0, 1.0])
            SeedMean(n=3, mean=1.0, low=1.0, high=1.0)
        """
        found = summarise(list(values))
        return cls(found.n, found.mean, found.low, found.high)


GridEntry = str | int | SeedMean

INSIDE = "Inside the trained networks"
"""Heading of a section that has nothing to show yet."""


@dataclass(frozen=True)
class Grid:
    """A small table.

    Args:
        head: titles of the columns, that of the labels first.
        rows: label and cells of each row.
        digits: decimals of the means.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[GridEntry, ...], ...]
    digits: int = 3


@dataclass(frozen=True)
class CaptionedFigure:
    """A figure with its caption.

    Args:
        name: name of a file for it; ends in .svg for drawings and in .png for photographs.
        caption: what it shows.
        figure: the drawing.
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
        figures: drawings and photographs; none in a section that was read from a file.
        records: all numbers, for other programs.
    """

    heading: str
    text: str
    finding: str = ""
    grids: tuple[Grid, ...] = ()
    figures: tuple[CaptionedFigure, ...] = ()
    records: tuple[Mapping[str, Any], ...] = ()


def to_dict(sections: Sequence[Section], trials: Sequence[str]) -> dict[str, Any]:
    """Write the words and numbers of sections as JSON holds them, with None where there is no number.

    Args:
        sections: what an analysis found.
        trials: ids of the trials that they are about.
    """
    stored = [
        {
            **{name: getattr(section, name) for name in ("heading", "text", "finding", "records")},
            "grids": [asdict(grid) for grid in section.grids],
        }
        for section in sections
    ]
    return {"trials": sorted(trials), "sections": finite(stored)}


def write_sections(path: Path, sections: Sequence[Section], trials: Sequence[str]) -> None:
    """Store the sections in a JSON file, as `to_dict` writes them.

    Raises:
        StoreError: the file cannot be written.
    """
    write_atomically(path, json.dumps(to_dict(sections, trials), indent=1, ensure_ascii=False) + "\n")


def read_sections(path: Path, trials: Sequence[str]) -> list[Section] | None:
    """Read what `write_sections` stored; None where there is nothing, or where it is about other trials.

    Raises:
        StoreError: the file cannot be read, or is damaged.
    """
    text = read_bytes(path)
    if text is None:
        return None
    with damage(f"{path} is damaged", error_class=StoreError, advice="write the report again"):
        document = parse_json(text)
        return None if document["trials"] != sorted(trials) else from_dict(document)


def from_dict(stored: Mapping[str, Any]) -> list[Section]:
    """Read the sections that `to_dict` wrote, without their figures."""
    return list(map(_section, stored["sections"]))


def _section(stored: Any) -> Section:
    return Section(
        heading=str(stored["heading"]),
        text=str(stored["text"]),
        finding=str(stored["finding"]),
        grids=tuple(map(_grid, stored["grids"])),
        records=tuple(map(dict, stored["records"])),
    )


def _grid(stored: Any) -> Grid:
    head = tuple(map(str, stored["head"]))
    return Grid(head, tuple(_row(row, head) for row in stored["rows"]), int(stored["digits"]))


def _row(stored: Any, head: Sequence[str]) -> tuple[GridEntry, ...]:
    row = tuple(map(_grid_entry, stored))
    if len(row) != len(head):
        raise ValueError(f"expected a row of {len(head)} entries, found {len(row)}")
    return row


def _grid_entry(stored: Any) -> GridEntry:
    if isinstance(stored, str | int):
        return stored
    mean, low, high = (math.nan if stored[name] is None else float(stored[name]) for name in ("mean", "low", "high"))
    return SeedMean(int(stored["n"]), mean, low, high)
