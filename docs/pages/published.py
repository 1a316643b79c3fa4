"""What this repository publishes beside the runs: cells of tables whose runs are too large, and what was measured."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rectifiers.report.wording import MARKS

DOCS = Path(__file__).resolve().parents[1]
IMAGES = DOCS / "images"
RESULTS = DOCS.parent / "results"
MEASURED = DOCS.parent / "benchmarks" / "results"


@dataclass(frozen=True)
class Cell:
    """One cell of a table, as `rectifiers table --format csv` writes it.

    Args:
        preset: of the runs.
        row: label of the row.
        column: label of the column.
        metric: which number of the runs it is.
        n: how many runs it is of.
        mean: over these.
        low: where its 95 % interval begins.
        gain: how far the row is ahead of the baseline, seed by seed, with the ends of the interval.
        verdict: of the comparison with the baseline.
    """

    preset: str
    row: str
    column: str
    metric: str
    n: int
    mean: float
    low: float
    gain: tuple[float, float, float]
    verdict: str

    @property
    def number(self) -> str:
        """The mean with its interval."""
        return f"{self.mean:.1f} ± {self.mean - self.low:.1f}"

    def __str__(self) -> str:
        return f"{self.number} {MARKS.get(self.verdict, '')}".rstrip()


def has_cells(name: str) -> bool:
    """Whether there is a table of that name, and no runs beside it that it could be made from."""
    path = RESULTS / f"{name}.csv"
    return path.exists() and not (path.parent / "results.jsonl").exists()


def read_cells(name: str) -> list[Cell]:
    """The cells of a table.

    Args:
        name: of its file in `results`, without the ending.
    """
    with (RESULTS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [_cell(line) for line in csv.DictReader(file)]


def _cell(line: dict[str, str]) -> Cell:
    def number(field: str) -> float:
        return float(line[field] or "nan")

    words = {field: line[field] for field in ("preset", "row", "column", "metric", "verdict")}
    gain = number("minus_baseline"), number("minus_baseline_low"), number("minus_baseline_high")
    return Cell(**words, n=int(line["n"]), mean=number("mean"), low=number("low"), gain=gain)


def read_measured(name: str) -> Any:
    """What a benchmark measured.

    Args:
        name: of its file in `benchmarks/results`, without the ending.
    """
    return json.loads((MEASURED / f"{name}.json").read_text(encoding="utf-8"))
