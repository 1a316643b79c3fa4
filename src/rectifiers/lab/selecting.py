"""What the user chose: an experiment in a size, with changes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, UnknownNameError
from ..experiments.experiment import Cell, Experiment
from ..experiments.file import SETTINGS, load_experiment
from ..experiments.result import Result
from ..experiments.store import Store, weights_folder
from ..experiments.trial import Trial
from ..experiments.weights import is_kept
from ..papers import registry
from ..report import analyses
from .setting import split_setting

PREFERRED = "pocket"


@dataclass(frozen=True)
class Selection:
    """An experiment in one size.

    Args:
        experiment: its presets are those of its definition but for the chosen one, which holds the changes.
        preset: name of the size.
        cells: its trials.
        command: what runs it again, without the places of data and results.
    """

    experiment: Experiment
    preset: str
    cells: Sequence[Cell]
    command: str

    @property
    def trials(self) -> list[Trial]:
        """The trials, each once."""
        return list(dict.fromkeys(cell.trial for cell in self.cells))

    @property
    def heading(self) -> str:
        """Experiment and preset in one line."""
        return f"{self.experiment.name}, preset {self.preset}: {self.experiment.preset(self.preset).note}"

    def store(self, results: Path) -> Store:
        """Where its runs are kept below the results folder, with the weights that its analysis needs.

        Raises:
            StoreError: the folder belongs to something else, is damaged, or cannot be made.
        """
        return Store(results, self.experiment.folder, keep_weights=bool(self.experiment.analysis))

    def outcomes(self, results: Path) -> list[tuple[Cell, Result | None]]:
        """Each cell with what the results folder has of it; nothing is written.

        Raises:
            StoreError: the folder belongs to something else, or is damaged.
        """
        if not (results / self.experiment.folder).exists():
            return [(cell, None) for cell in self.cells]
        return self.store(results).outcomes(self.cells)

    def done(self, results: Path) -> set[Trial]:
        """The trials that the results folder has, without reading them."""
        if not (results / self.experiment.folder).exists():
            return set()
        store = self.store(results)
        return {trial for trial in self.trials if store.has(trial)}

    def starts(self, results: Path) -> list[Trial]:
        """What has to be trained besides the trials that are not done, for these start from it."""
        to_do = set(self.trials) - self.done(results)
        needed = dict.fromkeys(start for trial in self.trials if trial in to_do for start in trial.lineage)
        weights = self.weights(results)
        return [start for start in needed if start not in to_do and not is_kept(weights, start)]

    def weights(self, results: Path) -> Path:
        """Folder of the trained weights, whether it is there or not."""
        return weights_folder(results / self.experiment.folder)


def select(name: str, preset: str | None, seeds: int | None, settings: Sequence[str] | None) -> Selection:
    """Look up and check what the user wrote.

    Args:
        name: registered name, or a TOML file.
        preset: size; None takes `pocket`, or the last one where there is none of that name.
        seeds: how many; None takes the preset's.
        settings: "key=value" texts that change fields of all trials.

    Raises:
        ConfigError: a value is outside its domain, the file is not an experiment, or the experiment cannot run yet.
        UnknownNameError: with the nearest names.
    """
    experiment = _experiment(name)
    experiment.check_runnable()
    if experiment.analysis and experiment.analysis not in analyses.registry:
        raise UnknownNameError(f"analysis of {name}", experiment.analysis, analyses.registry)
    chosen = preset or (PREFERRED if PREFERRED in experiment.presets else list(experiment.presets)[-1])
    size, changes = experiment.preset(chosen), _changes(experiment, settings or ())
    if seeds is not None:
        size = replace(size, seeds=seeds)
    if changes:
        size = replace(
            size,
            note=f"{size.note} Changed: {', '.join(settings or ())}.",
            settings={**size.settings, **changes},
            comparable=False,
        )
    experiment = replace(experiment, presets={**experiment.presets, chosen: size})
    command = ["rectifiers", "run", name, "--preset", chosen]
    command += ["--seeds", str(seeds)] if seeds is not None else []
    command += [word for setting in settings or () for word in ("--set", setting)]
    return Selection(experiment, chosen, experiment.cells(chosen), shlex.join(command))


def _experiment(name: str) -> Experiment:
    if name not in registry and (name.endswith(".toml") or Path(name).is_file()):
        return load_experiment(Path(name))
    return registry.get(name)


def _changes(experiment: Experiment, settings: Sequence[str]) -> Mapping[str, Any]:
    """The settings as values; trials check the types."""
    changes: dict[str, Any] = {}
    for setting in settings:
        key, value = split_setting(setting, "epochs=5")
        if key == "seed":
            raise ConfigError("--set cannot choose the seed; --seeds says how many there are, counted from 0")
        if key not in SETTINGS:
            raise UnknownNameError("setting", key, SETTINGS)
        if any(key in arm.settings for arm in (*experiment.rows, *experiment.columns)):
            raise ConfigError(
                f"--set cannot change {key}: that is what {experiment.name} compares; "
                "write an experiment of your own in a .toml file"
            )
        changes[key] = value
    return changes
