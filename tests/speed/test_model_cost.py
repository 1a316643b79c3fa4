"""What models cost: every way is checked, and what goes wrong is said and not timed."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rectifiers.core.errors import ConfigError
from rectifiers.speed import model_cost, ways
from rectifiers.speed.model_cost import measure_models


def net(width: int = 4) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 2))


CALL = ways.Call((torch.randn(8, 3),), {}, ways.mean_square)


def test_eager_ways_and_memory() -> None:
    model = net()
    before = copy.deepcopy(model.state_dict())
    small, large = measure_models({"small": model, "large": net(64)}, CALL, ways=("train", "infer"), rounds=3)
    assert small.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert {*small.times} == {*small.peaks} == {"train", "infer"}
    assert small.times["train"].ratio == (1.0, 1.0, 1.0)
    assert large.times["train"].ratio[0] <= large.times["train"].ratio[1] <= large.times["train"].ratio[2]
    assert large.peaks["infer"] - small.peaks["infer"] >= 4 * (large.parameters - small.parameters)
    assert large.peaks["train"] > large.peaks["infer"] + 4 * large.parameters, "gradients"
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_exported_models_are_timed_and_weighed() -> None:
    small, large = measure_models({"small": net(), "large": net(256)}, CALL, ways=("export",), rounds=2)
    assert not small.failures
    assert large.sizes["export"] - small.sizes["export"] >= 4 * (large.parameters - small.parameters)


def test_onnxruntime() -> None:
    for package in ways.WAYS["onnx"].needs:
        pytest.importorskip(package)
    (only,) = measure_models({"only": net()}, CALL, ways=("onnx",), rounds=2)
    assert not only.failures
    assert only.sizes["onnx"] > 4 * only.parameters


@pytest.mark.slow
def test_compiled_ways_of_more_models_than_a_function_may_be_compiled_for() -> None:
    models = {str(width): net(width) for width in range(3, 14)}
    rows = measure_models(models, CALL, ways=("train_compiled", "infer_compiled"), rounds=2)
    assert all(not row.failures and len(row.times) == 2 for row in rows)


def test_a_way_that_gives_other_numbers_gets_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(model: nn.Module, call: ways.Call) -> ways.Prepared:
        run = ways.infer(model, call).run
        return ways.Prepared(lambda: 1.01 * run())

    monkeypatch.setitem(ways.WAYS, "wrong", ways.Way("wrong", wrong))
    (row,) = measure_models({"only": net()}, CALL, ways=("infer", "wrong"), rounds=2)
    assert {*row.times} == {"infer"}
    assert "differ by up to 0.01 of the largest output" in row.failures["wrong"]


def test_what_cannot_go_a_way_is_said() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.layer(x)
            return out if out.sum() > 0 else -out

    _, row = measure_models({"plain": net(), "branches": Branches()}, CALL, ways=("infer", "export"), rounds=2)
    assert {*row.times} == {"infer"}
    assert "data-dependent" in row.failures["export"]
    assert "\n" not in row.failures["export"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Linear(4, 1), r"Linear cannot be run: RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
        (nn.ReLU(), r"ReLU cannot be run: ReLU has no parameters that are trained"),
    ],
)
def test_a_model_that_cannot_be_run_is_refused(model: nn.Module, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        measure_models({"only": model}, CALL, ways=("train",), rounds=2)


def test_lack_of_memory_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def lack(*_: Any) -> int:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(model_cost, "_peak", lack)
    with pytest.raises(ConfigError, match="memory does not suffice for large, training step"):
        measure_models({"large": net()}, CALL, rounds=2)


def test_the_loss_is_the_users() -> None:
    seen = []

    def loss(outputs: Tensor) -> Tensor:
        seen.append(outputs.shape)
        return outputs.abs().sum()

    measure_models({"only": net()}, ways.Call(CALL.args, {}, loss), ways=("train",), rounds=2)
    assert {*seen} == {(8, 2)}


def test_outputs_that_cannot_be_trained_on() -> None:
    with pytest.raises(ConfigError, match="no floating-point tensor to train on; give a loss"):
        ways.mean_square({"words": torch.tensor([1])})
