"""AReLU's Table 1, from the published results: as a page, and as a picture."""

from __future__ import annotations

from functools import cache

from rectifiers.experiments.store import Store
from rectifiers.papers import registry
from rectifiers.report.export import to_markdown
from rectifiers.report.figures.accuracy import accuracy_figure
from rectifiers.report.figures.canvas import standalone, svg
from rectifiers.report.figures.style import styles
from rectifiers.report.table import Outcomes, Table, build

from .published import DOCS, IMAGES, RESULTS

PAGE = DOCS / "table1.md"
PICTURE = IMAGES / "table1.svg"

INTRODUCTION = """\
# AReLU's Table 1

<!-- Written by `make docs` from the published results; edit those. -->

Test accuracy on MNIST after the first epoch: 19 functions, two optimizers, four learning rates and five seeds.
[The reading](../results/arelu-table1/README.md) says what agrees with the paper and what does not, and how long it
took. The paper's number is in brackets, with † where it lies outside our interval; the marks compare with ReLU:
▲ better, ▼ worse, = equivalent, · inconclusive.

![Ours with intervals, the paper's numbers beside them](images/table1.svg)

"""


@cache
def table() -> tuple[Table, Outcomes]:
    """Compute AReLU's Table 1 from the published results, and give the runs that it comes from."""
    experiment = registry.get("arelu/table1")
    outcomes = Store(RESULTS, experiment.folder).outcomes(experiment.cells("paper"))
    return build(experiment, "paper", outcomes), outcomes


def page() -> str:
    """The numbers, with the paper's."""
    return INTRODUCTION + to_markdown(table()[0])


def picture() -> str:
    """The same as SVG."""
    found, outcomes = table()
    figure = accuracy_figure(found, styles(found.experiment, outcomes))
    assert figure is not None
    title = "Test accuracy after the first epoch: ours with intervals, and the paper's"
    return standalone(svg(figure, name="table1", title=title))
