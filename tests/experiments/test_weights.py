from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from rectifiers import datasets
from rectifiers.core.errors import ConfigError, StoreError
from rectifiers.experiments.network import build_network
from rectifiers.experiments.run_trial import run_trial, train, trained_weights
from rectifiers.experiments.weights import transplant, weights_of

from .samples import outcome, tiny

START = {"dataset": "digits", "network": "digits-conv", "activation": "relu", "lr": 0.1, "train_size": 64}
DIGITS = datasets.load("digits")


def weights(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def test_a_trial_starts_where_another_ended(tmp_path):
    trial = tiny(activation="pvlu", activation_args={"relu_like": True}, start=START, trained="activations", lr=1e-9)
    end = run_trial(tiny(**START, batch_size=128)).epochs[-1]
    again = run_trial(trial, weights=tmp_path).epochs[-1]
    assert again.test_accuracy == end.test_accuracy
    assert again.test_loss == pytest.approx(end.test_loss, rel=1e-5)


def test_kept_weights_give_the_bits_of_fresh_ones(tmp_path):
    trial = tiny(start=START)
    alone, first, second = run_trial(trial), run_trial(trial, weights=tmp_path), run_trial(trial, weights=tmp_path)
    assert outcome(alone) == outcome(first) == outcome(second)
    assert [path.name for path in tmp_path.glob("*.safetensors")] == [f"{trial.start.id}.safetensors"]


@pytest.mark.parametrize(
    ("trained", "moving"),
    [("all", {"0", "1", "3", "4", "7", "8", "9"}), ("activations", {"1", "4", "8"}), ("head", {"9"})],
)
def test_what_is_not_trained_stays(trained, moving):
    trial = tiny(start=START, trained=trained, lr=0.1)
    before, after = trained_weights(trial.start, None, None), weights(train(trial)[1])
    fresh = weights(build_network(trial, DIGITS))
    moved = {name.split(".")[0] for name, value in after.items() if not value.equal(before.get(name, fresh[name]))}
    assert moved == moving


def test_a_head_for_other_classes_starts_afresh():
    narrow, wide = nn.Linear(3, 2), nn.Linear(3, 5)
    first, second = nn.Sequential(nn.Linear(2, 3), nn.PReLU(), narrow), nn.Sequential(nn.Linear(2, 3), nn.PReLU(), wide)
    head = wide.weight.clone()
    transplant(weights_of(first), second)
    assert torch.equal(second[0].weight, first[0].weight)
    assert torch.equal(wide.weight, head)


def test_weights_of_another_network_are_refused():
    with pytest.raises(
        ConfigError, match=r"starts from another network: 1 of 4 parameters do not fit, such as 0.weight"
    ):
        transplant(
            weights_of(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))), nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
        )


def test_a_damaged_file_is_named(tmp_path):
    trial = tiny(start=START)
    (tmp_path / f"{trial.start.id}.safetensors").write_bytes(b"nonsense")
    with pytest.raises(StoreError, match="is damaged"):
        run_trial(trial, weights=tmp_path)


def test_of_several_that_need_the_same_start_one_trains_it(tmp_path, monkeypatch):
    trial, runs = tiny(start=START), []
    import rectifiers.experiments.run_trial as module

    def counted(trial, *arguments):
        runs.append(trial)
        return train(trial, *arguments)

    monkeypatch.setattr(module, "train", counted)
    threads = [threading.Thread(target=trained_weights, args=(trial.start, None, tmp_path)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runs == [trial.start]


def test_a_start_that_diverged_is_said(tmp_path):
    assert run_trial(tiny(start={**START, "lr": 1e30}), weights=tmp_path).status == "diverged"
