"""The smallest preset of every entry runs, and its table and its page come out: `make smoke`."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from rectifiers import datasets, networks
from rectifiers.core.errors import ConfigError
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.store import Store
from rectifiers.papers import registry
from rectifiers.report.analyses.analyse import analyse
from rectifiers.report.html import write_report
from rectifiers.report.table import build


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.names())
def test_smoke(name: str, results: Path) -> None:
    experiment = registry.get(name)
    cells = experiment.cells("smoke")
    trials = list(dict.fromkeys(cell.trial for cell in cells))
    ancestors = {ancestor for trial in trials for ancestor in trial.ancestors}
    for dataset in {trial.dataset for trial in (*trials, *ancestors)}:
        if not datasets.check(dataset).ready:
            pytest.skip(f"needs the files of {dataset}")
    for network in {trial.network for trial in trials}:
        try:
            networks.check(network)
        except ConfigError as error:
            pytest.skip(str(error))
    store = Store(results, experiment.folder, keep_weights=bool(experiment.analysis))
    for trial in trials:
        if not store.has(trial):
            store.write(run_trial(trial, weights=store.weights, keep=store.keep_weights or trial in ancestors))
    outcomes = store.outcomes(cells)
    table = build(experiment, "smoke", outcomes)
    assert table.missing == 0
    # A network as it is first drawn has nothing to evaluate.
    untrained = {
        (cell.row, cell.column)
        for cell in cells
        if not (cell.trial.epochs or cell.trial.lineage or cell.trial.pretrained)
    }
    for cell in table.cells.values():
        if (cell.row, cell.column) in untrained and not cell.is_count:
            assert not cell.summary.n
            continue
        assert cell.summary.diverged or math.isfinite(cell.value), (cell.row, cell.column)
    sections = analyse(experiment, "smoke", outcomes, store.weights)
    assert all(section.grids and section.figures for section in sections)
    assert bool(sections) == bool(experiment.analysis)
    write_report(experiment, "smoke", outcomes, results / f"{experiment.folder}.html", sections=sections)
