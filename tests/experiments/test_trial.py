"""A trial is a value: it compares, hashes, prints, travels as JSON, and its id never changes."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rectifiers.core.errors import ConfigError
from rectifiers.experiments.trial import Trial

BASE: dict[str, Any] = {"dataset": "mnist", "network": "mnist-conv", "activation": "relu", "lr": 0.01}


def trial(**changes: Any) -> Trial:
    return Trial.create(**{**BASE, **changes})


# Written down once. A change here would orphan every result on every disk.
IDS = {
    (): "39c8a6a8ebb6c954",
    (("activation", "arelu"), ("activation_args", (("alpha", 0.9), ("beta", 2.0)))): "0917b4e182a204eb",
    (("optimizer", "sgd"), ("momentum", 0.9), ("seed", 4)): "f83e8e411495ceb7",
    (("epochs", 20), ("milestones", (10, 15)), ("validation", 0.1), ("optimizer", "adam")): "229b99691836b519",
}


@pytest.mark.parametrize(("changes", "expected"), IDS.items())
def test_ids_are_fixed_for_good(changes: tuple[tuple[str, Any], ...], expected: str) -> None:
    assert trial(**dict(changes)).id == expected


def test_defaults_written_out_do_not_change_the_id() -> None:
    defaults = {name: field.default for name, field in Trial.model_fields.items() if not field.is_required()}
    assert len(defaults) > 15
    assert trial(**defaults) == trial()
    assert trial(**defaults).id == trial().id


OTHER: dict[str, Any] = {
    "dataset": "digits",
    "network": "digits-conv",
    "activation": "elu",
    "activation_args": {"alpha": 0.5},
    "where": "R1",
    "base": "elu",
    "network_args": {"width": 2},
    "start": {"dataset": "digits", "network": "digits-conv", "activation": "relu", "lr": 0.1},
    "pretrained": "alexnet-imagenet1k-v1",
    "trained": "activations",
    "optimizer": "rmsprop",
    "lr": 0.02,
    "lr_decay": 1e-6,
    "momentum": 0.5,
    "weight_decay": 0.1,
    "activation_lr": 0.02,
    "activation_weight_decay": 0.1,
    "epochs": 2,
    "phase_epochs": 1,
    "together": 30,
    "l2_init": 0.01,
    "batch_size": 64,
    "milestones": (1,),
    "gamma": 0.5,
    "warmup_epochs": 1,
    "schedule": "cosine",
    "label_smoothing": 0.1,
    "class_weights": "balanced",
    "parallel": "ddp",
    "mixup": 0.2,
    "cutmix": 1.0,
    "ema": 0.9,
    "clip_norm": 1.0,
    "accumulate": 2,
    "precision": "bfloat16",
    "compile": True,
    "channels_last": False,
    "normalise": "standard",
    "augment": ("crop:4", "flip"),
    "train_size": 100,
    "validation": 0.1,
    "folds": 4,
    "vote": 3,
    "patches": 10,
    "trace_points": 5,
    "device": "cuda",
    "threads": 2,
    "kernels": "cpu",
    "own": {"activation mine": "0123456789abcdef"},
    "seed": 1,
    "data_digest": "0" * 16,
    "network_digest": "0" * 16,
}


def test_every_field_decides_the_id() -> None:
    paired = {"adapter", "nesterov", "patience", "rho", "eps", "shrink", "perturb", "redo"}
    assert OTHER.keys() | paired == Trial.model_fields.keys()
    ids = {name: trial(**{name: value}).id for name, value in OTHER.items()}
    ids["nesterov"] = trial(momentum=0.9, nesterov=True).id
    ids["momentum 0.9"] = trial(momentum=0.9).id
    ids["rho"] = trial(optimizer="rmsprop", rho=0.9).id
    ids["eps"] = trial(optimizer="rmsprop", eps=1e-7).id
    ids["adapter"] = trial(trained="adapter", adapter="ia3").id
    ids["patience"] = trial(validation=0.1, patience=3).id
    for name, value in (("shrink", 0.5), ("perturb", 0.1), ("redo", 0.1)):
        ids[name] = trial(phase_epochs=1, **{name: value}).id
    assert len({trial().id, *ids.values()}) == len(ids) + 1


def test_equal_trials_are_one() -> None:
    same = trial(lr=1, activation_args={"beta": 2, "alpha": 1})
    other = trial(lr=1.0, activation_args=(("alpha", 1.0), ("beta", 2.0)))
    assert same == other
    assert hash(same) == hash(other)
    assert same.id == other.id
    assert len({same, other, trial()}) == 2


def test_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        trial().seed = 3


def test_prints_what_differs_from_the_defaults() -> None:
    text = str(trial(activation_args={"alpha": 0.5}, momentum=0.9, seed=3, optimizer="sgd"))
    assert text == (
        "dataset=mnist network=mnist-conv activation=relu activation_args={'alpha': 0.5} lr=0.01 momentum=0.9 seed=3"
    )


@pytest.mark.parametrize("changes", [{}, *({name: value} for name, value in OTHER.items())], ids=str)
def test_json_round_trip(changes: dict[str, Any]) -> None:
    given = trial(**changes)
    for text in (given.model_dump_json(), json.dumps(given.settings)):
        back = Trial.model_validate_json(text)
        assert back == given
        assert back.id == given.id


scalars = st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.dictionaries(st.text(min_size=1), scalars, max_size=3))
def test_arguments_of_the_activation_travel(arguments: dict[str, Any]) -> None:
    given = trial(activation_args=arguments)
    back = Trial.model_validate_json(given.model_dump_json())
    assert dict(back.activation_args) == arguments
    assert [type(value) for _, value in back.activation_args] == [type(value) for _, value in given.activation_args]
    assert back.id == given.id


def test_words_and_truth_values_stay_what_they_are() -> None:
    given = {"share": "channel", "relu_like": True, "degree": 5, "init": 0.25}
    found = dict(trial(activation_args=given).activation_args)
    assert {name: (type(value), value) for name, value in found.items()} == {
        name: (type(value), value) for name, value in given.items()
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": 0}, "lr: expected more than 0, got 0"),
        ({"lr": math.nan}, "lr: expected a finite number, got nan"),
        ({"lr": "fast"}, "lr: expected a number.*got 'fast'"),
        ({"dataset": None}, "dataset: expected text, got None"),
        ({"optimizer": "lion"}, "optimizer: expected 'sgd', 'adam', 'adamw' or 'rmsprop', got 'lion'"),
        ({"momentum": 1}, "momentum: expected less than 1, got 1"),
        (
            {"momentum": 0.9, "optimizer": "adam"},
            "momentum is for sgd and rmsprop, and adam has betas of its own; set",
        ),
        ({"nesterov": True}, "nesterov needs sgd with momentum > 0"),
        ({"rho": 0.9}, "rho is for rmsprop, got optimizer 'sgd'"),
        ({"eps": 1e-7}, "eps is for adam, adamw and rmsprop, got optimizer 'sgd'"),
        ({"rho": 1.0, "optimizer": "rmsprop"}, "rho: expected less than 1, got 1"),
        ({"weight_decay": -0.1}, "weight_decay: expected at least 0, got -0.1"),
        ({"activation_lr": math.inf}, "activation_lr: expected a finite number, got inf"),
        ({"activation_weight_decay": math.inf}, "activation_weight_decay: expected a finite number, got inf"),
        ({"epochs": -1}, "epochs: expected at least 0, got -1"),
        ({"epochs": 1.5}, "epochs: expected a whole number.*got 1.5"),
        ({"batch_size": 0}, "batch_size: expected at least 1, got 0"),
        ({"milestones": (2, 1)}, r"milestones must increase, got \(2, 1\)"),
        ({"milestones": (1, 1)}, r"milestones must increase, got \(1, 1\)"),
        ({"milestones": (0,)}, "milestones.0: expected at least 1, got 0"),
        ({"gamma": 2}, "gamma: expected at most 1, got 2"),
        ({"warmup_epochs": -1}, "warmup_epochs: expected at least 0, got -1"),
        (
            {"normalise": "none"},
            "normalise: expected 'unit', 'standard', 'cifar10', 'cifar100' or 'imagenet', got 'none'",
        ),
        ({"train_size": 0}, "train_size: expected at least 1, got 0"),
        ({"validation": 1}, "validation: expected less than 1, got 1"),
        ({"folds": 1}, "folds hold out validation data: there must be at least 2, and validation must be 0"),
        (
            {"folds": 4, "validation": 0.1},
            "folds hold out validation data: there must be at least 2, and validation must be 0",
        ),
        ({"vote": 3, "seed": 1}, "a vote is one evaluation of networks with seeds 0, 1, …; its own seed is 0"),
        ({"augment": ("flop",)}, "augment: unknown augmentation 'flop'; did you mean flip"),
        ({"trace_points": -1}, "trace_points: expected at least 0, got -1"),
        ({"device": "gpu"}, "device: .*cpu.*cuda.*, got 'gpu'"),
        ({"threads": 0}, "threads: expected at least 1, got 0"),
        (
            {"start": OTHER["start"], "pretrained": "alexnet-imagenet1k-v1"},
            "a trial starts either from another trial or from published weights; write pretrained into its start",
        ),
        (
            {"adapter": "ia3"},
            "adapter='ia3' does not work with trained='all'; an adapter is trained by 'adapter' or 'adapter and head'",
        ),
        (
            {"trained": "adapter"},
            "adapter=None does not work with trained='adapter'; an adapter is trained by 'adapter' or "
            "'adapter and head'",
        ),
        ({"pretrained": ""}, "pretrained: expected text, not nothing, got ''"),
        ({"seed": -1}, "seed: expected at least 0, got -1"),
        ({"seed": 2**31}, "seed: expected less than 2147483648, got 2147483648"),
        ({"learning_rate": 1}, "learning_rate: no such setting"),
        ({"activation_args": 0.9}, r"activation_args: expected a table such as \{alpha = 0.9\}, got 0.9"),
        ({"activation_args": "alpha"}, "activation_args: expected a table such as"),
        (
            {"activation_args": {"a": [1, 2]}},
            "activation_args: a must be a finite number, a truth value or a word, got",
        ),
        ({"activation_args": {"a": math.nan}}, "activation_args: a must be a finite number, a truth value or a word"),
        ({"activation_args": {"a": 10**400}}, "activation_args: a must be a finite number, a truth value or a word"),
        ({"vote": 10**9}, "vote: expected at most 1024, got 1000000000"),
        ({"adapter": "lora"}, "adapter: expected ia3, or lora: and a rank below 10,000, such as lora:8, got 'lora'"),
        ({"network_args": {"halve": [0, 0.5]}}, "network_args: halve must be whole numbers, or a single number"),
    ],
    ids=str,
)
def test_bad_fields_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^trial: {message}") as caught:
        trial(**changes)
    assert "\n" not in str(caught.value)


def test_arguments_of_networks_may_be_several_numbers() -> None:
    few = trial(network_args={"halve": [0, 2], "width": 0.5})
    assert dict(few.network_args) == {"halve": (0, 2), "width": 0.5}
    assert Trial.model_validate_json(few.model_dump_json()) == few
    assert trial(network_args={"halve": (0, 2), "width": 0.5}).id == few.id


def test_lineage_is_all_that_it_starts_from_the_nearest_first() -> None:
    first = trial(pretrained="alexnet-imagenet1k-v1")
    second = trial(start=first.settings)
    vote = trial(vote=2, start=second.settings)
    assert second.lineage == (first,)
    assert vote.lineage == (vote.members[0], second, first, vote.members[1])


def test_all_mistakes_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        Trial.create(dataset="mnist", network="mnist-conv", lr=0, speed=1)
    assert str(caught.value) == (
        "trial: activation: is required; lr: expected more than 0, got 0; speed: no such setting"
    )


@pytest.mark.parametrize(
    "changes", [{}, {"start": {**BASE, "epochs": 3}}, {"network_args": {"seed": 5}}, {"data_digest": "0" * 16}]
)
def test_ids_of_copies_are_known_without_making_them(changes: dict[str, Any]) -> None:
    first = trial(**changes)
    id_of = first.ids_by_seed()
    for seed in (0, 1, 12, 2**31 - 1):
        copied = first.with_seed(seed)
        assert id_of(seed) == copied.id == Trial.create(**copied.model_dump()).id
