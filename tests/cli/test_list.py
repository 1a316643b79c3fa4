from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from rectifiers import activations, datasets, networks, papers

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
    assert [paper["name"] for paper in listing["papers"]] == ["arelu"]


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
    assert "[runs in elsewhere: 1]" in cli("list", "--results", "elsewhere").out


def test_unknown_kind(refused: Callable[..., str]) -> None:
    assert "did you mean activations" in refused("list", "activation")
