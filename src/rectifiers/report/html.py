"""The report: one HTML file that needs nothing else, runs no script and loads nothing."""

from __future__ import annotations

import base64
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from ..core.version import __version__
from ..experiments.experiment import Experiment
from ..experiments.result import METRICS
from ..experiments.store import write_atomically
from . import protocol, wording
from .analyses.section import Picture as Found
from .analyses.section import Section
from .figures import accuracy_figure, curves_figure, png, shapes_figure, styles, svg, traces_figure
from .table import Outcomes, Table, build


@dataclass(frozen=True)
class Picture:
    """A figure on the page.

    Args:
        heading: what it shows.
        caption: how to read it.
        image: SVG, or an `img` that holds its data.
        folded: whether the page shows it only on demand.
    """

    heading: str
    caption: str
    image: Markup
    folded: bool = False


def write_report(
    experiment: Experiment,
    preset: str,
    outcomes: Outcomes,
    path: str | Path,
    *,
    command: str = "",
    sections: Sequence[Section] = (),
) -> Path:
    """Write the report of an experiment; an older one at the same place is replaced in one step.

    Args:
        experiment: what was run.
        preset: name of the size.
        outcomes: its trials, each with its result or None.
        path: file to write; missing folders are created.
        command: how to reproduce the runs; by default, `rectifiers run` with the experiment's name.
        sections: what the experiment's analysis found.

    Returns:
        The path.

    Raises:
        StoreError: the file cannot be written.
        UnknownNameError: the experiment has no such preset.
    """
    target = Path(path)
    write_atomically(target, render_page(experiment, preset, outcomes, command=command, sections=sections))
    return target


def render_page(
    experiment: Experiment,
    preset: str,
    outcomes: Outcomes,
    *,
    command: str = "",
    sections: Sequence[Section] = (),
) -> str:
    """The page itself; see `write_report`."""
    table = build(experiment, preset, outcomes)
    results = [result for _, result in outcomes if result is not None]
    facts = protocol.provenance(results)
    environment = Environment(
        loader=PackageLoader("rectifiers", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        table=table,
        experiment=experiment,
        wording=wording,
        verdicts=Counter(entry.comparison.verdict for entry in table.entries.values() if entry.comparison),
        pictures=list(_pictures(table, outcomes)),
        sections=[
            (section, [_found(picture, place) for picture in section.pictures])
            for place, section in enumerate(sections)
        ],
        metrics=METRICS,
        shown={entry.metric for entry in table.entries.values()},
        settings=protocol.shared_settings([cell.trial for cell, _ in outcomes]),
        row_settings=protocol.arm_settings(experiment.rows, table.rows),
        column_settings=protocol.arm_settings(experiment.columns, table.columns),
        agreed=[fact for fact in facts if fact.agreed],
        differing=[fact for fact in facts if not fact.agreed],
        command=command or f"rectifiers run {shlex.quote(experiment.name)} --preset {shlex.quote(preset)}",
        seconds=sum(epoch.train_seconds + epoch.test_seconds for result in results for epoch in result.epochs),
        version=__version__,
    )


def _pictures(table: Table, outcomes: Outcomes) -> Iterator[Picture]:
    chosen = styles(table.experiment, outcomes)
    wanted = table.experiment.figures
    baseline = table.experiment.baseline
    against = f" Dotted line: {baseline}." if baseline in table.rows else ""
    papers = " Hollow diamonds: the paper's numbers." if table.beside_paper else ""
    means = any(entry.aggregate == "mean" for entry in table.entries.values())
    bars = " Bars: 95 % t-interval of the mean." if means else ""
    yield from _picture(
        accuracy_figure(table, chosen),
        "Accuracy",
        f"{wording.measure(table)}.{bars}{papers}{against}",
    )
    if "curves" in wanted:
        yield from _picture(
            curves_figure(table, outcomes, chosen),
            "Accuracy over the epochs",
            "Mean test accuracy of the finished trainings after each epoch; bands: 95 % t-interval over the seeds.",
        )
    for place, column in enumerate(table.trained):
        folded = place > 0
        under = f", {column}" if len(table.trained) > 1 else ""
        if "shapes" in wanted:
            yield from _picture(
                shapes_figure(table, outcomes, chosen, column),
                f"Learned functions{under}",
                "Each layer's function before (dashed) and after training (solid), from the first seed that finished; "
                "bands: range over the channels.",
                folded,
            )
        if "traces" in wanted:
            yield from _picture(
                traces_figure(table, outcomes, chosen, column),
                f"Activation parameters over time{under}",
                "Mean over a layer's parameters and over the seeds; bands: 95 % t-interval over the seeds.",
                folded,
            )


def _found(picture: Found, section: int) -> Picture:
    """A picture of an analysis; photographs go in as bytes."""
    if picture.name.endswith(".svg"):
        image = svg(picture.figure, name=f"{section} {picture.name}", title=picture.caption)
        return Picture("", picture.caption, Markup(image))
    data = base64.b64encode(png(picture.figure)).decode()
    return Picture(
        "", picture.caption, Markup('<img alt="{}" src="data:image/png;base64,{}">').format(picture.caption, data)
    )


def _picture(figure: Figure | None, heading: str, caption: str, folded: bool = False) -> Iterator[Picture]:
    if figure is not None:
        # The SVG writer has escaped all labels.
        yield Picture(heading, caption, Markup(svg(figure, name=heading, title=heading)), folded)
