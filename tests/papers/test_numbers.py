"""All published numbers together: no gaps, in their domains, and the grids stand on them."""

from __future__ import annotations

import itertools

import pytest

from rectifiers.experiments.experiment import PublishedNumbers
from rectifiers.papers import registry

ENTRIES = [name for name in registry if registry.get(name).published]
FILLED = [name for name in ENTRIES if registry.get(name).published.cells]  # type: ignore[union-attr]

# Of entries that no table or figure of their paper names.
PLACES = {
    "arelu/gradients": "sections 2.3, 2.4 and 3.2",
    "convrelu/sparsity": "on partial replacement",
    "crelu/footnotes": "footnotes 3 and 4",
    "crelu/leaky": "section 2.2",
    "crelu/proposition21": "Proposition 2.1",
    "crelu/theorem41": "Theorem 4.1",
}

DOMAINS = {
    "accuracy": (0, 100),
    "error": (0, 100),
    "share": (0, 100),
    "points": (0, 100),
    "parameters": (1, 1e9),
    "correlation": (-1, 1),
}


def published(name: str) -> PublishedNumbers:
    numbers = registry.get(name).published
    assert numbers is not None
    return numbers


def test_all_entries_of_papers_have_numbers_or_words_or_say_that_there_are_none() -> None:
    ours = {name for name in registry if name.startswith(("peft/", "plasticity/"))}
    assert {*ENTRIES, *ours, "quickstart"} == set(registry)
    for name in ENTRIES:
        numbers = published(name)
        assert numbers.cells or numbers.stated or numbers.says or "no numbers" in numbers.source


@pytest.mark.parametrize("name", FILLED)
def test_every_row_has_every_column_or_a_reason(name: str) -> None:
    numbers = published(name)
    places = {*numbers.cells, *numbers.absent}
    rows, columns = dict.fromkeys(row for row, _ in places), numbers.quantities
    assert places == set(itertools.product(rows, columns))
    assert not {*numbers.cells} & {*numbers.absent}


@pytest.mark.parametrize("name", FILLED)
def test_numbers_are_in_their_domain(name: str) -> None:
    numbers = published(name)
    for (row, column), value in numbers.cells.items():
        low, high = DOMAINS[numbers.quantities[column]]
        assert low <= value <= high, (row, column)
        assert numbers.quantities[column] != "parameters" or isinstance(value, int)
    assert all(error > 0 for error in numbers.uncertainties.values())


@pytest.mark.parametrize("name", [name for name in FILLED if not registry.get(name).analysis])
def test_the_grid_has_a_published_number_in_every_cell(name: str) -> None:
    experiment, numbers = registry.get(name), published(name)
    for row, column in itertools.product(experiment.rows, experiment.columns):
        place = row.label, column.label
        assert place in numbers.cells or place in numbers.absent, place


@pytest.mark.parametrize("name", ENTRIES)
def test_corrections_differ_and_are_noted(name: str) -> None:
    numbers = published(name)
    for place, value in numbers.corrections.items():
        printed = numbers.cells.get(place, numbers.derived.get(place))
        assert printed is not None
        assert value != printed
        assert any(str(printed) in note and str(value) in note for note in numbers.notes), place


@pytest.mark.parametrize("name", [name for name in ENTRIES if not name.startswith("decide/")])
def test_the_source_says_where_it_stands(name: str) -> None:
    experiment, numbers = registry.get(name), published(name)
    authors = experiment.paper.partition(":")[0]
    assert numbers.source.startswith(authors)
    stem = name.partition("/")[2]
    kind = next((kind for kind in ("table", "figure") if stem.startswith(kind)), None)
    place = f"{kind.capitalize()} {stem.removeprefix(kind)}" if kind else PLACES.get(name, "section 4.")
    assert f", {place}" in numbers.source
