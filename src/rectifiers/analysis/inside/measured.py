"""What an analysis found, as numbers for other programs."""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable

from ...core.wording import finite

Record = dict[str, str | int | float | bool]
"""One row of numbers by column."""


class Measured(ABC):
    """Base of what the analyses return for a layer, an image or a class."""

    @abstractmethod
    def records(self) -> list[Record]:
        """Its numbers, one row for each thing measured."""


def to_json(measured: Iterable[Measured]) -> str:
    """All rows as a JSON list; what is no finite number is null."""
    rows = [finite(row) for found in measured for row in found.records()]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def to_csv(measured: Iterable[Measured]) -> str:
    """All rows as CSV with a header; what is no finite number is empty."""
    rows = [row for found in measured for row in found.records()]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(finite(row))
    return buffer.getvalue()
