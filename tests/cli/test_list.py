"""`rectifiers list`: every registered name, the runs of experiments, and the state of papers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from rectifiers import activations, datasets, networks, papers
from rectifiers.experiments.kernel_choice import with_kernels
from rectifiers.experiments.result import Result
from rectifiers.experiments.store import Store
from rectifiers.papers import claims

from .conftest import Cli


def test_lists_every_registered_name(cli: Cli) -> None:
    listing = json.loads(cli("list", "--json").out)
    for kind, registry in {
        "activations": activations.registry,
        "networks": networks.registry,
        "datasets": datasets.registry,
        "experiments": papers.registry,
    }.items():
        assert [thing["name"] for thing in listing[kind]] == registry.names()
        assert all(thing["summary"] for thing in listing[kind])
    assert [paper["name"] for paper in listing["papers"]] == [
        "arelu",
        "convrelu",
        "crelu",
        "decide",
        "peft",
        "plasticity",
        "pvlu",
    ]


def test_one_kind(cli: Cli) -> None:
    assert set(json.loads(cli("list", "networks", "--json").out)) == {"networks"}
    assert "arelu/table1" in cli("list", "experiments").out


def test_counts_the_runs_of_experiments_that_share_them(cli: Cli, tmp_path: Path) -> None:
    result = tmp_path / "elsewhere" / "arelu-table1" / "0123" / "result.json"
    result.parent.mkdir(parents=True)
    result.write_text("{}")
    experiments = json.loads(cli("list", "experiments", "--results", "elsewhere", "--json").out)["experiments"]
    runs = {experiment["name"]: experiment["runs"] for experiment in experiments}
    assert runs["arelu/table1"] == runs["arelu/table5"] == 1
    assert runs["arelu/table6"] == 0
    assert "[1 run in elsewhere]" in cli("list", "--results", "elsewhere").out


def test_papers_tell_the_state_of_every_table_and_figure(cli: Cli, tmp_path: Path) -> None:
    store, cells = Store(tmp_path / "runs", "arelu-table1"), papers.registry.get("arelu/table1").cells("smoke")
    beside = cells[0].trial.with_seed(9)  # of no cell
    for trial in (*(with_kernels(cell.trial, "cpu") for cell in cells), beside):
        store.write(Result(trial=trial, status="done", epochs=[], parameters=1, activation_parameters=0, provenance={}))
    listing = json.loads(cli("list", "papers", "--json").out)["papers"]
    entries = {entry["name"]: entry for paper in listing for entry in paper["entries"]}
    assert {*entries, "quickstart"} == set(papers.registry)
    lacking = "smoke needs data: mnist; pocket needs data: mnist; paper needs data: mnist"
    assert (entries["arelu/table5"]["state"], entries["arelu/table5"]["runs"]) == (lacking, 6)
    counted = {"preset": "smoke", "cells": 3, "run": 3, "begun": 0, "runs": 6, "planned": 6}
    assert entries["arelu/table5"]["cells"][0] == counted
    assert (entries["arelu/table4"]["runs"], entries["arelu/table4"]["coverage"]) == (0, "no results")
    assert all(not entry["lacking"] for entry in entries.values())
    assert entries["crelu/figure3"]["state"].startswith("can run here: smoke; pocket needs data: cifar10; paper")
    text = cli("list", "papers").out
    assert f"      published: paper 152 of 152 cells; run in runs: smoke 3 of 3 cells; {lacking}\n" in text
    assert "waits for" not in text
    assert "Figure 6, a drawing of the network, has no entry." in text


def test_papers_tell_of_published_results_in_any_folder(cli: Cli) -> None:
    """They come with the package: nothing needs to lie where the command runs."""
    listing = json.loads(cli("list", "papers", "--json").out)["papers"]
    entries = {entry["name"]: entry for paper in listing for entry in paper["entries"]}
    assert entries["arelu/table5"]["coverage"] == "published: paper 152 of 152 cells"
    (paper,) = entries["arelu/table5"]["published"]
    assert (paper["preset"], paper["runs"], paper["planned"]) == ("paper", 760, 760)
    assert (entries["arelu/table4"]["published"], entries["arelu/table4"]["coverage"]) == ([], "no results")


def test_unknown_kind(refused: Callable[..., str]) -> None:
    assert "did you mean activations" in refused("list", "activation")


def test_claims_say_what_is_known(cli: Cli, tmp_path: Path) -> None:
    listing = json.loads(cli("list", "claims", "--json").out)["claims"]
    assert listing == claims.published_claims()
    text = cli("list", "claims").out
    assert text.rstrip().endswith(claims.count_statuses(listing))
    assert all(claim["says"] in text for claim in listing)
    judged = json.loads(cli("list", "claims", "--results", str(tmp_path / "none"), "--json").out)["claims"]
    assert {claim["status"] for claim in judged} == {"reproduced", "contradicted", "open"}
