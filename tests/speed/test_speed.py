"""What is measured is what was asked, and nothing wrong gets a time."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from rectifiers import functional as R
from rectifiers.activations import ConvReLU2d, registry
from rectifiers.speed import measure, peak, subjects


def test_a_wrong_result_gets_no_time() -> None:
    class Wrong(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.relu() + (1e-3 if x.dtype is torch.float32 else 0)

    timed = [*subjects.make_yardsticks(), subjects.Subject("wrong", Wrong())]
    with pytest.raises(measure.WrongResultError, match="wrong at \\(2, 3\\) differs from its value in float64 by"):
        measure.measure_at(timed, (2, 3), "contiguous", threads=1, rounds=2)


def test_a_slope_that_is_not_a_number_gets_no_time() -> None:
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x.relu()

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            return grad * (torch.nan if grad.dtype is torch.float32 else 1)

    class Module(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = Wrong.apply(x)
            return out

    timed = [*subjects.make_yardsticks(), subjects.Subject("wrong", Module())]
    with pytest.raises(measure.WrongResultError, match=r"wrong at .* differs from its value in float64 by nan"):
        measure.measure_at(timed, (2, 3), "contiguous", threads=1, rounds=2)


def test_threads_are_as_before() -> None:
    before = torch.get_num_threads()
    setting = measure.measure_at(
        subjects.make_yardsticks(), (2, 3, 4, 5), "channels_last", threads=before + 1, rounds=2
    )
    assert setting.threads == before + 1
    assert torch.get_num_threads() == before
    assert [row.function for row in setting.rows] == ["nn.ReLU", "nn.PReLU", "arelu, as published", "copy"]


def test_every_function_with_a_kernel_or_parameters_is_timed() -> None:
    names = set(subjects.names_of_ours())
    assert names >= {"arelu", "elsa", "prelu", "leaky_relu", "adarelu", "crelu", "apl_arelu", "vlu", "pvlu", "sinerelu"}
    for name in set(registry) - names:
        spec = registry.get(name).spec
        assert spec.kind == "convolution" or spec.stochastic or not (spec.parameters or spec.formula), name
    timed = measure.measure_at(
        [*subjects.make_yardsticks(), *subjects.make_subjects(4)], (2, 4, 3, 3), "contiguous", 1, 2
    )
    assert {row.function.partition(",")[0] for row in timed.rows} >= names


def test_published_form_is_arelu() -> None:
    module, x = subjects.PublishedAReLU(), torch.linspace(-3, 3, 20)
    torch.testing.assert_close(module(x), R.arelu(x, module.alpha.squeeze(), module.beta.squeeze()))


def test_a_package_that_is_there_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("torch_activation")
    for name in ("AReLU", "PVLU", "CReLU"):
        setattr(package, name, lambda **_: nn.ReLU())
    monkeypatch.setitem(sys.modules, "torch_activation", package)
    monkeypatch.setitem(sys.modules, "rational.torch", None)
    monkeypatch.setattr(subjects, "version", lambda _: "1.0")
    found, states = subjects.find_rivals()
    assert {"arelu, torch-activation", "crelu, torch-activation"} <= {subject.name for subject in found}
    assert states["torch-activation"] == "1.0"
    assert "pau, rational-activations" not in {subject.name for subject in found}


def test_ratios_are_per_element_of_the_output() -> None:
    """Maxout gives half as many as it takes, and CReLU twice as many."""
    for name in ("maxout", "crelu", "relu"):
        (subject,) = subjects.make_subjects(4, [name])
        assert subject.outputs == subject.module(torch.randn(2, 4, 3, 3)).numel() / 72, name


def test_a_package_that_cannot_take_the_input_is_left_out() -> None:
    class Stubborn(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.view(-1).relu().view(x.shape)

    timed = [*subjects.make_yardsticks(), subjects.Subject("stubborn", Stubborn(), checked=False)]
    taken = {
        layout: [row.function for row in measure.measure_at(timed, (2, 3, 4, 5), layout, 1, 2).rows]
        for layout in measure.LAYOUTS
    }
    assert "stubborn" in taken["contiguous"]
    assert "stubborn" not in taken["channels_last"]


def test_most_held_counts_what_is_held_at_once() -> None:
    def work() -> None:
        for _ in range(3):
            held = [torch.ones(1 << 18), torch.ones(1 << 18)]
            held.clear()

    assert peak.most_held(work) == pytest.approx(2 << 20, rel=0.01)


@pytest.mark.slow
def test_peak_of_a_training_step() -> None:
    found = {one.function: one for one in peak.measure_peaks(batch=4)}
    assert found["nn.ReLU"].ratio == 1
    assert found["arelu, as published"].ratio > 1
    assert sum(isinstance(module, ConvReLU2d) for module in peak.resnet18_with_convrelu().modules()) == 8
    assert found["convrelu"].ratio < 1.1
    assert not any(isinstance(module, nn.ReLU) for module in peak.resnet18(nn.Tanh).modules())
