"""What networks still learn at the end of each sequence of tasks: the table in the page on plasticity."""

from __future__ import annotations

from benchmarks.marks import replace_between

from .published import DOCS, Cell, read_cells

PAGE = DOCS / "plasticity.md"
SEQUENCES = {
    "regression": "regression",
    "permuted-mnist": "permuted MNIST",
    "random-labels": "random labels",
    "class-incremental": "new classes, part of CIFAR-100",
}


def page() -> str:
    """The page with the table between its marks."""
    columns = [late(name) for name in SEQUENCES]
    lines = [f"| | {' | '.join(SEQUENCES.values())} |", "|:--|" + "--:|" * len(SEQUENCES)]
    for row in max(columns, key=len):
        cells = (str(column.get(row, "–")) for column in columns)
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return replace_between(PAGE.read_text(encoding="utf-8"), "plasticity", "\n".join([*lines, ""]))


def late(sequence: str) -> dict[str, Cell]:
    """By row, the online score over the last tenth of a sequence's phases."""
    return {cell.row: cell for cell in read_cells(f"plasticity/{sequence}") if cell.metric == "online_late"}
