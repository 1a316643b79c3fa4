"""LoRA and IA³ of the package peft in a trial's network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from rectifiers import datasets
from rectifiers.core.errors import ConfigError
from rectifiers.experiments.adapter import insert_adapter
from rectifiers.experiments.cost import estimate_costs
from rectifiers.experiments.network import build_network
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.train_network import train_network
from rectifiers.experiments.trial import Trial


def trial(**changes: Any) -> Trial:
    settings = {
        "dataset": "digits",
        "network": "digits-conv",
        "activation": "relu",
        "lr": 0.01,
        "train_size": 64,
        "adapter": "lora:2",
        "trained": "adapter",
    }
    return Trial.create(**{**settings, **changes})


def test_without_peft_an_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ConfigError, match=r'comes from the package peft; install "rectifiers\[peft\]"'):
        run_trial(trial())


# 16 filters of 1×3×3, 32 of 16×3×3, and 64 units of 128; the head is left alone.
ADDED = [("ia3", 16 + 32 + 64), ("lora:2", 2 * (9 + 16 + 16 * 9 + 32 + 128 + 64))]


@pytest.mark.parametrize(("adapter", "numbers"), ADDED)
def test_outputs_stay_and_only_what_was_added_learns(adapter: str, numbers: int) -> None:
    pytest.importorskip("peft")
    one = trial(adapter=adapter, epochs=0)
    data = datasets.load("digits")
    net = build_network(one, data)
    x = torch.rand(3, 1, 8, 8)
    before = net(x)
    start = {name: value.clone() for name, value in net.state_dict().items()}
    insert_adapter(one, net)
    assert torch.equal(net(x), before)
    outcome, weights = train_network(trial(adapter=adapter, epochs=1), data, start)
    assert outcome["trained_parameters"] == numbers
    after = {name.replace(".base_layer", ""): value for name, value in weights.items()}
    assert all(torch.equal(after[name], value) for name, value in start.items())
    assert run_trial(trial(adapter=adapter)).provenance["adapter"].startswith("peft ")


def test_what_an_adapter_costs_is_measured_with_it() -> None:
    pytest.importorskip("peft")
    added = {trial(adapter=adapter): numbers for adapter, numbers in ADDED}
    costs = estimate_costs(dict.fromkeys(added, 1), Path("nowhere"), {"digits": "digits"}, {})
    assert len(costs.kinds) == len(added)
    net = build_network(trial(), datasets.load("digits"))
    plain = sum(tensor.nbytes for tensor in (*net.parameters(), *net.buffers()))
    assert {one: costs.speeds[one].weights for one in added} == {one: plain + 4 * added[one] for one in added}


def test_a_start_has_no_adapter_of_its_own() -> None:
    from rectifiers.papers import registry

    cells = registry.get("peft/blurred").cells("smoke", seeds=1, changes={"adapter": "ia3", "trained": "adapter"})
    assert all(cell.trial.start is not None and cell.trial.start.adapter is None for cell in cells)
