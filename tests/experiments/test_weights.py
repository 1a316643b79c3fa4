"""Trials that start from others' weights: trained once, kept, checked, and never of another network."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from torch import nn

from rectifiers import activations, datasets, kernels
from rectifiers.core.errors import ConfigError, StoreError
from rectifiers.experiments import pulse
from rectifiers.experiments import weights as weights_module
from rectifiers.experiments.batches import build_batches
from rectifiers.experiments.network import build_network
from rectifiers.experiments.run_trial import run_afresh, run_once, run_trial
from rectifiers.experiments.trial import Trial
from rectifiers.experiments.weights import lock_weights, transplant, weights_of

from .samples import outcome, tiny

START = {"dataset": "digits", "network": "digits-conv", "activation": "relu", "lr": 0.1, "train_size": 64}
DIGITS = datasets.load("digits")


def test_a_trial_starts_where_another_ended(tmp_path: Path) -> None:
    trial = tiny(activation="pvlu", activation_args={"relu_like": True}, start=START, trained="activations", lr=1e-9)
    end = run_trial(tiny(**START, batch_size=128)).epochs[-1]
    again = run_trial(trial, weights=tmp_path).epochs[-1]
    assert again.test_accuracy == end.test_accuracy
    assert again.test_loss == pytest.approx(end.test_loss, rel=1e-5)


def test_kept_weights_give_the_bits_of_fresh_ones(tmp_path: Path) -> None:
    trial = tiny(start=START)
    alone, first, second = run_trial(trial), run_trial(trial, weights=tmp_path), run_trial(trial, weights=tmp_path)
    assert outcome(alone) == outcome(first) == outcome(second)
    assert [path.name for path in tmp_path.glob("*.safetensors")] == [f"{trial.start.id}.safetensors"]


@pytest.mark.parametrize(
    ("part", "moving"),
    [("all", {"0", "1", "3", "4", "7", "8", "9"}), ("activations", {"1", "4", "8"}), ("head", {"9"})],
)
def test_what_is_not_trained_stays(part: str, moving: set[str]) -> None:
    trial = tiny(start=START, trained=part, lr=0.1)
    before, after = run_once(trial.start).weights, run_afresh(trial).weights
    fresh = weights_of(build_network(trial, DIGITS))
    moved = {name.split(".")[0] for name, value in after.items() if not value.equal(before.get(name, fresh[name]))}
    assert moved == moving


def test_a_head_for_other_classes_starts_afresh() -> None:
    narrow, wide = nn.Linear(3, 2), nn.Linear(3, 5)
    first, second = nn.Sequential(nn.Linear(2, 3), nn.PReLU(), narrow), nn.Sequential(nn.Linear(2, 3), nn.PReLU(), wide)
    head = wide.weight.clone()
    transplant(weights_of(first), second)
    assert torch.equal(second[0].weight, first[0].weight)
    assert torch.equal(wide.weight, head)


def test_a_layers_number_kept_without_an_axis_is_taken_over() -> None:
    net = nn.Sequential(nn.Linear(2, 3), activations.create("arelu"), nn.Linear(3, 2))
    kept = {**weights_of(net), "1.alpha": torch.tensor(0.5)}
    transplant(kept, net)
    assert net[1].alpha.tolist() == [0.5]


def test_what_modules_keep_beside_tensors_is_none_of_their_weights() -> None:
    class Counting(nn.Linear):
        def get_extra_state(self) -> dict[str, int]:
            return {"calls": 3}

        def set_extra_state(self, state: object) -> None:
            """Take nothing back."""

    assert set(weights_of(nn.Sequential(Counting(2, 1)))) == {"0.weight", "0.bias"}


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"starts from another network: 1 of 4 parameters do not fit, such as 0.weight"
    ):
        transplant(
            weights_of(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))), nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
        )
    # More than the last layer is no head.
    wide, narrow = (nn.Sequential(nn.Linear(2, 3), nn.Linear(3, size), nn.Linear(size, size)) for size in (5, 4))
    with pytest.raises(ConfigError, match=r"4 of 6 parameters do not fit, such as 1.weight"):
        transplant(weights_of(wide), narrow)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    trial = tiny(start=START)
    (tmp_path / f"{trial.start.id}.safetensors").write_bytes(b"nonsense")
    with pytest.raises(StoreError, match=r"damaged or not a safetensors file: .*; delete it and run again"):
        run_trial(trial, weights=tmp_path)


def test_of_several_that_need_the_same_start_one_trains_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial, runs = tiny(start=START), []
    import rectifiers.experiments.run_trial as module

    def counted(trial: Trial, *arguments: Any) -> Any:
        runs.append(trial)
        return run_afresh(trial, *arguments)

    monkeypatch.setattr(module, "run_afresh", counted)
    threads = [threading.Thread(target=run_once, args=(trial.start, None, tmp_path)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runs == [trial.start]


def test_a_trial_that_others_need_is_trained_once(tmp_path: Path) -> None:
    trial = tiny(start=START)
    own = run_trial(trial.start, weights=tmp_path, keep=True)
    run_trial(trial, weights=tmp_path)
    again = run_trial(trial.start, weights=tmp_path)
    assert again == own


def test_without_epochs_the_start_is_evaluated() -> None:
    (epoch,) = run_trial(tiny(start={**START, "activation": "arelu"}, epochs=0)).epochs
    end = run_trial(tiny(**{**START, "activation": "arelu"}, batch_size=128)).epochs[-1]
    assert (epoch.epoch, epoch.test_accuracy, epoch.test_loss) == (0, end.test_accuracy, end.test_loss)


def test_a_vote_is_the_mean_of_its_members_answers(tmp_path: Path) -> None:
    vote = tiny(vote=3, folds=3)
    result = run_trial(vote, weights=tmp_path)
    data = build_batches(vote, DIGITS).test
    with kernels.using("reference"), torch.inference_mode():
        nets = []
        for member in vote.members:
            nets.append(build_network(member, DIGITS).eval())
            nets[-1].load_state_dict(run_once(member, None, tmp_path).weights)
        hits = sum(
            int((sum(net(images).softmax(1) for net in nets).argmax(1) == labels).sum()) for images, labels in data
        )
    assert result.epochs[0].test_accuracy == pytest.approx(100 * hits / len(DIGITS.test))
    assert [member.seed for member in vote.members] == [0, 1, 2]


def test_each_fold_is_held_out_by_the_seed_of_its_number() -> None:
    held_out = [
        build_batches(tiny(folds=4, seed=seed, train_size=None), DIGITS).validation.split.images for seed in range(5)
    ]
    assert torch.equal(held_out[0], held_out[4])
    assert not torch.equal(held_out[0], held_out[1])


def test_a_start_that_diverged_is_said(tmp_path: Path) -> None:
    assert run_trial(tiny(start={**START, "lr": 1e30}), weights=tmp_path).status == "diverged"


def test_whoever_waits_for_weights_says_so_and_can_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_module, "LOOK", 0.05)
    told: list[tuple[str, str]] = []

    def tell(word: str, value: str) -> None:
        told.append((word, value))
        watch.stopping = True

    watch = pulse.Pulse(tell)
    held, stopped = FileLock(tmp_path / f".{tiny().id}.lock"), pytest.raises(pulse.StoppedError)
    with held, pulse.watched(watch), stopped, lock_weights(tmp_path, tiny()):
        pytest.fail("two hold the lock")
    assert told == [("waiting", f"another process trains {tiny().id}, whose weights it needs")]
    with lock_weights(tmp_path, tiny()):
        pass
