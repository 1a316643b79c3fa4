"""What the tests of surgery share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rectifiers.surgery import SwapReport, swap

WAVE = {"alpha": 0.3}
"""Settings of a PVLU that is visibly no ReLU."""


def run(model: nn.Module, *args: Any, **kwargs: Any) -> Any:
    """The model's answer in evaluation mode, without gradients."""
    with torch.no_grad():
        return model.eval()(*args, **kwargs)


def structure(model: nn.Module) -> list[tuple[str, type, int]]:
    """All modules and parameters under all their names, by identity."""
    modules = [(name, type(module), id(module)) for name, module in model.named_modules(remove_duplicate=False)]
    return modules + [(name, type(p), id(p)) for name, p in model.named_parameters(remove_duplicate=False)]


def assert_round_trip(model: nn.Module, x: Tensor, **arguments: Any) -> None:
    """A swap with a function that equals ReLU keeps the outputs' bits; reverting it keeps everything."""
    before, parts, keys = run(model, x), structure(model), [*model.state_dict()]
    report = swap(model, "pvlu", example=x, **arguments)
    assert torch.equal(run(model, x), before)
    report.revert()
    assert structure(model) == parts
    assert [*model.state_dict()] == keys
    assert torch.equal(run(model, x), before)


def waves(model: nn.Module, x: Any, **arguments: Any) -> SwapReport:
    """Put in a function that is visibly no ReLU, and make sure that the model's outputs show it."""
    report = swap(model, "pvlu", example=x, relu_like=False, **WAVE, **arguments)
    assert report.check is not None
    assert not report.check.identical
    return report
