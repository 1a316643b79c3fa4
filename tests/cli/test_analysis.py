"""Entries that look into trained networks, from the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.store import Store
from rectifiers.papers import registry

from .conftest import Cli

SMOKE = ("crelu/table6", "--preset", "smoke")


def run_all(folder: Path) -> None:
    entry = registry.get("crelu/table6")
    store = Store(folder, entry.folder, keep_weights=True)
    for cell in entry.cells("smoke"):
        store.write(run_trial(cell.trial, weights=store.weights, keep=True))


def test_the_report_looks_inside_and_the_table_shows_what_it_found(cli: Cli, tmp_path: Path) -> None:
    hint = "`rectifiers report crelu/table6 --preset smoke` looks into the trained networks."
    assert hint in cli("table", *SMOKE).out
    run_all(tmp_path / "runs")
    assert hint in cli("table", *SMOKE).out
    assert cli("report", *SMOKE).code == 0
    kept = json.loads((tmp_path / "runs" / "crelu-table6-smoke.analysis.json").read_text(encoding="utf-8"))
    assert len(kept["trials"]) == 2
    assert len(kept["sections"][0]["records"]) == 2 * 8 * 2
    page = (tmp_path / "runs" / "crelu-table6-smoke.html").read_text(encoding="utf-8")
    for text in (page, cli("table", *SMOKE).out, cli("table", *SMOKE, "--format", "markdown").out):
        assert "How the two phases are used, CReLU" in text
        assert "0.372 ± 0.372" in text
        assert "comparable" in text


def test_what_was_seen_stays_when_runs_are_published_without_weights(cli: Cli, tmp_path: Path) -> None:
    run_all(tmp_path / "runs")
    assert cli("report", *SMOKE).code == 0
    shutil.rmtree(tmp_path / "runs" / "crelu-all-cnn" / "weights")
    assert "0.372 ± 0.372" in cli("table", *SMOKE).out
    next((tmp_path / "runs" / "crelu-all-cnn").glob("*/result.json")).unlink()
    assert "0.372 ± 0.372" not in cli("table", *SMOKE).out


def test_run_shows_it_too(cli: Cli, tmp_path: Path) -> None:
    run_all(tmp_path / "runs")
    outcome = cli("run", *SMOKE, "--workers", "1")
    assert "2 runs, 2 done before" in outcome.err
    assert "pair − non-pair: above 0 in" in outcome.out


def test_a_result_without_its_weights_is_still_to_do(cli: Cli, tmp_path: Path) -> None:
    run_all(tmp_path / "runs")
    next((tmp_path / "runs" / "crelu-all-cnn" / "weights").glob("*.safetensors")).unlink()
    assert "1 done, 1 to do" in cli("plan", *SMOKE).out
    assert cli("report", *SMOKE).code == 0
    page = (tmp_path / "runs" / "crelu-table6-smoke.html").read_text(encoding="utf-8")
    assert "The analysis waits for 1 of 2 runs and their weights." in page


def test_an_experiment_of_ones_own_names_an_analysis(cli: Cli, refused: Callable[..., str], tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    text = 'name = "own"\nrows = ["relu"]\nanalysis = "pairing"\n\n[settings]\ndataset = "digits"\n'
    own.write_text(text + 'network = "digits-conv"\nlr = 0.1\n', encoding="utf-8")
    assert "looks into the trained networks" in cli("table", own).out
    own.write_text(own.read_text(encoding="utf-8").replace("pairing", "paring"), encoding="utf-8")
    assert "unknown analysis of own.toml 'paring'; did you mean pairing" in refused("table", "own.toml")
