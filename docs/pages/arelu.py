"""AReLU's Tables 1 and 7, which have been run whole as published, from the results: as pages, and as pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

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
[The reading](../results/{folder}/README.md) says what agrees with the paper and what does not, and how long it
took. The paper's number is in brackets, with † where it lies outside our interval; the marks compare with ReLU:
▲ better, ▼ worse, = equivalent, · inconclusive.

![Ours with intervals, the paper's numbers beside them](images/table{number}.svg)

"""


@dataclass(frozen=True)
class WholeTable:
    """A table of the paper, of whose runs none is missing.

    Args:
        number: of the table.
        what: it shows, in words.
        folder: of its runs and their reading, in `results`.
    """

    number: int
    what: str
    folder: str

    @property
    def page_path(self) -> Path:
        """Where it stands in the documentation."""
        return DOCS / f"table{self.number}.md"

    @property
    def picture_path(self) -> Path:
        """Where it is drawn."""
        return IMAGES / f"table{self.number}.svg"

    @cached_property
    def computed(self) -> tuple[Table, Outcomes]:
        """The table from the published results, and the runs that it comes from."""
        # The runs that are there tell with which kernels they were made.
        results = (RESULTS / self.folder).parent
        selection = select(f"arelu/table{self.number}", preset="paper", results=results)
        outcomes = selection.outcomes()
        return build(selection.experiment, "paper", outcomes), outcomes

    def page(self) -> str:
        """The numbers, with the paper's."""
        found, _ = self.computed
        return INTRODUCTION.format(number=self.number, what=self.what, folder=self.folder) + to_markdown(found)

    def picture(self) -> str:
        """The same as SVG."""
        found, outcomes = self.computed
        figure = accuracy_figure(found, styles(found.experiment, outcomes))
        assert figure is not None
        title = f"{self.what}: ours with intervals, and the paper's"
        return standalone(svg(figure, name=f"table{self.number}", title=title))


TABLE1 = WholeTable(1, "Test accuracy on MNIST after the first epoch", "arelu-table1")
TABLE7 = WholeTable(7, "Test accuracy on MNIST after the best of 20 epochs", "cpu-fused/arelu-mnist-20")
