"""What the user chose: an experiment in a size, with changes, and where its data and results lie."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import datasets
from ..core import notebook
from ..core.errors import ConfigError, StoreError, UnknownNameError
from ..core.files import check_folder
from ..core.reading import parse_json
from ..core.wording import plural
from ..experiments.definition import SETTINGS
from ..experiments.experiment import Cell, Cells, Experiment, Preset
from ..experiments.file import load_experiment
from ..experiments.kernel_choice import REFERENCE, KernelChoice, choose_kernels
from ..experiments.machine import AUTO, Workers
from ..experiments.own import check_used, list_references, use
from ..experiments.result import Result
from ..experiments.rows import add_row
from ..experiments.store import DamagedError, Store, is_kept, weights_folder
from ..experiments.trial import Trial
from ..papers import registry
from ..report import analyses

PREFERRED = "pocket"
RESULTS = "runs"


@dataclass(frozen=True)
class Selection:
    """An experiment in one size, and where its data and results are.

    Args:
        experiment: its presets are those of its definition except for the chosen one, which holds the changes.
        preset: name of the size.
        cells: its trials.
        results: folder that holds the runs of all experiments.
        data_dir: folder with the files of data sets and published weights.
        arguments: what follows the verb on the command line to select the same, without the places of data and
            results; empty for an experiment that was built in Python.
        kernels: what its formulas run on, in words.
    """

    experiment: Experiment
    preset: str
    cells: Cells
    results: Path
    data_dir: Path
    arguments: tuple[str, ...] = ()
    kernels: str = ""

    @cached_property
    def trials(self) -> list[Trial]:
        """The trials, each once."""
        return list(dict.fromkeys(cell.trial for cell in self.cells))

    @cached_property
    def size(self) -> int:
        """How many different trials there are."""
        kinds = self.cells.kinds()
        return len(self.trials) if kinds is None else sum(kinds.values())

    @property
    def heading(self) -> str:
        """Experiment and preset in one line."""
        return f"{self.experiment.name}, preset {self.preset}: {self.experiment.preset(self.preset).note}"

    def command(self, verb: str) -> str:
        """What does this to the same selection: a command line, or a call for an experiment that was built in Python.

        Args:
            verb: `plan`, `run`, `table` or `report`.
        """
        if self.arguments:
            return shlex.join(["rectifiers", verb, *self.arguments])
        return f"rectifiers.lab.{verb}(experiment, preset={self.preset!r})"

    @property
    def folder(self) -> Path:
        """Folder of its runs, whether it is there or not."""
        return self.results / self.experiment.folder

    @property
    def report_path(self) -> Path:
        """Where its page goes unless the user says otherwise: beside the runs, one per experiment and preset."""
        return self.results / f"{self.experiment.name.replace('/', '-')}-{self.preset}.html"

    @property
    def weights(self) -> Path:
        """Folder of the trained weights, whether it is there or not."""
        return weights_folder(self.folder)

    def open_store(self) -> Store:
        """Where its runs are kept below the results folder, with the weights that its analysis needs.

        Raises:
            StoreError: the folder belongs to something else, is damaged, or cannot be made.
        """
        return Store(self.results, self.experiment.folder, keep_weights=bool(self.experiment.analysis))

    def outcomes(self, damaged: dict[Trial, DamagedError] | None = None) -> list[tuple[Cell, Result | None]]:
        """Each cell with what the results folder has of it; nothing is written.

        Args:
            damaged: takes the trials whose results are damaged, which are left out; None logs a warning of each.

        Raises:
            StoreError: the folder belongs to something else, or is damaged.
        """
        if not self.folder.exists():
            return [(cell, None) for cell in self.cells]
        return self.open_store().outcomes(self.cells, damaged)

    def done(self) -> set[Trial]:
        """The trials that the results folder has, without reading them."""
        if not self.folder.exists():
            return set()
        store = self.open_store()
        return {trial for trial in self.trials if store.has(trial)}

    def left(self) -> dict[Trial, int]:
        """Trials that are not done, the first of each kind where seeds alone differ, and how many there are of it."""
        kinds = self.cells.kinds()
        if kinds is None:
            done = self.done()
            return {trial: 1 for trial in self.trials if trial not in done}
        if not self.folder.exists():
            return kinds
        store = self.open_store()
        counts = {first: seeds - store.count(first, seeds) for first, seeds in kinds.items()}
        return {first: count for first, count in counts.items() if count}

    def starts(self) -> list[Trial]:
        """What has to be trained in addition, because trials that are not done start from it."""
        if self.cells.kinds() is not None:  # none starts from another
            return []
        done = self.done()
        to_do = {trial for trial in self.trials if trial not in done}
        needed = dict.fromkeys(start for trial in self.trials if trial in to_do for start in trial.lineage)
        return [start for start in needed if start not in to_do and not is_kept(self.weights, start)]

    def read_starts(self) -> list[Result]:
        """What the runs gave that this selection's runs start from, as far as the results folder has them.

        Raises:
            StoreError: the folder belongs to something else, or what it holds of them is damaged.
        """
        from ..experiments.weights import read_run  # loads PyTorch, which most of what is selected does without

        if not self.folder.exists():
            return []
        store = self.open_store()
        found = []
        for start in dict.fromkeys(start for trial in self.trials for start in trial.lineage):
            result = store.read(start)
            if result is None and (run := read_run(self.weights, start)) is not None:
                result = run.result
            if result is not None:
                found.append(result)
        return found

    def __str__(self) -> str:
        return "\n".join([self.heading, *(f"{name:<10} {text}" for name, text in self._facts().items())])

    def _repr_html_(self) -> str:
        return notebook.facts(self.heading, self._facts())

    def _facts(self) -> dict[str, str]:
        rows, columns = (list(dict.fromkeys(getattr(cell, kind) for cell in self.cells)) for kind in ("row", "column"))
        done = f"{len(self.done())} of {plural(len(self.trials), 'run')}"
        return {"rows": ", ".join(rows), "columns": ", ".join(columns), "done": f"{done}, in {self.folder}"}


Selectable = str | Path | Experiment | Selection
"""What can be selected: a registered name, a TOML file, an experiment built in Python, or a selection as it is."""


def select(
    experiment: Selectable,
    *,
    preset: str | None = None,
    seeds: int | None = None,
    settings: Mapping[str, Any] | None = None,
    data_dir: Path | str | None = None,
    results: Path | str | None = None,
    own: Sequence[str] | str = (),
    only: Sequence[str] | str = (),
) -> Selection:
    """Choose an experiment, its size and what to change.

    Args:
        experiment: a registered name, the path of a TOML file, an experiment from `lab.experiment`, or a selection,
            which stays as it is.
        preset: name of its size; None takes `pocket`, or the last one where there is none of that name.
        seeds: number of seeds; None takes the preset's.
        settings: fields of a `Trial` that change in all trials, such as `{"epochs": 5}`.
        data_dir: folder with the files of data sets; None takes RECTIFIERS_DATA, or `data`.
        results: folder that holds the runs; None takes RECTIFIERS_RESULTS, or `runs`.
        own: what files of yours define, each `FILE.py:NAME`; an activation becomes a row beside the others, and
            everything else can be chosen by its name in `settings`.
        only: labels of rows or columns; what runs is in one of these rows, and in one of these columns. None for all.

    Raises:
        ConfigError: a value is outside its domain, the file is not an experiment, or the experiment cannot run yet.
        UnknownNameError: with the nearest names.

    Example:
        >>> from rectifiers import lab
        >>> selection = lab.open("quickstart", preset="smoke", settings={"epochs": 1}, results="nowhere")
        >>> print(selection)
        quickstart, preset smoke: Two epochs of 256 images and three functions: does it run at all? Changed: epochs=1.
        rows       ReLU, AReLU, CReLU
        columns    digits
        done       0 of 6 runs, in nowhere/quickstart
        >>> selection.command("run")
        'rectifiers run quickstart --preset smoke --set epochs=1'
    """
    if isinstance(experiment, Selection):
        if own or only or any(choice is not None for choice in (preset, seeds, settings, data_dir, results)):
            raise ConfigError(
                "a selection has its preset, seeds, settings, rows and folders already; make another to change it"
            )
        return experiment
    check_count("seeds", seeds)
    if not isinstance(settings, Mapping | None):
        raise ConfigError(f"settings must be a mapping, such as {{'epochs': 5}}, got {settings!r}")
    own = list_references(own)
    brought = [use(reference) for reference in own]
    found = experiment if isinstance(experiment, Experiment) else _find(str(experiment))
    found.check_runnable()
    if found.analysis and found.analysis not in analyses.registry:
        raise UnknownNameError(f"analysis of {_name(experiment)}", found.analysis, analyses.registry)
    if not found.presets:
        raise ConfigError(f"{found.name} has no presets; build it with lab.experiment, or give it a preset")
    settings = dict(settings or {})
    if settings:
        _check_changes(found, settings)
    # Not a change of the experiment: what it tells does not depend on how its formulas are rounded.
    kernels = settings.pop("kernels", None)
    preferred = PREFERRED if PREFERRED in found.presets else list(found.presets)[-1]
    chosen = preferred if preset is None else preset
    size = found.preset(chosen)
    changed = {key: _to_text(value) for key, value in settings.items()}
    if settings:
        size = replace(size, settings={**size.settings, **settings}, comparable=False)
    told = dict(changed)
    if seeds is not None and seeds != size.seeds:
        # The note of a preset may say how many seeds it has.
        told = {"seeds": str(seeds), **changed}
        size = replace(size, seeds=seeds)
    if told:
        size = replace(size, note=f"{size.note} Changed: {', '.join(f'{key}={text}' for key, text in told.items())}.")
    found = replace(found, presets={**found.presets, chosen: size})
    for one in brought:
        if one.kind == "activation":
            found = add_row(found, one.title, one.name)
    labels = [only] if isinstance(only, str) else list(only)
    if labels:
        found = replace(found, presets={**found.presets, chosen: _limit(found, found.preset(chosen), labels)})
    arguments = [_name(experiment), "--preset", chosen]
    arguments += ["--seeds", str(seeds)] if seeds is not None else []
    arguments += [word for key, text in changed.items() for word in ("--set", f"{key}={text}")]
    arguments += [word for reference in own for word in ("--with", str(reference))]
    arguments += [word for label in labels for word in ("--only", label)]
    arguments += ["--kernels", str(kernels)] if kernels is not None else []
    folder = check_folder(Path(results or os.environ.get("RECTIFIERS_RESULTS") or RESULTS), "results")
    choice = _choose_kernels(found, chosen, folder) if kernels is None else KernelChoice(kernels, "as chosen")
    if choice is not None:
        size = found.preset(chosen)
        settled = replace(size, settings={**size.settings, "kernels": choice.name})
        found = replace(found, presets={**found.presets, chosen: settled})
    cells = found.cells(chosen)
    if brought:
        check_used(brought, [cell.trial for cell in cells], found.name)
    return Selection(
        experiment=found,
        preset=chosen,
        cells=cells,
        results=folder,
        data_dir=check_folder(datasets.data_folder(data_dir), "data_dir"),
        arguments=() if isinstance(experiment, Experiment) else tuple(arguments),
        kernels="as the experiment names them" if choice is None else str(choice),
    )


def _limit(experiment: Experiment, size: Preset, labels: Sequence[str]) -> Preset:
    """The preset with those of its rows and columns alone that have these labels."""
    rows = [arm.label for arm in experiment.rows if size.rows is None or arm.label in size.rows]
    columns = [arm.label for arm in experiment.columns if size.columns is None or arm.label in size.columns]
    for label in labels:
        if label not in (*rows, *columns):
            raise UnknownNameError(f"row or column of {experiment.name}", label, (*rows, *columns))
    return replace(size, rows=_among(size.rows, rows, labels), columns=_among(size.columns, columns, labels))


def _among(
    arms: Collection[str] | Mapping[str, Mapping[str, Any]] | None, present: Sequence[str], labels: Sequence[str]
) -> Collection[str] | Mapping[str, Mapping[str, Any]] | None:
    """Those of a preset's rows, or columns, that have one of these labels; all if none has."""
    chosen = [label for label in present if label in labels]
    if not chosen:
        return arms
    return {label: arms[label] for label in chosen} if isinstance(arms, Mapping) else chosen


def _choose_kernels(experiment: Experiment, preset: str, results: Path) -> KernelChoice | None:
    """The kernels of runs whose experiment names none; None where it does."""
    size = experiment.preset(preset)
    cells = [(row, column) for row in experiment.rows for column in experiment.columns if size.has(row, column)]
    layers = [experiment.settings, *(arm.settings for cell in cells for arm in cell)]
    layers += [layer for cell in cells for layer in size.changes(*cell)]
    if any("kernels" in layer for layer in layers):
        return None
    if experiment.counts:
        return KernelChoice(REFERENCE, "for it only counts")
    trials = [cell.trial for cell in experiment.cells(preset, seeds=1)]
    if not (results / experiment.folder).exists():
        return choose_kernels(trials)
    try:
        store = Store(results, experiment.folder)
    except StoreError:  # said where the results are read
        return choose_kernels(trials)
    return choose_kernels(trials, store.has)


FASTER = "cpu-fused"
"""Kernels whose runs lie in a folder of this name, below that of the others; they round differently."""


def result_folders(results: Path) -> list[Path]:
    """Where the runs of experiments lie: a folder of results, and the one in it for those with the kernels in C++.

    Example:
        >>> result_folders(Path("nowhere"))
        []
    """
    return [folder for folder in (results, results / FASTER) if folder.exists()]


def check_workers(workers: Workers) -> None:
    """Make sure that a number of workers is one, or `auto`.

    Raises:
        ConfigError: it is not.
    """
    if isinstance(workers, str):
        if workers != AUTO:
            raise ConfigError(f"workers must be a whole number, got {workers!r}; or {AUTO!r}")
        return
    check_count("workers", workers)


def check_count(name: str, count: int | None) -> None:
    """Make sure that a number that the user may give is whole, and at least 1.

    Raises:
        ConfigError: it is not.
    """
    if count is None:
        return
    if isinstance(count, bool) or not isinstance(count, int):
        raise ConfigError(f"{name} must be a whole number, got {count!r}")
    if count < 1:
        raise ConfigError(f"{name} must be at least 1, got {count}")


def _find(name: str) -> Experiment:
    if name not in registry and (name.endswith(".toml") or Path(name).is_file()):
        return load_experiment(Path(name), registry.get)
    return registry.get(name)


def _name(experiment: str | Path | Experiment) -> str:
    return experiment.name if isinstance(experiment, Experiment) else str(experiment)


def _check_changes(experiment: Experiment, settings: Mapping[str, Any]) -> None:
    """Make sure that settings may be changed; trials check the values."""
    for key in settings:
        if key == "seed":
            raise ConfigError(
                "settings cannot choose the seed; seeds (--seeds) says how many there are, counted from 0"
            )
        if key not in SETTINGS:
            raise UnknownNameError("setting", key, SETTINGS)
        if any(key in arm.settings for arm in (*experiment.rows, *experiment.columns)):
            raise ConfigError(
                f"settings cannot change {key}: that is what {experiment.name} compares; "
                "write an experiment of your own"
            )


def _to_text(value: Any) -> str:
    """A value as `--set KEY=VALUE` takes it: JSON, or a text that is not JSON."""
    if isinstance(value, str):
        try:
            parse_json(value)
        except ValueError:
            return value
    return json.dumps(value, ensure_ascii=False)
