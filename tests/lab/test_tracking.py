"""Trackers get what runs gave: TensorBoard and MLflow really read it back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from rectifiers import lab
from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.experiments.result import Result
from rectifiers.lab import tracking

MINE = lab.experiment(["relu", "arelu"], dataset="digits", network="digits-conv", lr=0.1, train_size=64, epochs=2)


class Memory:
    def __init__(self, place: str) -> None:
        self.place = place
        self.written: list[tuple[str, str, int]] = []
        opened.append(self)

    def write(self, experiment: str, result: Result) -> None:
        if self.place == "broken":
            raise OSError("the server is gone")
        self.written.append((experiment, result.trial.activation, len(result.epochs)))


opened: list[Memory] = []


@pytest.fixture(autouse=True)
def _memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tracking.TRACKERS, "memory", Memory)
    opened.clear()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return lab.run(MINE, seeds=1, workers=1, results=tmp_path_factory.mktemp("runs"), progress=False)


@pytest.fixture
def track(found: Any) -> Any:
    """Writes all results to a tracker."""
    selection = found.selection

    def write(*texts: str) -> tracking.Tracking:
        made = tracking.Tracking(texts, selection.experiment.folder, selection.open_store(), selection.trials)
        made.update(ended=2)
        return made

    return write


def test_new_runs_are_written_once(tmp_path: Path) -> None:
    options: dict[str, Any] = {"seeds": 1, "workers": 1, "results": tmp_path, "progress": False}
    lab.run(MINE, track=["memory:here"], **options)
    assert sorted(opened[0].written) == [("my-experiment", "arelu", 2), ("my-experiment", "relu", 2)]
    lab.run(MINE, track=["memory:here"], **options)
    assert opened[1].written == []


def test_one_tracker_needs_no_list(found: Any) -> None:
    tracking.Tracking("memory:here", "mine", found.selection.open_store(), found.selection.trials).update(ended=2)
    assert [one.place for one in opened] == ["here"]
    assert len(opened[0].written) == 2


def test_a_tracker_is_given_up_where_nobody_can_be_told(track: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", buffering=1) as full:  # noqa: PTH123 - as a shell opens it
        monkeypatch.setattr(sys, "stderr", full)
        track("memory:broken", "memory:here")
        monkeypatch.undo()
        full.buffer.raw.close()
    assert len(opened[1].written) == 2


def test_a_tracker_that_fails_is_given_up(track: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = track("memory:broken", "memory:here")
    assert capsys.readouterr().err == "memory:broken is given up: the server is gone\n"
    assert len(opened[1].written) == 2
    made.update(ended=3)
    assert len(opened[1].written) == 2


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("tensorbord:x", UnknownNameError, "unknown tracker 'tensorbord'; did you mean tensorboard"),
        ("tensorboard", ConfigError, "needs a place, such as tensorboard:FOLDER"),
    ],
)
def test_mistakes_are_found_before_the_first_run(
    tmp_path: Path, text: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        lab.run(MINE, track=[text], results=tmp_path)
    assert not list(tmp_path.rglob("result.json"))


def test_tensorboard_reads_the_curves(found: Any, track: Any, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    track(f"tensorboard:{tmp_path}")
    track(f"tensorboard:{tmp_path}")
    for _, result in found.outcomes:
        folder = tmp_path / "my-experiment" / result.trial.id
        assert len(list(folder.iterdir())) == 1
        board = EventAccumulator(str(folder)).Reload()
        shown = {event.step: event.value for event in board.Scalars("accuracy/test")}
        assert shown == pytest.approx({epoch.epoch: epoch.test_score for epoch in result.epochs})
        assert {"loss/train", "lr", "seconds"} <= {*board.Tags()["scalars"]}


# MLflow's database asks SQLAlchemy for what is going to be removed there.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mlflow_reads_parameters_and_curves(found: Any, track: Any, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("alembic")
    place = f"sqlite:///{tmp_path / 'mlflow.db'}"
    track(f"mlflow:{place}")
    track(f"mlflow:{place}")
    client = mlflow.tracking.MlflowClient(place)
    runs = client.search_runs([client.get_experiment_by_name("my-experiment").experiment_id])
    assert {one.data.params["activation"] for one in runs} == {"relu", "arelu"}
    assert len(runs) == 2
    for one in runs:
        (result,) = [each for _, each in found.outcomes if each.trial.id == one.data.tags["trial"]]
        history = client.get_metric_history(one.info.run_id, "accuracy/test")
        assert {point.step: point.value for point in history} == {e.epoch: e.test_score for e in result.epochs}
        assert one.info.status == "FINISHED"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_address_that_mlflow_cannot_use() -> None:
    pytest.importorskip("mlflow")
    with pytest.raises(ConfigError, match="MLflow cannot use 'nothing://here'"):
        tracking.open_tracker("mlflow:nothing://here")
