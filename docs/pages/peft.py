"""What fine-tuning a few numbers gains: the table in the page on it, and a picture."""

from __future__ import annotations

from benchmarks.marks import replace_between
from rectifiers.papers.peft.rows import FUNCTIONS
from rectifiers.report.figures.canvas import drawing_style, panels, standalone, svg
from rectifiers.report.figures.style import SERIES

from .published import DOCS, IMAGES, Cell, read_cells

PAGE = DOCS / "peft.md"
PICTURE = IMAGES / "peft.svg"
TABLES = {
    "peft": "peft-new-classes/new-classes",
    "blurred": "peft-blurred/blurred",
    "encoder": "peft-encoder/encoder",
}
"""The cells of each table, by the word in its marks."""


def page() -> str:
    """The page with the tables between their marks."""
    text = PAGE.read_text(encoding="utf-8")
    for name, cells in TABLES.items():
        lines = ["| trained | numbers | accuracy, % |", "|:--|--:|--:|"]
        lines += [f"| {accuracy.row} | {numbers:,} | {accuracy} |" for numbers, accuracy in _tuned(cells)]
        text = replace_between(text, name, "\n".join([*lines, ""]))
    return text


def picture() -> str:
    """Accuracy by what is trained, the fewest numbers at the top, as SVG."""
    rows = sorted(_tuned(TABLES["peft"]), key=lambda one: one[0])
    with drawing_style():
        figure, (axis,) = panels(1, width=7.4, height=3.8)
        for place, (_, accuracy) in enumerate(rows):
            mean, half = accuracy.mean, accuracy.mean - accuracy.low
            colour = SERIES[0] if accuracy.row in FUNCTIONS else SERIES[1]
            axis.errorbar(mean, place, xerr=half, fmt="o", color=colour, markersize=4, capsize=2, linewidth=1)
        axis.set_yticks(range(len(rows)), [f"{accuracy.row}: {numbers:,}" for numbers, accuracy in rows])
        axis.invert_yaxis()
        axis.set_ylabel("what is trained, and how many numbers")
        axis.set_xlabel("test accuracy, %")
    return standalone(svg(figure, name="peft", title="Accuracy by what is trained, and how many numbers"))


def _tuned(table: str) -> list[tuple[int, Cell]]:
    """How many numbers each row of a table trains, and its accuracy."""
    cells = read_cells(table)
    counts = {cell.row: round(cell.mean) for cell in cells if cell.metric == "trained_parameters"}
    return [(counts[cell.row], cell) for cell in cells if cell.metric == "final_epoch"]
