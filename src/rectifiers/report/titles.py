"""A table with the functions' titles where rows are called by the names of their activations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .. import activations
from ..experiments.experiment import Experiment
from .table import Table


def with_titles(table: Table) -> Table:
    """The same table, for a paper: its rows called GELU (tanh), say, and no longer gelu_tanh.

    Rows that have a label of their own keep it; so do all where two titles would be the same.

    Args:
        table: what was computed.
    """
    titles = _titles(table.experiment)
    if not titles:
        return table
    return replace(
        table,
        experiment=_rename(table.experiment, titles),
        rows=tuple(titles.get(row, row) for row in table.rows),
        cells={
            (titles.get(row, row), column): replace(cell, row=titles.get(row, row))
            for (row, column), cell in table.cells.items()
        },
    )


def _titles(experiment: Experiment) -> Mapping[str, str]:
    """Label → title, of the rows that are called as their activation is."""
    titles = {
        arm.label: str(activations.registry.facts(arm.label)["title"])
        for arm in experiment.rows
        if arm.settings.get("activation") == arm.label and arm.label in activations.registry
    }
    labels = [titles.get(arm.label, arm.label) for arm in experiment.rows]
    return titles if len(set(labels)) == len(labels) else {}


def _rename(experiment: Experiment, titles: Mapping[str, str]) -> Experiment:
    def name(label: str) -> str:
        return titles.get(label, label)

    return replace(
        experiment,
        rows=tuple(replace(arm, label=name(arm.label)) for arm in experiment.rows),
        baseline=name(experiment.baseline),
        leads=tuple(replace(lead, row=name(lead.row), over=tuple(map(name, lead.over))) for lead in experiment.leads),
    )
