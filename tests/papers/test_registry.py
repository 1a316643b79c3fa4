"""Every table and figure has an entry, and every entry names what exists and yields its trials."""

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
PRESETS = [(name, preset) for name in NAMES for preset in registry.get(name).presets]

# Every table and figure of the four papers but drawings, and what the text alone tells. PVLU's carry no numbers in the
# text that there is.
PAPERS = {
    "arelu": {
        *(f"table{place}" for place in range(1, 9)),
        *(f"figure{place}" for place in (1, 2, 3, 4, 5, 7, 8, 9)),
        "gradients",
    },
    "convrelu": {*(f"table{place}" for place in range(1, 7)), "figure5", "figure6", "sparsity"},
    "crelu": {
        *(f"table{place}" for place in range(1, 7)),
        *(f"figure{place}" for place in range(1, 6)),
        *("footnotes", "leaky", "proposition21", "theorem41"),
    },
    "pvlu": {
        *("scratch", "scratch-augmented", "scratch-curves", "scratch-augmented-curves"),
        *("shallow", "vgg", "vgg-blurred", "resnet-cifar10", "resnet-cifar100"),
    },
}

WITHOUT_PAPER = {
    *("quickstart", "decide/arelu", "decide/convrelu", "decide/crelu", "decide/pvlu"),
    *("crelu/proposition21", "crelu/theorem41"),
}

OF_NO_ONE_PAPER = {
    *("peft/blurred", "peft/encoder", "peft/new-classes"),
    *("plasticity/class-incremental", "plasticity/permuted-mnist", "plasticity/random-labels", "plasticity/regression"),
}
"""Their full size follows published protocols, of which there are no tables."""


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


def test_what_judges_an_excerpt_has_all_its_runs() -> None:
    excerpts = [registry.get(name) for name in NAMES if registry.get(name).judged_in]
    assert [one.name for one in excerpts] == ["arelu/table2"]
    for excerpt in excerpts:
        judge = registry.get(excerpt.judged_in)
        for preset in excerpt.presets:
            mine, all_runs = ({cell.trial for cell in one.cells(preset, seeds=2)} for one in (excerpt, judge))
            assert mine <= all_runs
            assert preset == "smoke" or mine < all_runs
    table3 = registry.get("convrelu/table3")
    for column in table3.columns:
        if judge := table3.judge_of(column):
            for preset in table3.presets:
                mine = {c.trial for c in table3.cells(preset, seeds=2) if c.column == column.label}
                assert mine <= {cell.trial for cell in registry.get(judge).cells(preset, seeds=2)}
    assert sum(bool(table3.judge_of(column)) for column in table3.columns) == 2


@pytest.mark.parametrize("name", NAMES)
def test_name_and_summary(name: str) -> None:
    assert registry.get(name).name == name
    assert registry.summary(name).endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_waits(name: str) -> None:
    assert registry.get(name).lacking == ()


@pytest.mark.parametrize("name", NAMES)
def test_presets_have_the_agreed_names(name: str) -> None:
    experiment = registry.get(name)
    largest = set() if name in WITHOUT_PAPER else {"full"} if name in OF_NO_ONE_PAPER else {"paper"}
    expected = {"smoke", "pocket", *largest}
    assert set(experiment.presets) == expected
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
    assert {one.network for one in trials if not networks.is_outside(one.network)} <= set(networks.registry)
    assert {trial.activation for trial in trials} <= set(activations.registry)


@pytest.mark.parametrize("paper", PAPERS)
def test_entries_that_share_runs_name_them_literally(paper: str) -> None:
    """`rectifiers list` reads the name of the runs from the source."""
    names = [name for name in NAMES if name.startswith(f"{paper}/")]
    assert names
    for name in names:
        assert registry.facts(name).get("runs", "") == registry.get(name).runs


def trials(name: str, preset: str, *rows: str, column: str = "") -> set[Trial]:
    """The trials of a preset, of some rows and one column if they are named."""
    cells = registry.get(name).cells(preset)
    return {c.trial for c in cells if (not rows or c.row in rows) and (not column or c.column == column)}


@pytest.mark.parametrize("name", ["figure1", "figure2", "figure3", "figure4", "figure5", "table6"])
def test_what_looks_into_the_networks_of_crelu_shares_them(name: str) -> None:
    entry, small = registry.get(f"crelu/{name}"), "CIFAR-10 Single test"
    functions = {row.label: "Baseline" if row.label == "ReLU" else row.label for row in entry.rows}
    pocket = trials(entry.name, "pocket")
    if name in ("figure1", "figure2", "figure3"):
        assert pocket <= trials("crelu/figure1", "pocket")
    else:
        assert pocket == trials("crelu/table1", "pocket", *functions.values(), column=small)
    assert {registry.get(f"crelu/table{number}").folder for number in (1, 4, 5)} == {entry.folder}
    for column in {cell.column for cell in entry.cells("paper")}:
        found = trials(entry.name, "paper", column=column)
        if column == "AlexNet":
            assert {(trial.pretrained, trial.epochs) for trial in found} == {("alexnet-imagenet1k-v1", 0)}
            continue
        source = ("crelu/table4", "top-1") if column == "ImageNet" else ("crelu/table1", f"{column} Single test")
        assert found < trials(source[0], "paper", column=source[1])


@pytest.mark.parametrize("preset", ["pocket", "paper"])
@pytest.mark.parametrize(
    ("name", "source"),
    [("arelu/figure1", "arelu/table7"), ("arelu/figure4", "arelu/table4"), ("convrelu/figure6", "convrelu/table1")],
)
def test_other_figures_look_into_the_networks_of_tables(name: str, source: str, preset: str) -> None:
    assert trials(name, preset) < trials(source, preset)
    assert registry.get(name).folder == registry.get(source).folder


def test_the_last_segmentations_of_figure_9_are_by_the_networks_of_figure_5() -> None:
    assert trials("arelu/figure9", "pocket", column="5 epochs") == trials("arelu/figure5", "pocket")
    assert registry.get("arelu/figure9").folder == registry.get("arelu/figure5").folder


def test_unknown_experiment() -> None:
    with pytest.raises(UnknownNameError, match="unknown experiment 'arelu/tabel1'; did you mean arelu/table1"):
        registry.get("arelu/tabel1")


def test_quickstart_is_eight_functions_by_five_seeds() -> None:
    assert len(registry.get("quickstart").cells("pocket")) == 8 * 5
