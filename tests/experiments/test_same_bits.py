"""Same trial, same bits: whatever was drawn before, in any process and order, beside others."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rectifiers import activations, datasets
from rectifiers.experiments.network import build_network
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.trial import Trial
from rectifiers.kernels import library
from rectifiers.kernels.provider import State

from .samples import outcome, tiny

DIGITS = datasets.load("digits")

# RReLU draws noise inside the network; the others have random starts, many parameters, or none.
TRIALS = [
    tiny(activation=name, epochs=2, validation=0.2, trace_points=2, seed=3, momentum=0.9)
    for name in ("rrelu", "arelu", "apl", "relu")
]
TRIALS.append(tiny(epochs=2, seed=3, augment=("crop:1", "flip", "rotate:15", "cutout:2")))


@pytest.fixture(scope="module")
def expected() -> dict[Trial, dict[str, Any]]:
    return {trial: outcome(run_trial(trial)) for trial in TRIALS}


def test_in_another_order_after_other_draws(expected: dict[Trial, dict[str, Any]]) -> None:
    for trial in reversed(TRIALS):
        torch.manual_seed(99)
        torch.rand(7)
        assert outcome(run_trial(trial)) == expected[trial]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_with_another_number_of_threads_set(expected: dict[Trial, dict[str, Any]], threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert outcome(run_trial(TRIALS[0])) == expected[TRIALS[0]]
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("defaults", [(torch.float64, "cpu"), (torch.float32, "meta")])
def test_with_other_defaults(expected: dict[Trial, dict[str, Any]], defaults: tuple[torch.dtype, str]) -> None:
    dtype, device = defaults
    torch.set_default_dtype(dtype)
    torch.set_default_device(device)
    try:
        found = [outcome(run_trial(trial)) for trial in TRIALS]
        assert (torch.get_default_dtype(), torch.get_default_device().type) == defaults
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    assert found == [expected[trial] for trial in TRIALS]


def test_in_another_process(expected: dict[Trial, dict[str, Any]]) -> None:
    code = (
        "import sys, json, torch; torch.rand(3)\n"
        "from rectifiers.experiments.run_trial import run_trial\n"
        "from rectifiers.experiments.trial import Trial\n"
        "for line in sys.stdin: print(run_trial(Trial.model_validate_json(line)).model_dump_json())"
    )
    lines = "\n".join(trial.model_dump_json() for trial in TRIALS)
    done = subprocess.run(
        [sys.executable, "-c", code], input=lines, check=True, capture_output=True, text=True, timeout=120
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for trial, result in zip(TRIALS, found, strict=True):
        del result["provenance"]
        for epoch in result["epochs"]:
            del epoch["train_seconds"], epoch["test_seconds"]
        assert result == expected[trial]


def test_without_kernels_whose_rounding_depends_on_the_machine(
    expected: dict[Trial, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> State:
        raise AssertionError("a trial asked for a kernel")

    monkeypatch.setattr(library, "state", refuse)
    trial = next(trial for trial in TRIALS if trial.activation == "arelu")
    assert outcome(run_trial(trial)) == expected[trial]


def test_nothing_outside_is_changed() -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    run_trial(TRIALS[0])
    assert torch.equal(torch.get_rng_state(), state)
    assert (torch.tensor([1e-40]) * 1).item() != 0


def test_nothing_outside_is_changed_by_a_trial_that_fails() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    with pytest.raises(ValueError, match="cannot take"):
        run_trial(tiny(train_size=5000, threads=threads + 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_more_epochs_keep_the_first_ones() -> None:
    short, long = (outcome(run_trial(tiny(activation="rrelu", epochs=epochs)))["epochs"] for epochs in (1, 3))
    assert long[:1] == short
    assert len(long) == 3


def test_another_seed_differs() -> None:
    one, two = (run_trial(tiny(seed=seed)).epochs[0] for seed in (0, 1))
    assert one.train_loss != two.train_loss


def layers(trial: Trial) -> list[Tensor]:
    """Weights and biases of all but the activations."""
    net = build_network(trial, DIGITS)
    return [p for layer in net if isinstance(layer, nn.Conv2d | nn.Linear) for p in layer.parameters()]


def equal(one: list[Tensor], two: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


KEEPING_CHANNELS = [
    name
    for name in activations.registry.names()
    if activations.registry.facts(name).get("kind", "elementwise") == "elementwise"
]


@pytest.mark.parametrize("name", KEEPING_CHANNELS)
def test_all_functions_meet_the_same_first_weights(name: str) -> None:
    assert equal(layers(tiny(activation=name, seed=4)), layers(tiny(activation="relu", seed=4)))


def test_granularity_changes_no_weight() -> None:
    for share in ("channel", "element"):
        trial = tiny(activation="apl", activation_args={"share": share})
        assert equal(layers(trial), layers(tiny(activation="relu")))


@pytest.mark.parametrize(
    "changes",
    [{"batch_size": 7}, {"train_size": None}, {"validation": 0.3}, {"epochs": 9}, {"normalise": "standard"}, {"lr": 1}],
    ids=str,
)
def test_what_comes_later_changes_no_first_weight(changes: dict[str, Any]) -> None:
    assert equal(layers(tiny(**changes)), layers(tiny()))


def test_seed_changes_every_first_weight() -> None:
    assert not any(torch.equal(a, b) for a, b in zip(layers(tiny(seed=0)), layers(tiny(seed=1)), strict=True))


@pytest.mark.parametrize("stream", ["init", "activation", "order", "noise", "subset", "hold-out", "augment"])
def test_each_stream_changes_the_outcome_and_no_other_stream(stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn one stream into another: first weights follow "init" alone, and each stream counts in the end."""
    import rectifiers.datasets.batches
    import rectifiers.datasets.splits
    import rectifiers.experiments.network
    import rectifiers.training.augmentation
    import rectifiers.training.loop
    from rectifiers.core.seeds import derive

    # A random start and noise in one network, so that every stream is drawn from.
    random_start = tiny(activation="apl", validation=0.2, seed=2, augment=("crop:1",))
    noisy = tiny(activation="rrelu", validation=0.2, seed=2)
    trial = noisy if stream == "noise" else random_start
    first, before = layers(trial), run_trial(trial).epochs[0]

    def turned(seed: int, *names: str | int) -> int:
        return derive(seed + (names[0] == stream), *names)

    for module in (
        rectifiers.datasets.batches,
        rectifiers.datasets.splits,
        rectifiers.experiments.network,
        rectifiers.training.augmentation,
        rectifiers.training.loop,
    ):
        monkeypatch.setattr(module, "derive", turned)
    assert equal(layers(trial), first) == (stream != "init")
    assert run_trial(trial).epochs[0].test_loss != before.test_loss
