from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from rectifiers import activations, datasets, networks, papers
from rectifiers.core.errors import UnknownNameError
from rectifiers.experiments.result import COUNTS
from rectifiers.experiments.trial import Trial
from rectifiers.papers import registry

NAMES = registry.names()
RUNNABLE = [name for name in NAMES if not registry.get(name).lacking]
WAITING = [name for name in NAMES if name not in RUNNABLE]
PRESETS = [(name, preset) for name in RUNNABLE for preset in registry.get(name).presets]

# Every table and figure of the four papers but drawings; PVLU's carry no numbers in the text that there is.
PAPERS = {
    "arelu": {*(f"table{place}" for place in range(1, 9)), *(f"figure{place}" for place in (1, 2, 3, 4, 5, 7, 8, 9))},
    "convrelu": {*(f"table{place}" for place in range(1, 7)), "figure5", "figure6"},
    "crelu": {*(f"table{place}" for place in range(1, 7)), *(f"figure{place}" for place in range(1, 6))},
    "pvlu": {
        *("scratch", "scratch-augmented", "scratch-curves", "scratch-augmented-curves"),
        *("vgg", "vgg-blurred", "resnet-cifar10", "resnet-cifar100"),
    },
}


def lineage(trials: Iterable[Trial]) -> set[Trial]:
    """Trials with all that they start from."""
    return {member for trial in trials for member in (trial, *lineage(trial.ancestors))}


@pytest.mark.parametrize("paper", PAPERS)
def test_every_table_and_figure_has_an_entry(paper: str) -> None:
    assert {name.removeprefix(f"{paper}/") for name in NAMES if name.startswith(f"{paper}/")} == PAPERS[paper]


def test_every_file_with_an_experiment_is_registered() -> None:
    folder = Path(papers.__path__[0])
    found = {
        str(path.relative_to(folder).with_suffix("")).replace("/", ".") + ":experiment"
        for path in folder.rglob("*.py")
        if "\nexperiment = " in path.read_text(encoding="utf-8")
    }
    assert found == set(papers.TABLE.values())


@pytest.mark.parametrize("name", NAMES)
def test_name_and_summary(name: str) -> None:
    assert registry.get(name).name == name
    assert registry.summary(name).endswith(".")


@pytest.mark.parametrize("name", RUNNABLE)
def test_presets_have_the_agreed_names(name: str) -> None:
    experiment = registry.get(name)
    assert set(experiment.presets) == ({"smoke", "pocket", "paper"} if experiment.paper else {"smoke", "pocket"})
    for preset, size in experiment.presets.items():
        shown = [column for column in experiment.columns if size.columns is None or column.label in size.columns]
        counted = all(experiment.metric_of(column) in COUNTS for column in shown)
        assert not size.comparable or counted or preset == "paper"


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_every_preset_yields_its_trials(name: str, preset: str) -> None:
    experiment = registry.get(name)
    size = experiment.preset(preset)
    cells = experiment.cells(preset)
    rows = {row.label for row in experiment.rows} if size.rows is None else set(size.rows)
    columns = {column.label for column in experiment.columns} if size.columns is None else set(size.columns)
    places = {(cell.row, cell.column) for cell in cells}
    assert places == {(row, column) for row in rows for column in columns}
    for place in places:
        trials = [cell.trial for cell in cells if (cell.row, cell.column) == place]
        seeds = 1 if trials[0].vote else size.seeds
        assert [trial.seed for trial in trials] == list(range(seeds)), place
    assert experiment.baseline in rows


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_rows_differ_in_every_column(name: str, preset: str) -> None:
    cells = registry.get(name).cells(preset, seeds=1)
    for column in {cell.column for cell in cells}:
        trials = [cell.trial for cell in cells if cell.column == column]
        assert len(set(trials)) == len(trials)


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_trials_name_what_exists(name: str, preset: str) -> None:
    trials = lineage(cell.trial for cell in registry.get(name).cells(preset, seeds=1))
    for dataset in {trial.dataset for trial in trials}:
        datasets.check(dataset)
    assert {trial.network for trial in trials} <= set(networks.registry)
    assert {trial.activation for trial in trials} <= set(activations.registry)


@pytest.mark.parametrize("name", WAITING)
def test_what_waits_declares_its_protocol(name: str) -> None:
    """Its grid names activations that exist and settings that a trial takes; networks and data may be of tomorrow."""
    experiment = registry.get(name)
    assert experiment.paper
    assert experiment.published
    assert experiment.deviations
    assert set(experiment.presets) == ({"paper"} if experiment.rows else set())
    assert not experiment.rows or experiment.baseline in [row.label for row in experiment.rows]
    trials = [
        Trial.create(**{"lr": 1, **experiment.settings, **row.settings, **column.settings, "seed": 0})
        for row in experiment.rows
        for column in experiment.columns
    ]
    for trial in trials:
        assert trial.activation in activations.registry
        arguments = dict(trial.activation_args)
        if not trial.activation.startswith("convrelu"):
            activations.create(trial.activation, **arguments)
    assert bool(trials) == bool(experiment.rows)


@pytest.mark.parametrize("paper", PAPERS)
def test_entries_that_share_runs_name_them_literally(paper: str) -> None:
    """`rectifiers list` reads the name of the runs from the source."""
    for name in (name for name in NAMES if name.startswith(f"{paper}/")):
        assert registry.facts(name).get("runs", "") == registry.get(name).runs


def test_unknown_experiment() -> None:
    with pytest.raises(UnknownNameError, match="unknown experiment 'arelu/tabel1'; did you mean arelu/table1"):
        registry.get("arelu/tabel1")


def test_quickstart_is_eight_functions_by_five_seeds() -> None:
    assert len(registry.get("quickstart").cells("pocket")) == 8 * 5
