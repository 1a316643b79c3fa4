"""Regression that changes slowly: the bit-flipping problem of Dohare, Sutton and Mahmood (2021; Nature, 2024)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ..core.lazy import torch
from .changing import ChangingDataset, drawn
from .dataset import Dataset
from .examples import Examples
from .numbers import Numbers
from .source import Source

if TYPE_CHECKING:
    from torch import Tensor

BITS, SLOW = 20, 15
"""Bits of an input, and how many of them stay for a phase."""
FEATURES, SHARE = 100, 0.7
"""Units of the network that gives the answers, and the share of bits that must fit for one to be on (their β)."""
TRAIN, TEST = 10_000, 1_000


class SlowRegression(Source):
    """Answers of a network of threshold units to 20 bits, of which 15 stay and one of these flips after each phase.

    The answers are Σᵤ vᵤ·[wᵤ·x + bᵤ > θᵤ] + c over 100 units, with all weights −1 or 1 and
    θᵤ = 0.7·21 − (20 − Σwᵤ + bᵤ)/2, as in the authors' public code (github.com/shibhansh/loss-of-plasticity). The seed
    draws weights, bits and flips.
    """

    name: ClassVar[str] = "slow-regression"

    def load(self, data_dir: Path) -> Dataset:
        """Draw the first phase of seed 0; it needs no files."""
        train, test = _phase(TRAIN, TEST, 0, 0)

        def change(train: Examples, test: Examples, phase: int, seed: int) -> tuple[Examples, Examples]:
            return _phase(len(train), len(test), phase, seed)

        note = "in every phase one of the 15 slow bits is another"
        return ChangingDataset(self.name, train, test, ("answer",), note, change=change)


def _phase(train: int, test: int, phase: int, seed: int) -> tuple[Numbers, Numbers]:
    draw = drawn(seed, "slow-regression", "answers")
    weights, biases, out = (_signs(shape, draw) for shape in ((FEATURES, BITS), (FEATURES,), (FEATURES + 1,)))
    thresholds = SHARE * (BITS + 1) - (BITS - weights.sum(1) + biases) / 2
    draw = drawn(seed, "slow-regression", "flips")
    slow = torch.randint(2, (SLOW,), generator=draw)
    for _ in range(phase):
        flipped = torch.randint(SLOW, (1,), generator=draw)
        slow[flipped] = 1 - slow[flipped]
    draw = drawn(seed, "slow-regression", "rows", phase)

    def rows(count: int) -> Numbers:
        fast = torch.randint(2, (count, BITS - SLOW), generator=draw)
        inputs = torch.cat((slow.expand(count, -1), fast), 1)
        on = (inputs.float() @ weights.T + biases > thresholds).float()
        return Numbers(inputs.to(torch.uint8), (on @ out[:-1] + out[-1]).unsqueeze(1))

    return rows(train), rows(test)


def _signs(shape: tuple[int, ...], draw: torch.Generator) -> Tensor:
    """Draw −1 and 1 with equal chance."""
    return 2.0 * torch.randint(2, shape, generator=draw) - 1
