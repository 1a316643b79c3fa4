"""A file that adds rows or columns to an experiment that is there, beside its printed numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .. import activations, datasets, networks
from ..core.errors import ConfigError, RectifiersError, UnknownNameError
from .definition import check_keys, check_trial, make_arm, read_rows
from .experiment import Arm, Experiment
from .explain import NAME_PATTERN, explain
from .rows import add_column, add_row


class Extension(BaseModel):
    """What such a file may hold; the field descriptions are its documentation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    extends: str = Field(min_length=1, description="name of the experiment, such as arelu/table1")
    name: str = Field("", pattern=f"^$|{NAME_PATTERN}", description="of the table; that of the experiment by default")
    title: str = Field("", description="what it shows, in one line")
    rows: list[dict[str, Any]] = Field(
        [], description="more rows: names of activations, or tables of a label and settings"
    )
    columns: list[dict[str, Any]] = Field([], description="more columns: tables of a label and settings")

    @field_validator("rows", mode="before")
    @classmethod
    def _names_are_activations(cls, value: Any) -> Any:
        return read_rows(value)


def extend(document: Mapping[str, Any], origin: str, find: Callable[[str], Experiment]) -> Experiment:
    """The experiment with the rows and columns that a file adds.

    The runs are kept with those of the experiment itself: what was run for one is not run again for the other. A row
    differs from those beside it in its function alone, and in what it sets.

    Args:
        document: keys and values.
        origin: where they stand, for errors.
        find: gives the experiment of a name.

    Raises:
        ConfigError: a key or a name is unknown (with the nearest one), a label is taken, nothing is added, or a value
            is outside its domain.
    """
    try:
        check_keys("key", document, Extension.model_fields)
        extension = Extension(**document)
        base = find(extension.extends)
        base.check_runnable()
        if not (extension.rows or extension.columns):
            raise ConfigError(f"it adds nothing to {base.name}; write rows or columns")
        return _build(base, extension)
    except ValidationError as error:
        raise ConfigError(explain(error, origin)) from None
    except RectifiersError as error:
        raise ConfigError(f"{origin}: {error}") from None


def _build(base: Experiment, extension: Extension) -> Experiment:
    experiment = base
    for table in extension.rows:
        experiment = _with_row(experiment, table)
    for table in extension.columns:
        experiment = add_column(experiment, make_arm("column", table))
    _check_parts(experiment.rows[len(base.rows) :] + experiment.columns[len(base.columns) :])
    name = extension.name or base.name
    experiment = replace(experiment, name=name, title=extension.title or base.title, runs=base.runs or base.name)
    known = {(arm.label, column.label) for arm in base.rows for column in base.columns}
    for preset in experiment.presets:
        for cell in experiment.cells(preset, seeds=1):
            if (cell.row, cell.column) not in known:
                check_trial(cell.trial, experiment.metric)
    return experiment


def _check_parts(arms: Iterable[Arm]) -> None:
    """Make sure that data sets and networks exist; those that a paper's table lacks are waited for, not these."""
    for arm in arms:
        if "dataset" in arm.settings:
            datasets.check(str(arm.settings["dataset"]))
        if "network" in arm.settings and not networks.is_outside(str(arm.settings["network"])):
            networks.registry.get(str(arm.settings["network"]))


def _with_row(experiment: Experiment, table: Mapping[str, Any]) -> Experiment:
    name = table.get("activation")
    if not isinstance(name, str):
        raise ConfigError(f"row {dict(table)} needs an activation, such as activation = 'pvlu'")
    if name not in activations.registry:
        raise UnknownNameError("activation", name, activations.registry)
    title = str(activations.registry.facts(name)["title"])
    arm = make_arm("row", {"label": title, **table})
    known = [one.label for one in experiment.rows]
    if arm.label in known:
        raise ConfigError(f"{experiment.name} has a row {arm.label!r} already; give yours another label")
    if not any("activation" in one.settings for one in experiment.rows):
        raise ConfigError(f"{experiment.name} does not compare activations; add columns, or write an experiment")
    extended = add_row(experiment, arm.label, name, again=True)
    *others, last = extended.rows
    return replace(extended, rows=(*others, Arm(last.label, {**last.settings, **arm.settings})))
