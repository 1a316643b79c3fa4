"""Which kernels runs get where nobody says, and what a trial makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from rectifiers.core.errors import ConfigError
from rectifiers.experiments import network, runner, train_network
from rectifiers.experiments.compare.trial import OwnTrial
from rectifiers.experiments.kernel_choice import choose_kernels, with_kernels
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.store import Store
from rectifiers.kernels import dispatch, library
from rectifiers.kernels.provider import State
from rectifiers.training.loop import fit
from rectifiers.training.metrics import Epoch

from .samples import cells, outcome, tiny

needs_library = pytest.mark.skipif(not library.state(warn=False).formulas, reason="there are no compiled kernels")


def test_trials_by_the_reference_keep_their_names() -> None:
    trial = tiny(kernels="reference")
    assert trial == tiny()
    assert trial.id == "ce35c91351158204"
    assert "kernels" not in trial.settings
    assert tiny(kernels="cpu").id != trial.id


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernels": "cpu", "device": "cuda"}, "kernels='cpu' run on device='cpu', not on 'cuda'"),
        ({"kernels": "triton", "device": "mps"}, "kernels='triton' are not for device='mps'"),
        ({"kernels": "cpu", "compile": True}, "compile=true has no use for kernels='cpu'"),
        ({"kernels": "cpu-fused", "device": "cuda"}, "kernels='cpu-fused' run on device='cpu', not on 'cuda'"),
        ({"kernels": "fast"}, "kernels"),
    ],
)
def test_kernels_that_a_trial_cannot_run_by_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny(**changes)


def test_the_fast_ones_unless_something_speaks_against_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "true")
    assert str(choose_kernels([tiny()])) == "cpu-fused, the fast ones"
    assert str(choose_kernels([OwnTrial(network="")])) == "cpu, the fast ones"
    assert choose_kernels([tiny(), tiny(device="cuda")]).name == "reference"
    assert choose_kernels([tiny(start=tiny(device="cuda"))]).name == "reference"
    assert str(choose_kernels([tiny(compile=True)])) == "reference, which a compiler fuses"
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert str(choose_kernels([tiny()])).startswith("reference, because there are no fast kernels: no C++ compiler")
    monkeypatch.setenv("RECTIFIERS_KERNELS", "reference")
    assert "RECTIFIERS_KERNELS forbids them" in choose_kernels([tiny()]).why


def test_models_of_ones_own_are_run_part_by_part() -> None:
    with pytest.raises(ConfigError, match="kernels='cpu-fused' is for the laboratory's networks; take 'cpu'"):
        OwnTrial.create(network="", kernels="cpu-fused")


def test_runs_go_on_with_the_kernels_that_made_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "true")
    trials = [tiny(lr=lr, start=tiny()) for lr in (0.1, 0.2, 0.3)]
    fast = [with_kernels(trial, "cpu") for trial in trials]
    assert all(one.start is not None and one.start.kernels == "cpu" for one in fast)
    assert choose_kernels(trials, set(trials[:1]).__contains__).name == "reference"
    assert str(choose_kernels(trials, set(fast[:1]).__contains__)) == "cpu, which made the results there are"
    assert choose_kernels(trials, {*trials[:1], *fast[:2]}.__contains__).name == "cpu"


def test_kernels_that_are_named_and_cannot_be_had_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_state", State(reason="no C++ compiler"))
    with pytest.raises(ConfigError, match=r"kernels=cpu: no C\+\+ compiler; kernels=reference does without"):
        run_trial(tiny(kernels="cpu"))


@needs_library
def test_fast_kernels_give_the_same_bits_alone_and_beside_others(tmp_path: Path) -> None:
    names = ("arelu", "adarelu", "pvlu", "crelu", "convrelu2d", "apl")
    trials = [tiny(activation=name, kernels="cpu", epochs=2, momentum=0.9, train_size=48) for name in names]
    store = Store(tmp_path, "beside")
    assert not runner.run(cells(*trials), store, workers=2).failed
    for trial in trials:
        alone, beside = run_trial(trial), store.read(trial)
        assert beside is not None
        assert outcome(beside) == outcome(alone)
        assert beside.provenance["kernels"].startswith("cpu kernel, ")
        reference = run_trial(with_kernels(trial, "reference"))
        assert reference.provenance["kernels"] == "reference"
        assert reference.epochs[-1].train_loss == pytest.approx(alone.epochs[-1].train_loss, rel=1e-4)


@needs_library
def test_fast_kernels_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    served = []

    def watched(*arguments: Any, **options: Any) -> Iterator[Epoch]:
        served.append(dispatch.serves("two_slopes", torch.zeros(1)))
        return fit(*arguments, **options)

    monkeypatch.setattr(train_network, "fit", watched)
    run_trial(tiny(kernels="cpu"))
    run_trial(tiny())
    assert served == [True, False]


@needs_library
def test_parts_are_fused_where_a_trial_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    fused: list[object] = []
    monkeypatch.setattr(network, "fuse", fused.append)
    told = [run_trial(tiny(kernels=kernels)).provenance["kernels"] for kernels in ("cpu", "cpu-fused")]
    assert len(fused) == 1
    assert told[1] == f"{told[0]}, fused"
