"""Training on data that change, phase by phase."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from rectifiers import datasets
from rectifiers.core.errors import ConfigError
from rectifiers.datasets.changing import ChangingDataset
from rectifiers.experiments import pulse
from rectifiers.experiments.batches import build_batches
from rectifiers.experiments.result import Result
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.train_network import train_network
from rectifiers.experiments.trial import Trial
from rectifiers.training.checkpoints import Checkpoints


def trial(**changes: Any) -> Trial:
    settings = {
        "dataset": "permuted:digits",
        "network": "mlp",
        "network_args": {"units": 8},
        "activation": "relu",
        "optimizer": "adam",
        "lr": 0.01,
        "epochs": 6,
        "phase_epochs": 2,
        "batch_size": 50,
        "train_size": 200,
    }
    return Trial.create(**{**settings, **changes})


def changing(name: str) -> ChangingDataset:
    data = datasets.load(name)
    assert isinstance(data, ChangingDataset)
    return data


def test_epochs_have_the_data_of_their_phase() -> None:
    one = trial()
    data = changing(one.dataset)
    batches = build_batches(one, data)
    chosen = build_batches(trial(dataset="digits", phase_epochs=0), datasets.load("digits")).train.split
    for epoch in range(6):
        inputs = torch.cat([inputs for inputs, _ in batches.train.epoch(epoch)])
        expected, tested = data.change(chosen, data.test, epoch // 2, 0)
        assert torch.allclose(inputs.sum(0), expected.take(slice(None)).float().div(255).sum(0), rtol=1e-5)
        given = torch.cat([inputs for inputs, _ in batches.test])
        assert torch.allclose(given, tested.take(slice(None)).float() / 255)


def test_what_a_result_says_of_phases() -> None:
    result = run_trial(trial())
    assert [phase.phase for phase in result.phases] == [1, 2, 3]
    assert [phase.step for phase in result.phases] == [0, 8, 16]
    assert [phase.end for phase in result.phases] == [result.epochs[place].test_score for place in (1, 3, 5)]
    assert result.phases[0].online == pytest.approx(sum(epoch.train_score for epoch in result.epochs[:2]) / 2)
    assert result.phases[-1].kept == result.phases[-1].end
    online = [phase.online for phase in result.phases]
    assert result.value("online") == pytest.approx(sum(online) / 3)
    assert result.value("online_late") == online[-1]
    assert result.value("online_change") == pytest.approx(online[-1] - online[0])
    assert result.value("end_late") == result.phases[-1].end
    kept = [phase.kept for phase in result.phases]
    assert kept[0] is not None
    assert kept[1] is not None
    moved = (kept[0] - result.phases[0].end + kept[1] - result.phases[1].end) / 2
    assert result.value("backward_transfer") == pytest.approx(moved)
    assert Result.model_validate_json(result.model_dump_json()).phases == result.phases


def test_other_data_have_no_phases() -> None:
    result = run_trial(trial(dataset="digits", phase_epochs=0, epochs=1))
    assert result.phases == []
    assert math.isnan(result.value("online"))


def test_data_that_may_change_and_do_not_are_those_of_the_first_phase() -> None:
    same, first = run_trial(trial(epochs=2, phase_epochs=0)), run_trial(trial())
    assert [epoch.test_loss for epoch in same.epochs] == [epoch.test_loss for epoch in first.epochs[:2]]
    assert len(same.phases) == 1


def test_the_same_bits_whether_interrupted_or_not(tmp_path: Any) -> None:
    class StopError(Exception):
        pass

    class Stopper(pulse.Pulse):
        def on_step(self, step: int) -> None:
            if step == self.at:
                raise StopError

        at = 0

    one = trial()
    data = datasets.load(one.dataset)
    whole, weights = train_network(one, data, None)
    for at in (3, 8, 9, 16):
        folder = tmp_path / str(at)
        stopper = Stopper(lambda word, value: None)
        stopper.at = at
        with pytest.raises(StopError), pulse.watched(stopper):
            train_network(one, data, None, Checkpoints(folder, {}, minutes=0))
        checkpoints = Checkpoints(folder, {}, minutes=0)
        again, same_weights = train_network(one, data, None, checkpoints)
        assert checkpoints.resumed > 0
        assert again["phases"] == whole["phases"]
        assert all(torch.equal(same_weights[name], value) for name, value in weights.items())


def test_a_phase_that_has_not_ended_is_recorded_at_the_end() -> None:
    assert [phase.phase for phase in run_trial(trial(epochs=3)).phases] == [1, 2]


def test_diverged_training_keeps_the_phases_before() -> None:
    result = run_trial(trial(optimizer="sgd", lr=1e18, epochs=4, phase_epochs=1))
    assert result.status == "diverged"
    assert all(phase.kept is None for phase in result.phases)


def test_regression_is_measured_by_what_it_explains() -> None:
    result = run_trial(
        trial(dataset="slow-regression", epochs=2, phase_epochs=1, network_args={"depth": 1, "units": 5})
    )
    assert str(result.measure) == "explained variance, %"
    assert len(result.phases) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "digits"}, "phase_epochs=2 is for data that change"),
        ({"validation": 0.1}, "nothing can be held out"),
        ({"folds": 5}, "nothing can be held out"),
    ],
)
def test_what_does_not_go_together(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        run_trial(trial(**changes))


def test_trials_without_phases_keep_their_ids() -> None:
    assert "phase_epochs" not in trial(dataset="digits", phase_epochs=0).settings
