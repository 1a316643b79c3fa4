"""One more row in an experiment that is there: another activation, under the conditions of the rows beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from .. import activations
from ..core.errors import ConfigError
from .experiment import Arm, Column, Experiment, Preset


def add_row(experiment: Experiment, label: str, activation: str, *, again: bool = False) -> Experiment:
    """The experiment with a row for another activation, in all presets.

    The row is the baseline's with another activation; where there is a row that puts its function into a network
    trained with another, it is that one's, and starts at ReLU if it can. An experiment that compares something else
    than activations, or has a row with this one, stays as it is.

    Args:
        experiment: what there is.
        label: of the row.
        activation: registered name.
        again: add it although there is a row with this activation.

    Raises:
        ConfigError: there is a row of that label.

    Example:
        >>> two = Experiment("two", "", {}, (Arm("ReLU", {"activation": "relu"}),), (Arm("all", {}),))
        >>> add_row(two, "ELU", "elu").rows[-1]
        Arm(label='ELU', settings={'activation': 'elu'})
    """
    comparing = [arm for arm in experiment.rows if "activation" in arm.settings]
    if not comparing or (not again and any(_of(arm) == activation for arm in comparing)):
        return experiment
    if any(arm.label == label for arm in experiment.rows):
        raise ConfigError(
            f"{experiment.name} has a row called {label!r} already; give yours another title, in its spec or by the "
            "name of its class"
        )
    model = _choose(comparing, experiment.baseline)
    row = Arm(label, _exchange(model.settings, _of(model), activation))
    if _is_put_in(model) and activations.registry.get(activation).spec.relu_start != "none":
        row = replace(row, settings={**row.settings, "activation_args": {"relu_like": True}})
    return replace(
        experiment,
        rows=(*experiment.rows, row),
        columns=tuple(_extend_column(column, model, row) for column in experiment.columns),
        presets={name: _extend_preset(preset, model, row) for name, preset in experiment.presets.items()},
    )


def add_column(experiment: Experiment, column: Arm) -> Experiment:
    """The experiment with one more column, in all presets."""
    presets = {
        name: preset if preset.columns is None else replace(preset, columns=_and(preset.columns, column.label))
        for name, preset in experiment.presets.items()
    }
    return replace(experiment, columns=(*experiment.columns, column), presets=presets)


def _and(chosen: Collection[str] | Mapping[str, Mapping[str, Any]], label: str) -> Any:
    return {**chosen, label: {}} if isinstance(chosen, Mapping) else (*chosen, label)


def _choose(rows: list[Arm], baseline: str) -> Arm:
    """The row that a new one follows."""
    chosen = [arm for arm in rows if _is_put_in(arm)] + [arm for arm in rows if arm.label == baseline]
    return (chosen or rows)[0]


def _is_put_in(arm: Arm) -> bool:
    """Whether its function goes into a network that was trained with another."""
    return (arm.settings.get("start") or {}).get("activation") not in (None, _of(arm))


def _of(arm: Arm) -> str:
    return str(arm.settings["activation"])


def _exchange(settings: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    """The settings with another activation in place of one, which takes its arguments along, and so in their starts."""
    changed = dict(settings)
    if changed.get("activation", old) == old:
        changed.pop("activation_args", None)
    if changed.get("activation") == old:
        changed["activation"] = new
    if changed.get("start"):
        changed["start"] = _exchange(changed["start"], old, new)
    return changed


def _extend_column(column: Arm, model: Arm, row: Arm) -> Arm:
    if not isinstance(column, Column) or model.label not in column.cells:
        return column
    changes = _exchange(column.cells[model.label], _of(model), _of(row))
    return replace(column, cells={**column.cells, row.label: changes})


def _extend_preset(preset: Preset, model: Arm, row: Arm) -> Preset:
    if preset.rows is None:
        return preset
    if isinstance(preset.rows, Mapping):
        changes = _exchange(preset.rows.get(model.label, {}), _of(model), _of(row))
        return replace(preset, rows={**preset.rows, row.label: changes})
    return replace(preset, rows=(*preset.rows, row.label))
