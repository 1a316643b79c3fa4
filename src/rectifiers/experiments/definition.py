"""Experiments that a user wrote, in a file or in Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .. import activations, datasets, networks
from ..core.errors import ConfigError, RectifiersError, UnknownNameError
from ..core.wording import is_printable_line
from .experiment import MOST_SEEDS, Arm, Experiment, Preset
from .explain import NAME_PATTERN, explain
from .result import Metric
from .trial import DIGESTS, Trial

SETTINGS = frozenset(Trial.model_fields) - {"seed", "own", *DIGESTS}

SMOKE = Preset(
    note="One epoch of 256 images, two seeds: does it run at all?",
    settings={"epochs": 1, "train_size": 256, "milestones": (), "warmup_epochs": 0},
    seeds=2,
)


class Definition(BaseModel):
    """What a user may write; the field descriptions are its documentation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(pattern=NAME_PATTERN, description="names the folder of the runs")
    title: str = Field("", description="what it shows, in one line")
    rows: list[dict[str, Any]] = Field(
        min_length=1, description="what is compared: names of activations, or tables of a label and settings"
    )
    columns: list[dict[str, Any]] = Field(
        [{"label": "all"}], min_length=1, description="conditions: tables of a label and settings"
    )
    settings: dict[str, Any] = Field({}, description="settings that all runs share; the fields of a trial")
    seeds: int = Field(5, ge=1, le=MOST_SEEDS, description="runs per cell")
    metric: Metric = Field("final_epoch", description="which accuracy the cells show")
    margin: float = Field(0.5, ge=0, allow_inf_nan=False, description="percentage points that count as equivalent")
    baseline: str | None = Field(None, description="row that the others are compared with; relu, or else the first")
    analysis: str = Field("", description="what the report makes of the trained networks: pairing, invariance, …")

    @field_validator("title")
    @classmethod
    def _title_is_one_line(cls, value: str) -> str:
        if not is_printable_line(value):
            raise ValueError("expected one line without control characters")
        return value

    @field_validator("rows", mode="before")
    @classmethod
    def _names_are_activations(cls, value: Any) -> Any:
        return read_rows(value)


def define(document: Mapping[str, Any], origin: str, *, note: str) -> Experiment:
    """The experiment that a user wrote, with every one of its trials checked.

    It has the presets `smoke` and `full`. `Definition` lists the keys, `Trial` the settings.

    Args:
        document: keys and values.
        origin: where they stand, for errors.
        note: of the preset `full`.

    Raises:
        ConfigError: a key or a name is unknown (with the nearest one), something is missing, or a value is outside its
            domain.
    """
    try:
        check_keys("key", document, Definition.model_fields)
        return _build(Definition(**document), note)
    except ValidationError as error:
        raise ConfigError(explain(error, origin)) from None
    except RectifiersError as error:
        raise ConfigError(f"{origin}: {error}") from None


def _build(definition: Definition, note: str) -> Experiment:
    check_keys("setting", definition.settings, SETTINGS)
    rows = tuple(make_arm("row", row) for row in definition.rows)
    labels = [row.label for row in rows]
    baseline = definition.baseline or ("relu" if "relu" in labels else labels[0])
    if baseline not in labels:
        raise UnknownNameError("baseline", baseline, labels)
    experiment = Experiment(
        name=definition.name,
        title=definition.title or definition.name,
        settings=definition.settings,
        rows=rows,
        columns=tuple(make_arm("column", column) for column in definition.columns),
        presets={"smoke": SMOKE, "full": Preset(note=note, seeds=definition.seeds)},
        metric=definition.metric,
        baseline=baseline,
        margin=definition.margin,
        analysis=definition.analysis,
    )
    for preset in experiment.presets:
        for cell in experiment.cells(preset, seeds=1):
            check_trial(cell.trial, definition.metric)
    return experiment


def read_rows(value: Any) -> Any:
    """Rows as tables, where a user writes a list whose names stand for activations."""
    if not isinstance(value, list):
        return value
    return [{"activation": row} if isinstance(row, str) else row for row in value]


def make_arm(kind: str, table: Mapping[str, Any]) -> Arm:
    """A row or a column from the table that a user wrote.

    Raises:
        ConfigError: it has no label.
        UnknownNameError: a setting is unknown; with the nearest ones.
    """
    check_keys(f"setting of a {kind}", table, {"label", *SETTINGS})
    label = table.get("label", table.get("activation") if kind == "row" else None)
    if not isinstance(label, str) or not label:
        raise ConfigError(f"{kind} {dict(table)} needs a label, such as label = 'slow'")
    if not is_printable_line(label):
        raise ConfigError(f"{kind}: expected a label of one line without control characters, got {label!r}")
    return Arm(label, {name: value for name, value in table.items() if name != "label"})


def check_keys(kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Make sure that a user wrote known keys alone.

    Raises:
        UnknownNameError: one is unknown; with the nearest ones.
        ConfigError: it is a setting in the wrong place.
    """
    for name in given:
        if name not in known:
            if kind == "key" and name in SETTINGS:
                raise ConfigError(f"{name!r} is a setting of the runs; write it in a row, a column or under [settings]")
            raise UnknownNameError(kind, name, known)


def check_trial(trial: Trial, metric: Metric) -> None:
    """Make sure that everything a trial names is there, and that its metric has data.

    Raises:
        UnknownNameError: a name is unknown; with the nearest ones.
        ConfigError: something does not fit.
    """
    if metric == "best_on_validation" and not (trial.validation or trial.folds):
        raise ConfigError("metric 'best_on_validation' needs validation data; set validation to 0.1, for example")
    if trial.activation not in activations.registry:
        raise UnknownNameError("activation", trial.activation, activations.registry)
    networks.check(trial.network)
    datasets.check(trial.dataset)
    if trial.pretrained:
        from . import pretrained  # needs torch

        pretrained.get(trial.pretrained).check_network(trial.network)
