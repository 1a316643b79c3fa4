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
    assert "unknown preset of quickstart ''; known: pocket, smoke" in refused("table", "quickstart", "--preset", "")
    assert "cannot write nowhere/t.md" in refused("table", "quickstart", "--output", "nowhere/t.md")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(refused: Callable[..., str]) -> None:
    assert "cannot write /dev/full: No space left on device" in refused("table", "quickstart", "-o", "/dev/full")


def test_damaged_results_are_named_and_left_out(cli: Cli, finished: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(finished, tmp_path / "runs")
    damaged = sorted(tmp_path.glob("runs/quickstart/*/result.json"))[:2]
    for result in damaged:
        result.write_text(result.read_text()[:100])
    told = cli(*SMOKE)
    assert told.code == 1
    assert "4 of 6 runs finished; 2 missing." in told.out
    for result in damaged:
        assert f"{result.relative_to(tmp_path)} is damaged" in told.err
    assert told.err.count("set it aside with `rectifiers verify --mend runs/quickstart`, and run again") == 2
    assert cli(*SMOKE, "--format", "csv").code == 1
    again = cli("run", *SMOKE[1:], "--no-report")
    assert again.code == 1
    assert "2 of 6 runs failed" in again.err
    assert cli("verify", "--mend", "runs/quickstart").code == 0
    assert cli("run", *SMOKE[1:]).code == 0
