"""The report: one HTML file that needs nothing else, runs no script but its own and loads nothing."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ..core.files import write_file
from ..core.garbage import without_garbage_collection
from ..core.wording import duration
from ..experiments.experiment import Experiment
from ..experiments.result import METRICS
from . import protocol, wording
from .analyses.section import CaptionedFigure, Section
from .figures.accuracy import accuracy_figure
from .figures.curves import curves_figure, losses_figure
from .figures.shapes import shapes_figure
from .figures.style import styles
from .figures.traces import traces_figure
from .page import PageFigure, place_drawing, place_photograph, render_template
from .table import Outcomes, Table, build


def write_report(
    experiment: Experiment,
    preset: str,
    outcomes: Outcomes,
    path: str | Path,
    *,
    command: str = "",
    sections: Sequence[Section] = (),
) -> Path:
    """Write the report of an experiment; replace an older one at the same place in one step.

    Args:
        experiment: what was run.
        preset: name of the preset.
        outcomes: its trials, each with its result or None.
        path: file to write; missing folders are created.
        command: how to reproduce the runs; by default, `rectifiers run` with the experiment's name.
        sections: what the experiment's analysis found.

    Returns:
        The path.

    Raises:
        ConfigError: the file cannot be written.
        UnknownNameError: the experiment has no such preset.
    """
    target = Path(path)
    with without_garbage_collection():
        page = render_page(experiment, preset, outcomes, command=command, sections=sections)
    write_file(target, page, make_folder=True)
    return target


def render_page(
    experiment: Experiment,
    preset: str,
    outcomes: Outcomes,
    *,
    command: str = "",
    sections: Sequence[Section] = (),
) -> str:
    """Make the page itself; see `write_report`."""
    table = build(experiment, preset, outcomes)
    results = [result for _, result in outcomes if result is not None]
    facts = protocol.provenance(results)
    return render_template(
        "page.html.j2",
        table=table,
        experiment=experiment,
        wording=wording,
        verdicts=Counter(cell.comparison.verdict for cell in table.cells.values() if cell.comparison),
        figures=list(_figures(table, outcomes)),
        sections=[
            (section, [_section_figure(figure, number) for figure in section.figures])
            for number, section in enumerate(sections)
        ],
        metrics=METRICS,
        shown_metrics={cell.metric for cell in table.cells.values()},
        settings=protocol.shared_settings([cell.trial for cell, _ in outcomes]),
        row_settings=protocol.arm_settings(experiment.rows, table.rows),
        column_settings=protocol.arm_settings(experiment.columns, table.columns),
        shared_facts=[fact for fact in facts if fact.is_shared],
        differing_facts=[fact for fact in facts if not fact.is_shared],
        command=command or f"rectifiers run {shlex.quote(experiment.name)} --preset {shlex.quote(preset)}",
        time_spent=duration(
            sum(epoch.train_seconds + epoch.test_seconds for result in results for epoch in result.epochs)
        ),
    )


def _figures(table: Table, outcomes: Outcomes) -> Iterator[PageFigure]:
    """Draw the figures of the experiment that have something to show."""
    chosen = styles(table.experiment, outcomes)
    wanted = table.experiment.figures
    baseline = table.experiment.baseline
    against = f" Dotted line: {baseline}." if baseline in table.rows else ""
    papers = " Hollow diamonds: the paper's numbers." if table.beside_paper else ""
    means = any(cell.aggregate == "mean" for cell in table.cells.values())
    bars = " Bars: 95 % t-interval of the mean." if means else ""
    yield from _drawing(
        accuracy_figure(table, chosen),
        "Accuracy",
        f"{wording.measure_sentence(table)}.{bars}{papers}{against}",
    )
    if "curves" in wanted:
        yield from _drawing(
            curves_figure(table, outcomes, chosen),
            "Accuracy over the epochs",
            "Mean test accuracy of the finished runs after each epoch; bands: 95 % t-interval over the seeds.",
        )
    if "losses" in wanted:
        yield from _drawing(
            losses_figure(table, outcomes, chosen),
            "Training loss over the epochs",
            "Mean training loss of the finished runs in each epoch; bands: 95 % t-interval over the seeds.",
        )
    for index, column in enumerate(table.trained_columns):
        folded = index > 0
        under = f", {column}" if len(table.trained_columns) > 1 else ""
        if "shapes" in wanted:
            yield from _drawing(
                shapes_figure(table, outcomes, chosen, column),
                f"Learned functions{under}",
                "Each layer's function before (dashed) and after training (solid), from the first seed that finished; "
                "bands: range over the channels.",
                folded,
            )
        if "traces" in wanted:
            yield from _drawing(
                traces_figure(table, outcomes, chosen, column),
                f"Activation parameters over time{under}",
                "Mean over a layer's parameters and over the seeds; bands: 95 % t-interval over the seeds.",
                folded,
            )


def _drawing(figure: Figure | None, heading: str, caption: str, folded: bool = False) -> Iterator[PageFigure]:
    if figure is not None:
        yield place_drawing(figure, heading, caption, folded)


def _section_figure(figure: CaptionedFigure, section: int) -> PageFigure:
    """Put a figure of an analysis on the page; its caption is its heading too."""
    if not figure.name.endswith(".svg"):
        return place_photograph(figure.figure, figure.caption)
    return place_drawing(figure.figure, "", figure.caption, name=f"{section} {figure.name}", title=figure.caption)
