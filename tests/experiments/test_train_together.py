"""Several seeds as one computation: the bits of each alone, and the numbers of an ordinary training."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
import torch
from torch import nn

from rectifiers import activations, datasets
from rectifiers.core.errors import ConfigError, UnsupportedError
from rectifiers.experiments import pulse
from rectifiers.experiments.backlog import Backlog
from rectifiers.experiments.experiment import Cell
from rectifiers.experiments.leases import Leases
from rectifiers.experiments.network import build_network
from rectifiers.experiments.result import Result
from rectifiers.experiments.run_trial import run_together, run_trial
from rectifiers.experiments.runner import run
from rectifiers.experiments.store import Store
from rectifiers.experiments.train_together import train_together
from rectifiers.experiments.trial import Trial
from rectifiers.training.together import Together

from ..activations.samples import one_of_each, quick_first

FUNCTIONS = [
    name
    for name in activations.TABLE
    if activations.registry.facts(name).get("kind") != "convolution" and name != "rrelu"
]


def trial(**changes: Any) -> Trial:
    settings = {
        "dataset": "permuted:digits",
        "network": "mlp",
        # A number for which vectors do not come out even.
        "network_args": {"units": 14},
        "activation": "relu",
        "optimizer": "adam",
        "lr": 0.01,
        "epochs": 4,
        "phase_epochs": 2,
        "batch_size": 16,
        "train_size": 90,
        "together": 5,
    }
    return Trial.create(**{**settings, **changes})


def facts(result: Result) -> dict[str, Any]:
    """All but what tells of time and machine."""
    found = result.model_dump(exclude={"provenance"})
    for epoch in found["epochs"]:
        del epoch["train_seconds"], epoch["test_seconds"]
    return found


@pytest.mark.parametrize("activation", quick_first(one_of_each(lambda spec: spec.formula), FUNCTIONS))
def test_each_has_the_bits_that_it_has_alone(activation: str) -> None:
    one = trial(activation=activation, epochs=2, phase_epochs=1)
    data = datasets.load(one.dataset)
    several = train_together([one.with_seed(seed) for seed in range(5)], data)
    # The last place is where a vector ends, and 6 has the place of 1.
    for seed in (0, 4):
        ((_, alone),) = train_together([one.with_seed(seed)], data)
        assert all(torch.equal(alone[name], value) for name, value in several[seed][1].items())
    ((_, other),) = train_together([one.with_seed(6)], data)
    assert not all(torch.equal(other[name], value) for name, value in several[1][1].items())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3},
        {"optimizer": "rmsprop", "schedule": "cosine"},
        {"l2_init": 0.01, "activation": "arelu", "activation_lr": 0.1},
        {"redo": 0.1},
        {"shrink": 0.5, "perturb": 0.1},
        {"network_args": {"units": 8, "norm": True}, "label_smoothing": 0.1},
        {"dataset": "random-labels:digits"},
        {"dataset": "slow-regression", "class_weights": None},
        {"dataset": "digits", "phase_epochs": 0, "network": "digits-conv", "network_args": {}, "epochs": 1},
        {"class_weights": "balanced"},
    ],
    ids=str,
)
def test_results_are_those_alone_and_near_an_ordinary_training(changes: dict[str, Any]) -> None:
    one = trial(**changes)
    together = run_together([one.with_seed(seed) for seed in (1, 3)])
    assert [result.trial.seed for result in together] == [1, 3]
    assert facts(together[1]) == facts(run_trial(one.with_seed(3)))
    ordinary = run_trial(one.with_seed(3).model_copy(update={"together": 0}))
    assert together[1].parameters == ordinary.parameters
    for ours, theirs in zip(together[1].epochs, ordinary.epochs, strict=True):
        assert ours.train_loss == pytest.approx(theirs.train_loss, rel=1e-3)
        assert ours.test_loss == pytest.approx(theirs.test_loss, rel=1e-3)
        assert ours.lr == pytest.approx(theirs.lr)
    assert [phase.step for phase in together[1].phases] == [phase.step for phase in ordinary.phases]
    for mine, other in zip(together[1].phases, ordinary.phases, strict=True):
        assert mine.kept == pytest.approx(other.kept, abs=3)
        assert mine.weight_norm == pytest.approx(other.weight_norm, rel=1e-3)


def test_one_that_diverges_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(one: Trial, data: Any) -> nn.Module:
        net = build_network(one, data)
        if one.seed == 2:
            with torch.no_grad():
                next(net.parameters()).fill_(torch.nan)
        return net

    monkeypatch.setattr("rectifiers.experiments.train_together.build_network", build)
    company = [trial(activation="arelu", epochs=2, phase_epochs=1).with_seed(seed) for seed in range(5)]
    together = run_together(company)
    assert [result.status for result in together] == ["done", "done", "diverged", "done", "done"]
    for one in (0, 1, 4):
        assert facts(together[one]) == facts(run_trial(company[one]))


def test_all_of_a_company_may_diverge() -> None:
    one = trial(optimizer="sgd", lr=30.0, activation="slaf", dataset="slow-regression", epochs=3, phase_epochs=1)
    calm = trial(optimizer="sgd", lr=1e-4, activation="slaf", dataset="slow-regression", epochs=3, phase_epochs=1)
    assert {result.status for result in run_together([one.with_seed(seed) for seed in range(5)])} == {"diverged"}
    assert {result.status for result in run_together([calm.with_seed(seed) for seed in range(5)])} == {"done"}


def test_a_runner_hands_a_company_to_one_worker(tmp_path: Any) -> None:
    trials = [trial(activation=name).with_seed(seed) for seed in range(7) for name in ("relu", "elu")]
    store = Store(tmp_path, "company")
    progress = run([Cell(str(one.seed), one.activation, one) for one in trials], store, here=True)
    assert (progress.done, progress.failed) == (14, {})
    results = [store.read(one) for one in trials]
    counts = [result.provenance["together"] for result in results if result is not None]
    assert counts == ["5 trials in these seconds"] * 10 + ["2 trials in these seconds"] * 4


@pytest.mark.parametrize("together", [0, 5])
def test_what_is_left_of_many_phases_is_not_measured_in_silence(monkeypatch: pytest.MonkeyPatch, together: int) -> None:
    """Else a run of hundreds of phases would be taken for one that hangs, when all of it is done."""
    monkeypatch.setattr(pulse, "OFTEN", -1.0)
    words: list[str] = []
    with pulse.watched(pulse.Pulse(lambda word, value: words.append(word))):
        assert len(run_trial(trial(together=together, phase_epochs=1)).phases) == 4
    last = max(place for place, word in enumerate(words) if word == "epoch")
    assert words[last + 1 :] == ["beat"] * 4


def test_a_company_is_found_among_many_without_comparing_all(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = [trial(activation=name).with_seed(seed) for seed in range(500) for name in ("relu", "elu")]
    store = Store(tmp_path, "company")
    with Leases(store.folder) as leases:
        backlog = Backlog(deque(trials), store, leases, lambda: None)
        first = backlog.take()
        assert first is trials[0]
        copies, copy = 0, Trial.model_copy

        def count(self: Trial, **options: Any) -> Trial:
            nonlocal copies
            copies += 1
            return copy(self, **options)

        monkeypatch.setattr(Trial, "model_copy", count)
        assert [(one.activation, one.seed) for one in backlog.take_company(first, lambda one: True)] == [
            ("relu", seed) for seed in range(1, 5)
        ]
        assert copies <= 2 * first.together
        assert len(backlog) == 995


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"augment": ("flip",)}, "augment is not for networks that are one computation"),
        ({"accumulate": 2}, "accumulate is not for"),
        ({"redo": 0.1, "phase_epochs": 0, "dataset": "digits"}, "renew a network when its data change"),
        ({"l2_init": 0.1, "precision": "float16", "together": 0}, "does not work with float16"),
    ],
)
def test_settings_that_do_not_go_together(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        trial(**changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"activation": "rrelu"}, "draws random numbers"),
        ({"network": "resnet-18", "network_args": {}, "dataset": "digits-32", "phase_epochs": 0}, "keeps statistics"),
    ],
)
def test_what_cannot_be_one_computation(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        run_trial(trial(**changes, epochs=1))


def test_networks_that_differ_in_more_than_parameters_are_not_one_computation() -> None:
    """Each would compute with what the first one holds."""
    nets = [nn.Linear(1, 1) for _ in range(2)]
    for number, net in enumerate(nets):
        net.register_buffer("mask", torch.tensor([number]))
    Together([nets[0], nets[0]])
    with pytest.raises(UnsupportedError, match="differ in mask, a buffer"):
        Together(nets)


def test_only_one_company_is_one_computation() -> None:
    data = datasets.load("permuted:digits")
    for others in ([trial(), trial(lr=0.1)], [trial(), trial()], [trial(), trial().with_seed(5)], [trial(together=0)]):
        with pytest.raises(ConfigError, match="differ in their seeds alone"):
            train_together(others, data)
