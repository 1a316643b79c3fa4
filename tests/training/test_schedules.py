"""The learning rate over time against PyTorch's own schedulers, stepped after every step."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR, SequentialLR

from rectifiers.training.schedules import cosine_factor, one_cycle_factor

EPOCHS, STEPS = 5, 4
TOTAL = EPOCHS * STEPS


def rates(scheduler: Callable[[torch.optim.Optimizer], LRScheduler]) -> list[float]:
    """The rates of all steps, with PyTorch's scheduler over a full rate of 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = scheduler(optimizer)
    found = []
    for _ in range(TOTAL):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def factors(factor: Callable[..., float], warmup: int) -> list[float]:
    """Ours, asked in the middle of each step, as the loop does."""
    return [factor((step + 0.5) / STEPS, epochs=EPOCHS, steps=STEPS, warmup_epochs=warmup) for step in range(TOTAL)]


def test_cosine() -> None:
    assert factors(cosine_factor, 0) == pytest.approx(rates(lambda optimizer: CosineAnnealingLR(optimizer, TOTAL)))


@pytest.mark.parametrize("warmup", [1, 2, 4])
def test_cosine_after_a_warmup(warmup: int) -> None:
    rise = warmup * STEPS

    def scheduler(optimizer: torch.optim.Optimizer) -> LRScheduler:
        parts = [
            LambdaLR(optimizer, lambda step: (step + 0.5) / rise),
            CosineAnnealingLR(optimizer, TOTAL - rise),
        ]
        return SequentialLR(optimizer, parts, [rise])

    found = factors(cosine_factor, warmup)
    assert found == pytest.approx(rates(scheduler))
    assert found[rise] == 1.0


@pytest.mark.parametrize("warmup", [0, 1, 2, 4])
@pytest.mark.filterwarnings("ignore:Detected call of")
def test_one_cycle(warmup: int) -> None:
    share = {"pct_start": warmup / EPOCHS} if warmup else {}
    expected = rates(lambda optimizer: OneCycleLR(optimizer, 1.0, TOTAL, cycle_momentum=False, **share))
    assert factors(one_cycle_factor, warmup) == pytest.approx(expected)


def test_one_cycle_of_very_few_steps() -> None:
    """With less than one step of warm-up, PyTorch begins on the way down; so do we."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    OneCycleLR(optimizer, 1.0, 2, cycle_momentum=False)
    assert one_cycle_factor(0.25, epochs=1, steps=2) == pytest.approx(optimizer.param_groups[0]["lr"])
