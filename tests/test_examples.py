"""The examples that people copy run, as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from .loading import load

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"


# Its journal is called experimental, and asks for what is going to be removed.
@pytest.mark.filterwarnings("ignore")
def test_a_search_with_optuna_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    optuna = pytest.importorskip("optuna")
    example = load(EXAMPLES / "optuna_search.py")
    monkeypatch.setattr(example, "EPOCHS", 1)
    journal = str(tmp_path / "search.journal")
    assert len(example.search(journal, trials=3).trials) == 3
    study = example.search(journal, trials=4)
    assert len(study.trials) == 7
    assert {trial.state for trial in study.trials} <= {optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED}
    assert study.best_value > 0.2
    assert {trial.params["activation"] for trial in study.trials} - {"relu"}
