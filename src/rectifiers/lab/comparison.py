"""What `rectifiers.compare` returns: the table, the verdict, and the lines of code that put the winner in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from ..core import notebook
from ..core.wording import finite
from ..experiments.compare.findings import Findings
from ..experiments.experiment import Cell
from ..experiments.result import Result
from ..report import comparison as page
from ..report.terminal import plain_text
from .reports import Report
from .tables import MARKS, WIDTH


@dataclass(frozen=True)
class Best:
    """What to use.

    Args:
        label: of the variant; that of the baseline where no other is better.
        code: the lines that make it of a `model`.
    """

    label: str
    code: str

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True)
class Comparison:
    """Activations compared in a user's model.

    Args:
        findings: what was found, row by row, and what it comes to.
        outcomes: the runs that the table shows.
    """

    findings: Findings
    outcomes: Sequence[tuple[Cell, Result]]

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the rows, the baseline first."""
        return tuple(row.label for row in self.findings.rows)

    @property
    def results(self) -> list[Result]:
        """Results of the runs that the table shows."""
        return [result for _, result in self.outcomes]

    @property
    def decision(self) -> str:
        """The verdict in three words at most: use it, do not, or cannot tell yet."""
        return self.findings.verdict.decision

    @property
    def best(self) -> Best:
        """The winner, or the model as it is, with the lines of code that make it."""
        return Best(self.findings.best.label, self.findings.code)

    def report(self, path: Path | str) -> Report:
        """Write one HTML page that can be read offline.

        Args:
            path: file to write.

        Raises:
            ConfigError: it cannot be written.
        """
        return Report(page.write_comparison(self.findings, self.outcomes, path))

    def to_text(self, width: int = WIDTH) -> str:
        """What a terminal shows, without colours."""
        return plain_text(page.render(self.findings, width), width).rstrip()

    def to_dict(self) -> dict[str, Any]:
        """All facts, as JSON holds them."""
        facts: dict[str, Any] = finite(page.to_dict(self.findings))
        return facts

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        found = self.findings
        heading, *lines = page.lines(found)
        marks = {row.label: row.comparison.verdict for row in found.rows if row.comparison}
        rows = []
        for line in lines:
            verdict = marks.get(line[0], "")
            mark, colour = MARKS[verdict] if verdict else ("", "")
            cells = [escape(cell) for cell in line]
            cells[-1] = f'<span style="color:{colour or "inherit"}">{mark}</span> {cells[-1]}'
            rows.append(cells)
        notes = [found.verdict.text, *page.remarks(found)]
        below = "".join(
            notebook.grid("", heading, [[escape(cell) for cell in line] for line in costs])
            for heading, *costs in page.cost_tables(found)
        )
        code = f"<pre>{escape(found.code)}</pre>"
        return notebook.grid(f"{found.model}: {found.verdict.decision}", heading, rows, notes) + below + code
