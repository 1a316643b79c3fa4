"""The HTML page of an experiment, from the results there are, and what its analysis found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from ..core.files import check_file
from ..report.analyses.section import INSIDE, Section, read_sections, write_sections
from .selecting import Selectable, Selection, select


@dataclass(frozen=True)
class Report:
    """A page that was written.

    Args:
        path: the HTML file.
        sections: what the analysis of the trained networks found; none where the experiment has no analysis.
    """

    path: Path
    sections: Sequence[Section] = ()

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def _repr_html_(self) -> str:
        return f'<a href="{escape(self.path.as_posix())}" target="_blank">{escape(str(self.path))}</a>'


def report(
    experiment: Selectable,
    *,
    preset: str | None = None,
    seeds: int | None = None,
    settings: Mapping[str, Any] | None = None,
    data_dir: Path | str | None = None,
    results: Path | str | None = None,
    own: Sequence[str] | str = (),
    only: Sequence[str] | str = (),
    output: Path | str | None = None,
) -> Report:
    """Write the report of an experiment as one HTML page, without running anything; cells that were not run say so.

    The numbers of its analysis, where it has one, go beside the page.

    Args:
        experiment: a registered name, the path of a TOML file, an experiment from `lab.experiment`, or a selection.
        preset: name of its size; None takes `pocket`, or the last one where there is none of that name.
        seeds: number of seeds; None takes the preset's.
        settings: fields of a `Trial` that change in all trials, such as `{"epochs": 5}`.
        data_dir: folder with the files of data sets; None takes RECTIFIERS_DATA, or `data`.
        results: folder that holds the runs; None takes RECTIFIERS_RESULTS, or `runs`.
        own: what files of yours define, each `FILE.py:NAME`; an activation becomes a row.
        only: labels of the rows or columns to which it is limited; none for all.
        output: file to write; None takes one beside the runs.

    Raises:
        DataError: the analysis needs data that are missing.
        ConfigError: the page cannot be written.
        StoreError: the folder belongs to something else, is damaged, or cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     page = report("quickstart", preset="smoke", results=folder)
        ...     page.path.name, page.path.read_text(encoding="utf-8")[:15]
        ('quickstart-smoke.html', '<!doctype html>')
    """
    from ..report.html import write_report  # draws, which takes a moment that a table does not need

    selection = select(
        experiment,
        preset=preset,
        seeds=seeds,
        settings=settings,
        data_dir=data_dir,
        results=results,
        own=own,
        only=only,
    )
    path = selection.report_path if output is None else Path(output)
    check_file(path)
    outcomes = selection.outcomes()
    sections: list[Section] = []
    if selection.experiment.analysis:
        from ..report.analyses.analyse import analyse  # needs torch

        sections = analyse(selection.experiment, selection.preset, outcomes, selection.weights, selection.data_dir)
    if sections and path.parent != Path("/dev"):
        write_sections(_analysis_path(path), sections, [trial.id for trial in selection.done()])
    write_report(
        selection.experiment, selection.preset, outcomes, path, command=selection.command("run"), sections=sections
    )
    return Report(path, tuple(sections))


def read_findings(selection: Selection) -> Sequence[Section]:
    """What the analysis found when the report was last written; if that was for other runs, how to write it again."""
    if not selection.experiment.analysis:
        return []
    kept = read_analysis(selection)
    if kept is not None:
        return kept
    return [Section(INSIDE, f"`{selection.command('report')}` looks into the trained networks.")]


def read_analysis(selection: Selection) -> list[Section] | None:
    """What the analysis found when the report was last written; None where there is none, or it was for other runs."""
    path = _analysis_path(selection.report_path)
    if not path.exists():
        return None
    # Published runs come without their weights: nobody can look inside again, and the analysis stands for all of them.
    seen = selection.done() or {cell.trial for cell, result in selection.outcomes() if result is not None}
    return read_sections(path, [trial.id for trial in seen])


def _analysis_path(page: Path) -> Path:
    """Where the numbers of the analysis go: beside the page."""
    return page.with_suffix(".analysis.json")
