"""The export has every printed number, every run in its cell, and every claim; its description fits its files."""

from __future__ import annotations

import csv
import json
from hashlib import sha256
from pathlib import Path

import pytest

from rectifiers import lab
from rectifiers.experiments.store import Store
from rectifiers.papers import registry
from rectifiers.papers.claims import PAPERS, load_claims, published_claims

from ..report.synthetic import result

Rows = list[dict[str, str]]


def read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of two functions of AReLU's Table 1, under one column, and what is written of them."""
    folder = tmp_path_factory.mktemp("export")
    store = Store(folder / "runs", "arelu-table1")
    for cell in lab.open("arelu/table1", preset="paper", seeds=2, results=folder / "runs").cells:
        if cell.column == "SGD 1e-3" and cell.row in ("ReLU", "AReLU"):
            store.write(result(cell.trial, 50.0 + cell.trial.seed + (40 if cell.row == "AReLU" else 0)))
    assert "There are no runs" not in str(lab.export(folder / "out", folder / "runs"))
    return folder / "out"


@pytest.fixture(scope="module")
def scores(exported: Path) -> dict[tuple[str, int], float]:
    """The first epoch's accuracy of each of them, by row and seed, as the store has it."""
    cells = lab.open("arelu/table1", preset="paper", results=exported.parent / "runs").outcomes()
    return {(cell.row, cell.trial.seed): found.value("first_epoch") for cell, found in cells if found}


def test_every_printed_number_is_there(exported: Path) -> None:
    rows = read(exported / "published.csv")
    numbers = [registry.get(name).published for name in registry]
    printed = sum(len(one.cells) + len(one.derived) + len(one.parameters) + len(one.stated) for one in numbers if one)
    assert sum(bool(row["printed"]) for row in rows) == printed > 1000
    assert {row["entry"] for row in rows} <= set(registry)
    relu = [row for row in rows if (row["entry"], row["row"], row["column"]) == ("arelu/table1", "ReLU", "SGD 1e-3")]
    assert [(row["part"], row["quantity"], row["printed"]) for row in relu] == [("cell", "accuracy", "36.01")]
    assert all(row["absent"] for row in rows if not row["printed"])


def test_cells_stand_beside_the_paper(exported: Path, scores: dict[tuple[str, int], float]) -> None:
    rows = [row for row in read(exported / "cells.csv") if row["entry"] == "arelu/table1"]
    assert [(row["row"], row["column"], row["n"], row["missing"]) for row in rows] == [
        ("ReLU", "SGD 1e-3", "2", "3"),
        ("AReLU", "SGD 1e-3", "2", "3"),
    ]
    relu, arelu = rows
    assert float(relu["mean"]) == pytest.approx((scores["ReLU", 0] + scores["ReLU", 1]) / 2)
    assert (relu["published"], relu["comparable"]) == ("36.01", "True")
    assert float(relu["minus_published"]) == pytest.approx(float(relu["mean"]) - 36.01)
    assert (arelu["baseline"], arelu["pairs"]) == ("ReLU", "2")
    assert float(arelu["minus_baseline"]) == pytest.approx(float(arelu["mean"]) - float(relu["mean"]))


def test_runs_stand_in_their_cells(exported: Path, scores: dict[tuple[str, int], float]) -> None:
    rows = [row for row in read(exported / "runs.csv") if row["entry"] == "arelu/table1"]
    assert {(row["row"], int(row["seed"])): float(row["value"]) for row in rows} == scores
    assert len({row["run"] for row in rows}) == len(scores) == 4
    shared = {row["run"] for row in read(exported / "runs.csv") if row["entry"] == "arelu/table5"}
    assert shared == {row["run"] for row in rows}


def test_runs_with_the_fast_kernels_stand_apart(tmp_path: Path) -> None:
    for folder, kernels in ((tmp_path / "runs", "reference"), (tmp_path / "runs" / "cpu-fused", "cpu-fused")):
        store = Store(folder, "arelu-table1")
        for cell in lab.open(
            "arelu/table1", preset="paper", seeds=2, results=folder, settings={"kernels": kernels}
        ).cells:
            if (cell.row, cell.column) == ("ReLU", "SGD 1e-3"):
                store.write(result(cell.trial, 50.0))
    lab.export(tmp_path / "out", tmp_path / "runs")
    for file, each in (("cells.csv", 1), ("runs.csv", 2)):
        rows = [row for row in read(tmp_path / "out" / file) if row["entry"] == "arelu/table1"]
        assert [row["kernels"] for row in rows] == ["reference"] * each + ["cpu-fused"] * each


def test_runs_with_further_seeds_are_listed_and_cells_made_without_them(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs", "arelu-table1")
    for cell in lab.open("arelu/table1", preset="paper", seeds=12, results=tmp_path / "runs").cells:
        if (cell.row, cell.column) == ("ReLU", "SGD 1e-3"):
            store.write(result(cell.trial, 50.0 + cell.trial.seed))
    lab.export(tmp_path / "out", tmp_path / "runs")
    cells, runs = (
        [row for row in read(tmp_path / "out" / file) if row["entry"] == "arelu/table1"]
        for file in ("cells.csv", "runs.csv")
    )
    assert [row["n"] for row in cells] == ["5"]
    assert [int(row["seed"]) for row in runs] == [*range(12)]


def test_every_claim_is_there(exported: Path) -> None:
    rows, known = read(exported / "claims.csv"), published_claims()
    assert [row["says"] for row in rows] == [claim["says"] for claim in known]
    ahead = next(row for row in rows if row["says"].startswith("After one epoch at a learning rate of 1e-3"))
    assert (ahead["status"], ahead["finding"]) == ("open", "not run")  # 17 functions were not run
    asked = ("entry", "row", "over", "column", "holds")
    assert [ahead[name] for name in asked] == ["arelu/table1", "AReLU", "*", "SGD 1e-3", "above"]
    assert {row["holds"] for row in rows if row["entry"]} == {"above", "below", "level", "falling"}
    assert all(bool(row["entry"]) != bool(row["tests"]) for row in rows)
    inside = {claim.says for paper in PAPERS for claim in load_claims(paper) if claim.analysis}
    told = {claim["says"]: (claim["status"], claim["finding"]) for claim in known}
    assert all((row["status"], row["finding"]) == told[row["says"]] for row in rows if row["says"] in inside)


def test_the_description_fits_the_files(exported: Path) -> None:
    found = json.loads((exported / "croissant.json").read_text(encoding="utf-8"))
    for file, records in zip(found["distribution"], found["recordSet"], strict=True):
        content = (exported / file["contentUrl"]).read_bytes()
        assert file["sha256"] == sha256(content).hexdigest()
        assert content.decode().splitlines()[0].split(",") == [field["name"] for field in records["field"]]
    assert {path.name for path in exported.iterdir()} == {*(f["@id"] for f in found["distribution"]), "croissant.json"}


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")
def test_it_is_croissant(exported: Path) -> None:
    """By the reference implementation, where it is installed."""
    croissant = pytest.importorskip("mlcroissant")
    dataset = croissant.Dataset(exported / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    for name in ("published", "cells", "runs", "claims"):
        assert next(iter(dataset.records(name)))
