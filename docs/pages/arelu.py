"""AReLU's Tables 1 and 7, which have been run whole as published, from the results: as pages, and as pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rectifiers.lab.selecting import select
from rectifiers.report.export import to_markdown
from rectifiers.report.figures.accuracy import accuracy_figure
from rectifiers.report.figures.canvas import standalone, svg
from rectifiers.report.figures.style import styles
from rectifiers.report.table import Outcomes, Table, build

from .published import DOCS, IMAGES, RESULTS

INTRODUCTION = """\
# AReLU's Table {number}

<!-- Written by `make docs` from the published results; edit those. -->

{what}: 19 functions, two optimizers, four learning rates and five seeds.
[The reading](../results/{reading}) says what agrees with the paper and what does not.
The paper's number is in brackets, with † where it lies outside our interval; the marks compare with ReLU:
▲ better, ▼ worse, = equivalent, · inconclusive.

![Ours with intervals, the paper's numbers beside them](images/table{number}.svg)

"""


@dataclass(frozen=True)
class WholeTable:
    """A table of the paper, of whose runs none is missing.

    Args:
        number: of the table.
        what: it shows, in words.
        reading: where it is said what came out, in `results`.
        settings: of the runs that are not the published ones.
    """

    number: int
    what: str
    reading: str
    settings: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def page(self) -> Path:
        """Where it stands in the documentation."""
        return DOCS / f"table{self.number}.md"

    @property
    def picture(self) -> Path:
        """Where it is drawn."""
        return IMAGES / f"table{self.number}.svg"

    @cached_property
    def computed(self) -> tuple[Table, Outcomes]:
        """The table from the published results, and the runs that it comes from."""
        folder = (RESULTS / self.reading).parent.parent
        selection = select(f"arelu/table{self.number}", preset="paper", settings=self.settings, results=folder)
        outcomes = selection.outcomes()
        return build(selection.experiment, "paper", outcomes), outcomes

    def write_page(self) -> str:
        """The numbers, with the paper's."""
        found, _ = self.computed
        return INTRODUCTION.format(number=self.number, what=self.what, reading=self.reading) + to_markdown(found)

    def draw(self) -> str:
        """The same as SVG."""
        found, outcomes = self.computed
        figure = accuracy_figure(found, styles(found.experiment, outcomes))
        assert figure is not None
        title = f"{self.what}: ours with intervals, and the paper's"
        return standalone(svg(figure, name=f"table{self.number}", title=title))


TABLE1 = WholeTable(1, "Test accuracy on MNIST after the first epoch", "arelu-table1/README.md")
TABLE7 = WholeTable(
    7,
    "Test accuracy on MNIST after the best of 20 epochs",
    "cpu-fused/arelu-mnist-20/README.md",
    {"kernels": "cpu-fused"},
)
