"""The register of claims: its sources exist, and runs settle claims by their intervals."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from rectifiers import lab
from rectifiers.experiments.experiment import Experiment
from rectifiers.experiments.store import Store
from rectifiers.lab import claims as judging
from rectifiers.papers import claims, registry
from rectifiers.papers.claims import ALL, PAPERS, Claim, Comparison, load_claims
from rectifiers.report.analyses.section import Grid, Section, SeedMean, write_sections
from rectifiers.report.table import results_by_cell

from ..report.synthetic import experiment, outcomes, result

ROOT = Path(__file__).parents[2]
CLAIMS = [claim for paper in PAPERS for claim in load_claims(paper)]
BY_RUNS = [claim for claim in CLAIMS if claim.entry]


def test_every_paper_has_claims_enough() -> None:
    assert len(CLAIMS) >= 40
    assert all(sum(claim.paper == paper for claim in CLAIMS) >= 10 for paper in PAPERS)
    assert len({(claim.paper, claim.says) for claim in CLAIMS}) == len(CLAIMS)


@pytest.mark.parametrize("claim", BY_RUNS, ids=lambda claim: f"{claim.entry}: {claim.says}")
def test_rows_and_columns_are_those_of_the_entry(claim: Claim) -> None:
    experiment = registry.get(claim.entry)
    rows, columns = ([arm.label for arm in arms] for arms in (experiment.rows, experiment.columns))
    printed = (
        {row for row, column in experiment.published.cells if column == claim.column} if experiment.published else set()
    )
    assert claim.row in rows
    assert set(claim.over) - {ALL} <= {*rows, *printed}
    assert claim.column in columns
    assert claim.entry.startswith((claim.paper, "decide/", "peft/"))
    if claim.decide:
        deciding = registry.get(claim.decide.entry)
        assert {claim.decide.row, *claim.decide.over} - {ALL} <= {arm.label for arm in deciding.rows}
        assert claim.decide.column in [arm.label for arm in deciding.columns]


@pytest.mark.parametrize("claim", BY_RUNS, ids=lambda claim: f"{claim.entry}: {claim.says}")
def test_printed_numbers_are_in_the_entry(claim: Claim) -> None:
    """What two rows are said to have, or one over the other, is what the paper's table prints there."""
    published = registry.get(claim.entry).published
    if published is None or not published.cells:
        return
    others = [published.get(row, claim.column) for row in claim.over if row != ALL] or [
        value for (row, column), value in published.cells.items() if column == claim.column and row != claim.row
    ]
    if numbers := re.match(r"([\d.]+) against ([\d.]+) %", claim.printed):
        assert published.get(claim.row, claim.column) == pytest.approx(float(numbers[1]))
        assert float(numbers[2]) in [pytest.approx(value) for value in others if value is not None]
    elif lead := re.match(r"\+([\d.]+) points", claim.printed):
        assert published.derived["Improvement", claim.column] == float(lead[1])
    else:
        assert not claim.printed


@pytest.mark.parametrize("name", sorted({name for claim in CLAIMS for name in claim.tests}))
def test_tests_that_settle_claims_are_there(name: str) -> None:
    path, _, function = name.partition("::")
    assert f"def {function}(" in (ROOT / path).read_text(encoding="utf-8")


def test_analyses_are_those_of_entries() -> None:
    for claim in CLAIMS:
        if claim.analysis:
            assert registry.get(claim.analysis).analysis


def judged(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    level: dict[str, float],
    *,
    size: str = "paper",
    kernels: str = "reference",
    **fields: Any,
) -> judging.Judged:
    """What one claim about AReLU and ReLU in Figure 5 comes to, where runs end at these levels, by row."""
    claim = Claim(
        paper="arelu",
        place="here",
        says="so",
        entry="arelu/figure5",
        row="AReLU",
        over=("ReLU",),
        column="DSC",
        **fields,
    )
    experiment: Experiment = registry.get(claim.entry)
    store = Store(folder if kernels == "reference" else folder / kernels, experiment.folder)
    for cell in experiment.cells(size):
        trial = cell.trial.model_copy(update={"kernels": kernels})
        store.write(result(trial.model_copy(update={"epochs": 9}), level[cell.row]).model_copy(update={"trial": trial}))
    monkeypatch.setattr(judging, "PAPERS", ("arelu",))
    monkeypatch.setattr(judging, "load_claims", lambda paper: [claim])
    (found,) = lab.judge_claims(folder)
    return found


def test_an_interval_on_the_claimed_side_reproduces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = judged(monkeypatch, tmp_path, {"AReLU": 95.0, "ReLU": 90.0})
    assert found.status == "reproduced"
    assert found.n == 5
    assert found.low is not None
    assert found.low > 0
    assert found.finding.startswith("AReLU − ReLU: +")
    assert not found.cost


def test_an_interval_on_the_other_side_contradicts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert judged(monkeypatch, tmp_path, {"AReLU": 90.0, "ReLU": 95.0}).status == "contradicted"
    below = judged(monkeypatch, tmp_path / "below", {"AReLU": 90.0, "ReLU": 95.0}, holds="below")
    assert below.status == "reproduced"


def test_an_interval_around_zero_leaves_it_open_and_says_what_would_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = judged(monkeypatch, tmp_path, {"AReLU": 90.08, "ReLU": 90.0})
    assert found.status == "open"
    assert re.fullmatch(r"about [\d,]+ seeds would resolve a difference of [\d.]+ points|out of reach", found.cost)


def test_runs_with_faster_kernels_count_and_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = judged(monkeypatch, tmp_path, {"AReLU": 95.0, "ReLU": 90.0}, kernels="cpu-fused")
    assert found.status == "reproduced"
    assert found.finding.endswith("5 pairs, with the kernels cpu-fused")
    assert found.command == "rectifiers run arelu/figure5 --preset paper --kernels cpu-fused"


def test_level_is_within_the_margin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = judged(monkeypatch, tmp_path, {"AReLU": 95.0, "ReLU": 90.0}, holds="level")
    assert found.status == "contradicted"
    assert found.finding.endswith("points, 5 pairs, for a margin of 0.5")


def test_smaller_runs_settle_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = judged(monkeypatch, tmp_path, {"AReLU": 95.0, "ReLU": 90.0}, size="pocket")
    assert found.status == "at small scale only"
    assert found.finding.startswith("for it: AReLU − ReLU: +")
    assert "--preset pocket" in found.command


def test_an_experiment_that_was_made_to_decide_comes_before_a_smaller_size(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    decide = {"entry": "decide/arelu", "row": "AReLU", "over": ("*",), "column": "1e-4"}
    experiment: Experiment = registry.get("decide/arelu")
    store = Store(tmp_path, experiment.folder)
    for cell in experiment.cells("pocket", seeds=2):
        level = {"AReLU": 80.0, "PAU": 85.0}.get(cell.row, 70.0)
        store.write(result(cell.trial, level + cell.trial.seed))
    level = {"AReLU": 95.0, "ReLU": 90.0}
    found = judged(monkeypatch, tmp_path, level, size="pocket", decide=decide)
    assert found.status == "at small scale only"
    assert found.finding.startswith("against it: AReLU − PAU (the best of the others): −")
    assert found.command == "rectifiers run decide/arelu --preset pocket"
    assert judged(monkeypatch, tmp_path, level, size="paper", decide=decide).status == "reproduced"


@pytest.mark.parametrize(("lead", "words"), [(0.0, "against it"), (1.0, "undecided")])
def test_one_that_could_have_seen_half_of_the_difference_is_against_it_where_it_did_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lead: float, words: str
) -> None:
    decide = {"entry": "decide/pvlu", "row": "PVLU", "over": ("ReLU",), "column": "CIFAR-10"}
    experiment: Experiment = registry.get("decide/pvlu")
    store = Store(tmp_path, experiment.folder)
    for cell in experiment.cells("pocket", seeds=4):
        scatter = (-0.04, 0.04, 0.02, -0.02)[cell.trial.seed] * (1 + 49 * lead) if cell.row == "PVLU" else 0.0
        made = result(cell.trial, 80.0)
        last = made.epochs[-1].model_copy(update={"test_accuracy": 80 + scatter})
        store.write(made.model_copy(update={"epochs": [*made.epochs[:-1], last]}))
    found = judged(monkeypatch, tmp_path, {"AReLU": 95.0, "ReLU": 90.0}, size="smoke", decide=decide)
    assert found.status == "at small scale only"
    assert found.finding.startswith(f"{words}: PVLU − ReLU: ")
    assert ", on cifar10" in found.finding  # the claim is about brain images
    assert found.finding.endswith("; half of the published 0.37 points lies outside") == (words == "against it")


MEANS = {"all": (0.2, 0.4, 0.3), "some": (0.2, -0.01, 0.01), "one": (-0.2, 0.4, 0.3), "less and less": (0.4, 0.3, -0.2)}


@pytest.mark.parametrize(
    ("means", "holds", "words"),
    [
        ("all", "above", "for it"),
        ("some", "above", "undecided"),
        ("one", "above", "against it"),
        ("all", "below", "against it"),
        ("all", "level", "against it"),
        ("less and less", "falling", "for it"),
        ("all", "falling", "undecided"),
        ("one", "falling", "against it"),
    ],
)
def test_analyses_are_judged_layer_by_layer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, means: str, holds: str, words: str
) -> None:
    rows = tuple((f"{layer}", SeedMean(3, mean, mean - 0.05, mean + 0.05)) for layer, mean in enumerate(MEANS[means]))
    sections = [Section("Invariance", "text", grids=(Grid(("layer", "CReLU − ReLU"), rows),))]
    shows = {"column": "CReLU − ReLU", "holds": holds}
    claim = Claim(paper="crelu", place="here", says="so", analysis="crelu/figure4", shows=shows, note="a note")
    monkeypatch.setattr(judging, "PAPERS", ("crelu",))
    monkeypatch.setattr(judging, "load_claims", lambda paper: [claim])
    (found,) = lab.judge_claims(tmp_path, {"crelu/figure4": sections})
    assert found.status == "at small scale only"
    assert found.finding.startswith(f"{words}: CReLU − ReLU: ")
    assert found.finding.endswith("3 networks; a note")
    assert (found.n, found.effect) == (3, None)
    assert found.command == "rectifiers run crelu/figure4 --preset pocket"


def test_one_number_of_an_analysis_is_the_effect(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = (("ReLU", SeedMean(3, 0.126, 0.109, 0.144)), ("CReLU", SeedMean(3, -0.2, -0.3, -0.1)))
    sections = [Section("First filters", "text", grids=(Grid(("function", "random − μ"), rows),))]
    shows = {"column": "random − μ", "rows": ("ReLU",)}
    claim = Claim(paper="crelu", place="here", says="so", analysis="crelu/figure1", shows=shows)
    monkeypatch.setattr(judging, "PAPERS", ("crelu",))
    monkeypatch.setattr(judging, "load_claims", lambda paper: [claim])
    (found,) = lab.judge_claims(tmp_path, {"crelu/figure1": sections})
    assert found.finding == "for it: random − μ: 0.126 [0.109, 0.144], 3 networks, on cifar10"
    assert (found.effect, found.low, found.high) == (0.126, 0.109, 0.144)


def test_analyses_beside_the_users_results_are_judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    claim = Claim(
        paper="arelu",
        place="here",
        says="so",
        analysis="arelu/gradients",
        shows={"column": "AReLU − ReLU", "heading": "Gradients"},
    )
    monkeypatch.setattr(judging, "PAPERS", ("arelu",))
    monkeypatch.setattr(judging, "load_claims", lambda paper: [claim])
    selection = lab.open("arelu/gradients", preset="paper", results=tmp_path)
    store = Store(tmp_path, selection.experiment.folder)
    for cell in selection.cells:
        store.write(result(cell.trial, 50.0))
    rows = (("2", SeedMean(5, 0.9, 0.8, 1.0)),)
    sections = [Section("Gradients", "text", grids=(Grid(("layer", "AReLU − ReLU"), rows),))]
    made = [trial.id for trial in selection.trials]
    write_sections(selection.report_path.with_suffix(".analysis.json"), sections, made)
    small = [
        Section("Gradients", "text", grids=(Grid(("layer", "AReLU − ReLU"), (("2", SeedMean(3, 0.0, -1.0, 1.0)),)),))
    ]
    (found,) = lab.judge_claims(tmp_path, {"arelu/gradients": small})
    assert (found.status, found.finding) == ("reproduced", "AReLU − ReLU: 0.9 [0.8, 1], 5 networks")
    assert found.command == "rectifiers run arelu/gradients --preset paper"


def test_rows_that_only_the_paper_has_count_by_their_printed_numbers() -> None:
    made = experiment(published=True)
    without = dataclasses.replace(made, rows=made.rows[:2])
    runs = results_by_cell(outcomes(without))
    selection = dataclasses.replace(lab.open("quickstart"), experiment=without, preset="paper")
    asked = Comparison(entry="made/up", row="ReLU", over=("LeakyReLU", "AReLU"), column="digits")
    found = judging._difference(asked, selection, runs)
    assert found is not None
    ours = [one.value(made.metric) for one in runs["ReLU", "digits"] if one]
    theirs = [one.value(made.metric) for one in runs["LeakyReLU", "digits"] if one]
    assert made.published is not None
    printed = made.published.ours("AReLU", "digits")
    assert printed is not None
    leads = {"LeakyReLU": mean(ours) - mean(theirs), "AReLU": mean(ours) - printed}
    assert found[0] == f"{min(leads, key=lambda row: leads[row])} (the best of the others)"
    assert found[1].difference == pytest.approx(min(leads.values()))
    small = dataclasses.replace(selection, preset="pocket")
    assert judging._difference(asked, small, runs) is None


def test_where_the_paper_has_single_runs_three_seeds_are_asked_for_and_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = {"CReLU (all)": 60.0, "Baseline": 50.0}
    one = {"paper": "crelu", "place": "here", "says": "so", "row": "CReLU (all)", "over": ("Baseline",)}
    claim = Claim(**one, entry="crelu/table4", column="top-1")
    monkeypatch.setattr(judging, "PAPERS", ("crelu",))
    monkeypatch.setattr(judging, "load_claims", lambda paper: [claim])
    (found,) = lab.judge_claims(tmp_path, costs={"crelu/table4": "a day"})
    command = "rectifiers run crelu/table4 --preset paper --seeds 3"
    assert (found.status, found.command, found.cost) == ("open", command, "a day, per seed")
    experiment: Experiment = registry.get(claim.entry)
    store = Store(tmp_path, experiment.folder)
    for cell in experiment.cells("paper", seeds=3):
        if cell.row in rows and cell.column == claim.column:
            store.write(result(cell.trial, rows[cell.row] + cell.trial.seed))
    (found,) = lab.judge_claims(tmp_path)
    assert (found.status, found.n, found.command) == ("reproduced", 3, command)


def test_a_network_that_is_published_with_its_weights_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shows = {"column": "random − μ", "rows": ("ReLU",)}
    claim = Claim(paper="crelu", place="here", says="so", analysis="crelu/figure1", shows=shows)
    monkeypatch.setattr(judging, "PAPERS", ("crelu",))
    monkeypatch.setattr(judging, "load_claims", lambda paper: [claim])
    (found,) = lab.judge_claims(tmp_path, costs={"crelu/figure1": "a second"})
    assert found.command == "rectifiers run crelu/figure1 --preset paper"
    assert found.cost == "a second; that is a single network, which has no interval"


def test_a_row_is_ahead_of_several_only_if_it_surely_is_of_each() -> None:
    """LeakyReLU is further behind than ReLU, but by an interval that holds 0."""
    made = experiment()
    selection = dataclasses.replace(lab.open("quickstart"), experiment=made, preset="paper")
    cells = {cell.row: cell.trial for cell in made.cells("paper", seeds=1)}
    levels = {"AReLU": (90.0, 90.1, 90.2), "ReLU": (88.0, 88.2, 88.1), "LeakyReLU": (60.0, 95.0, 75.0)}
    runs = {
        (row, "digits"): [result(cells[row].model_copy(update={"seed": seed}), level) for seed, level in enumerate(of)]
        for row, of in levels.items()
    }
    asked = Comparison(entry="made/up", row="AReLU", over=(ALL,), column="digits")
    found = judging._difference(asked, selection, runs)
    assert found is not None
    assert found[0] == "LeakyReLU (one of the others)"
    assert found[1].low < 0 < found[1].difference
    level = {**runs, ("LeakyReLU", "digits"): runs["ReLU", "digits"]}
    found = judging._difference(asked, selection, level)
    assert found is not None
    assert found[0] == "ReLU (the best of the others)"


def test_without_runs_all_that_needs_them_is_open(tmp_path: Path) -> None:
    found = lab.judge_claims(tmp_path)
    assert {one.status for one in found if not one.claim.tests} == {"open"}
    assert {one.status for one in found if one.claim.tests} == {"reproduced", "contradicted"}
    assert all(one.command for one in found)
    assert not list(tmp_path.iterdir())


def test_a_claim_has_one_kind_of_evidence() -> None:
    with pytest.raises(ValueError, match="one of entry, analysis and tests"):
        Claim(paper="arelu", place="here", says="so")
    with pytest.raises(ValueError, match="what it shows if the claim is true"):
        Claim(paper="arelu", place="here", says="so", analysis="arelu/figure4")
    with pytest.raises(ValueError, match="decide goes with an entry"):
        Claim(
            paper="arelu",
            place="here",
            says="so",
            tests=("test",),
            decide={"entry": "a", "row": "b", "over": ["c"], "column": "d"},
        )


def test_the_snapshot_has_every_claim() -> None:
    listed = claims.published_claims()
    assert [(one["paper"], one["says"]) for one in listed] == [(claim.paper, claim.says) for claim in CLAIMS]
    assert {one["status"] for one in listed} <= set(claims.STATUSES)
