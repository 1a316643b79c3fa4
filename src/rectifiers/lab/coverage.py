"""How much of a table or figure was run: its cells, not whatever else is in the folder that it shares."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.wording import plural
from ..experiments.experiment import Experiment
from ..experiments.store import Store
from ..experiments.trial import Trial
from .selecting import result_folders, select

SNAPSHOT = Path(__file__).with_name("published_coverage.json")
"""What the published results held of each table and figure when the documentation was last built."""


@dataclass(frozen=True)
class Coverage:
    """What was run of an experiment in one preset.

    Args:
        preset: name of the preset.
        cells: how many cells it has.
        run: how many of them have all their runs.
        begun: how many others have some.
        runs: how many runs there are, each counted once.
        planned: how many runs the preset asks for.
    """

    preset: str
    cells: int
    run: int = 0
    begun: int = 0
    runs: int = 0
    planned: int = 0

    def __str__(self) -> str:
        begun = f", {self.begun} {'more ' if self.run else ''}begun" if self.begun else ""
        return f"{self.preset} {self.run} of {plural(self.cells, 'cell')}{begun}"


def count_cells(experiment: Experiment, results: Path) -> list[Coverage]:
    """Count the cells of each preset that were run; a cell counts when all its runs are there.

    Args:
        experiment: from the registry, or the user's own.
        results: folder that holds the runs of all experiments, and below `cpu-fused` those with the kernels in C++.

    Raises:
        StoreError: the folder belongs to something else, or is damaged.

    Example:
        >>> from rectifiers.papers import registry
        >>> print(*count_cells(registry.get("quickstart"), Path("nowhere")), sep="; ")
        smoke 0 of 3 cells; pocket 0 of 8 cells
    """
    if experiment.lacking:
        return []
    folders = [folder for folder in result_folders(results) if (folder / experiment.folder).exists()]
    stores = {folder: Store(folder, experiment.folder) for folder in folders}
    return [_count(experiment, preset, stores) for preset in experiment.presets]


def _count(experiment: Experiment, preset: str, stores: Mapping[Path, Store]) -> Coverage:
    size = experiment.preset(preset)
    if not stores:
        return Coverage(preset, sum(size.has(row, column) for row in experiment.rows for column in experiment.columns))
    # Of a cell that was run with several kernels, those with which there is more of it.
    cells: dict[tuple[str, str], Mapping[Trial, bool]] = {}
    for folder, store in stores.items():
        for cell, found in _find_runs(experiment, preset, folder, store).items():
            cells[cell] = max(cells.get(cell, found), found, key=lambda runs: sum(runs.values()))
    run = sum(all(found.values()) for found in cells.values())
    in_part = sum(any(found.values()) for found in cells.values()) - run
    # Cells share runs; each is counted once.
    runs = {trial: done for found in cells.values() for trial, done in found.items()}
    return Coverage(preset, len(cells), run, in_part, sum(runs.values()), len(runs))


def _find_runs(
    experiment: Experiment, preset: str, folder: Path, store: Store
) -> dict[tuple[str, str], dict[Trial, bool]]:
    """Which runs of each cell a folder has."""
    cells: dict[tuple[str, str], dict[Trial, bool]] = {}
    known: dict[Trial, bool] = {}
    # Selected, not as they are defined: the results there are decide which kernels are meant.
    for cell in select(experiment, preset=preset, results=folder).cells:
        if cell.trial not in known:
            known[cell.trial] = store.has(cell.trial)
        cells.setdefault((cell.row, cell.column), {})[cell.trial] = known[cell.trial]
    return cells


def published_coverage() -> dict[str, list[Coverage]]:
    """Read what the results that are published with this version cover: their presets, by the name of the experiment.

    Example:
        >>> print(*published_coverage()["arelu/table1"])
        paper 152 of 152 cells
    """
    listed = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    return {name: [Coverage(**one) for one in presets] for name, presets in listed.items()}


def describe(coverage: Sequence[Coverage], results: Path, published: Sequence[Coverage] = ()) -> str:
    """Say which presets were run, in whole or in part, and of which there are published results.

    Args:
        coverage: what the folder holds.
        results: the folder.
        published: what the published results hold.

    Example:
        >>> describe([Coverage("pocket", 5, run=5), Coverage("paper", 9, run=2, begun=1)], Path("runs"))
        'run in runs: pocket 5 of 5 cells, paper 2 of 9 cells, 1 more begun'
        >>> describe([Coverage("pocket", 5)], Path("runs"), [Coverage("pocket", 5, run=5)])
        'published: pocket 5 of 5 cells'
        >>> describe([Coverage("pocket", 5)], Path("runs"))
        'no results'
    """
    parts = [("published", published), (f"run in {results}", coverage)]
    said = [f"{where}: {', '.join(map(str, run))}" for where, all_of_it in parts if (run := begun(all_of_it))]
    return "; ".join(said) or "no results"


def begun(coverage: Sequence[Coverage]) -> list[Coverage]:
    """Those of which something was run."""
    return [one for one in coverage if one.run or one.begun]
