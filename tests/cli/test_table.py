"""`rectifiers table`: from results, packed or not, in every form, and damaged ones by name."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Cli

SMOKE = ("table", "quickstart", "--preset", "smoke")


def test_from_the_results(cli: Cli, finished: Path) -> None:
    outcome = cli(*SMOKE, "--results", finished)
    assert outcome.code == 0
    assert "preset smoke" in outcome.out
    assert "6 of 6 runs finished." in outcome.out


def test_without_results_the_rows_say_so(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("table", "quickstart")
    assert outcome.code == 0
    assert outcome.out.count("not run") == 8
    assert list(tmp_path.iterdir()) == []


def test_for_programs(cli: Cli, finished: Path) -> None:
    table = json.loads(cli(*SMOKE, "--results", finished, "--format", "json").out)
    assert (table["planned"], table["missing"]) == (6, 0)
    cells = {cell["row"]: cell for cell in table["cells"]}
    lines = csv.DictReader(io.StringIO(cli(*SMOKE, "--results", finished, "--format", "csv").out))
    assert {line["row"]: float(line["mean"]) for line in lines} == {row: cell["mean"] for row, cell in cells.items()}


@pytest.mark.parametrize(
    ("style", "piece"), [("markdown", "|:--"), ("latex", r"\toprule"), ("terminal", "runs finished")]
)
def test_to_a_file(cli: Cli, finished: Path, tmp_path: Path, style: str, piece: str) -> None:
    outcome = cli(*SMOKE, "--results", finished, "--format", style, "--output", "table.txt")
    assert (outcome.code, outcome.out) == (0, "")
    assert piece in (tmp_path / "table.txt").read_text(encoding="utf-8")


def test_packed_results_give_the_same_table(cli: Cli, finished: Path, tmp_path: Path) -> None:
    published = tmp_path / "published" / "quickstart"
    published.mkdir(parents=True)
    shutil.copy(finished / "quickstart" / "store.json", published)
    cli(*SMOKE, "--results", finished, "--format", "jsonl", "--output", published / "results.jsonl")
    assert len((published / "results.jsonl").read_text().splitlines()) == 6
    packed = cli(*SMOKE, "--results", published.parent, "--format", "csv").out
    assert packed == cli(*SMOKE, "--results", finished, "--format", "csv").out


def test_changed_settings_never_stand_beside_the_paper(cli: Cli) -> None:
    paper = ("table", "arelu/table1", "--preset", "paper", "--format", "json")
    assert json.loads(cli(*paper).out)["comparable"]
    assert not json.loads(cli(*paper, "--set", "epochs=2").out)["comparable"]


def test_mistakes(refused: Callable[..., str]) -> None:
    assert "did you mean quickstart" in refused("table", "quickstrat")
    assert "cannot write nowhere/t.md" in refused("table", "quickstart", "--output", "nowhere/t.md")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(refused: Callable[..., str]) -> None:
    assert "cannot write /dev/full: No space left on device" in refused("table", "quickstart", "-o", "/dev/full")


def test_a_damaged_result_is_named(refused: Callable[..., str], finished: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(finished, tmp_path / "runs")
    result = next(tmp_path.glob("runs/quickstart/*/result.json"))
    result.write_text(result.read_text()[:100])
    line = refused(*SMOKE)
    assert str(result.relative_to(tmp_path)) in line
    assert "delete it and run again" in line
