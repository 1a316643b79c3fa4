"""What the results of analyses have in common: rows of numbers, as JSON or CSV for other programs."""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable

from ...core.wording import finite

Record = dict[str, str | int | float | bool]
"""One row, by name of the column."""


class Measured(ABC):
    """The base of the analyses' results."""

    @abstractmethod
    def records(self) -> list[Record]:
        """Return the numbers, one row for each thing that was measured."""


def to_json(results: Iterable[Measured]) -> str:
    """Return all rows as a JSON list, with null for numbers that are not finite."""
    rows = [finite(row) for result in results for row in result.records()]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def to_csv(results: Iterable[Measured]) -> str:
    """Return all rows as CSV with a header, with empty cells for numbers that are not finite."""
    rows = [row for result in results for row in result.records()]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(finite(row))
    return buffer.getvalue()
