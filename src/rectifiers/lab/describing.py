"""All there is to know of one name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.wording import plural
from .kinds import KINDS, find

if TYPE_CHECKING:
    from ..experiments.experiment import Arm, Experiment, PublishedNumbers


def describe(name: str, kind: str | None, data_dir: Path) -> dict[str, Any]:
    """The facts of an activation, network, data set or experiment.

    Args:
        name: a registered name.
        kind: what it is, one of `KINDS`; None where the name is enough.
        data_dir: folder with the files of data sets.

    Raises:
        UnknownNameError: there is no such kind, or nothing of this name.
        ConfigError: several kinds have this name.

    Example:
        >>> describe("digits", None, Path("nowhere"))["ready"]
        True
    """
    kind = find(name, kind)
    registry = KINDS[kind]
    return {"name": name, "kind": registry.kind, "summary": registry.summary(name), **_FACTS[kind](name, data_dir)}


def _activation(name: str, data_dir: Path) -> dict[str, Any]:
    spec = asdict(KINDS["activations"].get(name).spec)
    return {**{key: value for key, value in spec.items() if key not in ("name", "kind")}, "works_on": spec["kind"]}


def _network(name: str, data_dir: Path) -> dict[str, Any]:
    text = inspect.getdoc(KINDS["networks"].get(name)) or ""
    return {"description": text.partition("\nArgs:")[0].partition("\nShape:")[0].partition("\n")[2].strip()}


def _dataset(name: str, data_dir: Path) -> dict[str, Any]:
    from .. import datasets
    from ..datasets.source import GivenSource

    source = datasets.registry.get(name)
    if issubclass(source, GivenSource):
        return {"written": f"{name}:{source.wanted}"}
    found = datasets.check(name, data_dir)
    return {
        "ready": found.ready,
        "files": [str(path) for path in found.found],
        "missing": list(found.missing),
        "advice": found.advice,
    }


def _experiment(name: str, data_dir: Path) -> dict[str, Any]:
    from ..papers.state import state

    experiment = KINDS["experiments"].get(name)
    return {
        "title": experiment.title,
        "paper": experiment.paper,
        "state": state(experiment, data_dir),
        "settings": dict(experiment.settings),
        "rows": [arm.label for arm in experiment.rows],
        "columns": [arm.label for arm in experiment.columns],
        "shows": list(dict.fromkeys(_say_metric(experiment, column) for column in experiment.columns)),
        "baseline": experiment.baseline if experiment.rows else "",
        "margin": experiment.margin if experiment.rows else None,
        "presets": {
            preset: size.note if experiment.lacking else f"{plural(len(experiment.cells(preset)), 'run')}. {size.note}"
            for preset, size in experiment.presets.items()
        },
        **_published(experiment.published),
        "deviations": list(experiment.deviations),
    }


def _say_metric(experiment: Experiment, column: Arm) -> str:
    """What a column shows, in words."""
    from ..experiments.result import COUNTS, METRICS

    metric = experiment.metric_of(column)
    text = METRICS[metric]
    return text if metric in COUNTS else f"{experiment.aggregate_of(column)} of the seeds' {text}"


def _published(published: PublishedNumbers | None) -> dict[str, Any]:
    """What the paper prints, row by row."""
    if published is None:
        return {"published": ""}
    return {
        "published": published.source,
        "numbers": _by_row({**published.absent, **published.cells, **published.derived}),
        "plus_or_minus": _by_row(published.uncertainties),
        "parameters_per_unit": dict(published.parameters),
        "stated": dict(published.stated),
        "says": list(published.says),
        "contradictions": list(published.notes),
        "corrected": _by_row(published.corrections),
    }


def _by_row(cells: Mapping[tuple[str, str], Any]) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for (row, column), value in cells.items():
        rows.setdefault(row, {})[column] = value
    return rows


_FACTS: Mapping[str, Callable[[str, Path], dict[str, Any]]] = {
    "activations": _activation,
    "networks": _network,
    "datasets": _dataset,
    "experiments": _experiment,
}
