"""Options of a training as settings of a trial: each counts, none changes an id by being there, nonsense is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from rectifiers import datasets
from rectifiers.core.errors import ConfigError
from rectifiers.datasets.dataset import Dataset
from rectifiers.datasets.slices import Slices
from rectifiers.experiments.batches import build_batches
from rectifiers.experiments.network import build_network
from rectifiers.experiments.run_trial import run_afresh, run_trial
from rectifiers.experiments.training_parts import build_average, build_optimizer, build_task
from rectifiers.experiments.trial import Trial
from rectifiers.training.loop import fit
from rectifiers.training.tasks import Classification

from .samples import outcome, tiny

DIGITS = datasets.load("digits")

OPTIONS: dict[str, dict[str, Any]] = {
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1},
    "cosine": {"schedule": "cosine", "warmup_epochs": 1},
    "one-cycle": {"schedule": "one-cycle"},
    "label smoothing": {"label_smoothing": 0.1},
    "class weights": {"class_weights": (1.0,) * 9 + (5.0,)},
    "balanced": {"class_weights": "balanced"},
    "mixup": {"mixup": 0.2},
    "cutmix": {"cutmix": 1.0},
    "ema": {"ema": 0.9},
    "clipping": {"clip_norm": 0.1},
    "accumulation": {"accumulate": 2},
    "bfloat16": {"precision": "bfloat16"},
    "float16": {"precision": "float16"},
}


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    return outcome(run_trial(tiny(epochs=2, train_size=125)))


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_counts_and_gives_the_same_bits_again(option: str, plain: dict[str, Any]) -> None:
    trial = tiny(epochs=2, train_size=125, **OPTIONS[option])
    one = outcome(run_trial(trial))
    assert one["status"] == "done"
    assert one["epochs"] != plain["epochs"]
    torch.rand(3)
    assert outcome(run_trial(trial)) == one


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patience": 3}, "patience needs validation data"),
        ({"schedule": "one-cycle", "milestones": (1,)}, "milestones and lr_decay belong to schedule='milestones'"),
        ({"schedule": "cosine", "lr_decay": 0.1}, "milestones and lr_decay belong to schedule='milestones'"),
        ({"schedule": "cosine", "warmup_epochs": 1}, "warmup_epochs must be fewer than the 1 epochs"),
        ({"optimizer": "adamw", "momentum": 0.9}, "adamw has betas of its own"),
        ({"accumulate": 0}, "accumulate: expected at least 1, got 0"),
        ({"clip_norm": 0}, "clip_norm: expected more than 0, got 0"),
        ({"ema": 1}, "ema: expected less than 1, got 1"),
        ({"label_smoothing": 1}, "label_smoothing: expected less than 1, got 1"),
        ({"precision": "float8"}, "precision: expected 'float32', 'bfloat16' or 'float16', got 'float8'"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny(**changes)


def test_words_and_lists_that_are_no_weights() -> None:
    with pytest.raises(ConfigError, match=r"class_weights: expected 'balanced', got 'equal'; class_weights: "):
        tiny(class_weights="equal")


def test_more_batches_for_a_step_than_there_are() -> None:
    with pytest.raises(ConfigError, match="accumulate=4 is more than the 3 batches of an epoch"):
        run_trial(tiny(accumulate=4))


@pytest.mark.parametrize("weights", [(1.0, 2.0), (1.0,) * 11])
def test_one_weight_for_each_class(weights: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=rf"class_weights has {len(weights)} numbers for 10 classes of digits"):
        run_trial(tiny(class_weights=weights))


@pytest.mark.parametrize("setting", [{"label_smoothing": 0.1}, {"class_weights": "balanced"}])
def test_masks_have_no_classes(setting: dict[str, Any]) -> None:
    masks = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    split = Slices(masks, masks, torch.tensor([0, 0, 1]))
    data = Dataset("masks", split, split, ("no", "yes"))
    trial = tiny(train_size=None, **setting)
    with pytest.raises(ConfigError, match="is for data with a class for each example, which masks lacks"):
        build_task(trial, data, build_batches(trial, data).train)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    trial = tiny(class_weights="balanced", train_size=200)
    train = build_batches(trial, DIGITS).train
    task = build_task(trial, DIGITS, train)
    assert isinstance(task, Classification)
    labels = train.targets.numpy()
    torch.testing.assert_close(
        task.weights, torch.tensor(compute_class_weight("balanced", classes=np.arange(10), y=labels)).float()
    )
    logits = torch.randn(len(labels), 10)
    torch.testing.assert_close(
        task.loss(logits, train.targets), nn.functional.cross_entropy(logits, train.targets, task.weights)
    )


def test_loss_of_the_test_data_is_that_of_the_plain_task() -> None:
    """Before the first step, weights and smoothing change the training loss alone."""
    odd, usual = (run_trial(tiny(lr=1e-12, **more)).epochs[0] for more in ({"label_smoothing": 0.3}, {}))
    assert odd.test_loss == pytest.approx(usual.test_loss)
    assert odd.train_loss != pytest.approx(usual.train_loss)


def test_average_follows_every_step() -> None:
    """0.9·average + 0.1·weights after each step, and after the first the weights themselves."""
    trial = tiny(ema=0.9, epochs=2)
    net = build_network(trial, DIGITS)
    average = build_average(trial, net)
    assert average is not None
    by_hand: list[torch.Tensor] = []

    def follow(step: int) -> None:
        now = [parameter.detach().clone() for parameter in net.parameters()]
        if step:
            by_hand[:] = [0.9 * old + 0.1 * new for old, new in zip(by_hand, now, strict=True)] if step > 1 else now

    batches = build_batches(trial, DIGITS)
    epochs = list(
        fit(
            net,
            build_optimizer(trial, net),
            train=batches.train,
            test=batches.test,
            epochs=2,
            seed=0,
            on_step=follow,
            average=average,
        )
    )
    for ours, theirs in zip(average.module.parameters(), by_hand, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert epochs[-1].test_loss == Classification().evaluate([average.module], batches.test).loss


def test_the_weights_that_are_kept_are_those_that_were_evaluated() -> None:
    trial = tiny(ema=0.9, epochs=2)
    run = run_afresh(trial)
    net = build_network(trial, DIGITS)
    net.load_state_dict(dict(run.weights))
    scores = Classification().evaluate([net], build_batches(trial, DIGITS).test)
    assert scores.loss == pytest.approx(run.result.epochs[-1].test_loss)


def test_layout_changes_the_layout() -> None:
    assert {
        build_network(tiny(channels_last=last), DIGITS)[3].weight.is_contiguous(memory_format=torch.channels_last)
        for last in (True, False)
    } == {True, False}
    assert run_trial(tiny(channels_last=False)).epochs[0].test_loss == pytest.approx(
        run_trial(tiny()).epochs[0].test_loss, rel=1e-4
    )


def test_patience_ends_the_training() -> None:
    result = run_trial(tiny(lr=1e-12, epochs=9, validation=0.2, patience=2))
    assert [epoch.epoch for epoch in result.epochs] == [1, 2, 3]


@pytest.mark.slow
def test_a_compiled_network_learns_the_same() -> None:
    compiled, eager = (run_trial(tiny(epochs=2, compile=value)) for value in (True, False))
    assert compiled.epochs[-1].test_loss == pytest.approx(eager.epochs[-1].test_loss, rel=1e-3)
    assert Trial.model_validate_json(compiled.trial.model_dump_json()) == compiled.trial
