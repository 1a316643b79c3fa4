"""Which kernels runs get, where nobody says: the fast ones, unless something speaks for the reference.

What is told here is told without loading PyTorch, for tables ask it too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from ..core.compiler import find_compiler
from ..core.errors import ConfigError
from .trial import Trial

FUSED = "cpu-fused"
FAST = "cpu"
REFERENCE = "reference"

_PACKAGED = Path(__file__).parents[1] / "kernels" / "cpu" / "librectifiers.so"


class KernelChoice(NamedTuple):
    """The kernels of runs that name none.

    Args:
        name: of the provider, as a trial holds it.
        why: what decided it.
    """

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}, {self.why}"


def choose_kernels(trials: Iterable[Trial], has: Callable[[Trial], bool] = lambda trial: False) -> KernelChoice:
    """Choose the kernels of trials that name none.

    Runs that go on with what earlier ones began stay with their kernels, so that no table mixes two.

    Args:
        trials: some that show what all of them are like, by the reference.
        has: whether there is a result of a trial already.

    Example:
        >>> trial = Trial(dataset="digits", network="digits-conv", activation="arelu", lr=0.01, device="cuda")
        >>> print(choose_kernels([trial]))
        reference, because nobody has run the kernels on cuda
    """
    trials = list(trials)
    lineage = [one for trial in trials for one in (trial, *trial.lineage)]
    elsewhere = next((one.device for one in lineage if one.device != "cpu"), "")
    if elsewhere:
        return KernelChoice(REFERENCE, f"because nobody has run the kernels on {elsewhere}")
    if any(one.compile for one in lineage):
        return KernelChoice(REFERENCE, "which a compiler fuses")
    if any(one.together for one in lineage):
        return KernelChoice(REFERENCE, "which alone computes several networks as one")
    choices = (*((FUSED,) if all(trial.may_fuse for trial in trials) else ()), FAST, REFERENCE)
    results = {name: sum(has(with_kernels(trial, name)) for trial in trials) for name in choices}
    most = max(choices, key=results.__getitem__)
    if most == REFERENCE:
        return KernelChoice(REFERENCE, "which made the results there are")
    if lack := _lack():
        return KernelChoice(REFERENCE, f"because there are no fast kernels: {lack}")
    return KernelChoice(most, "the fast ones" if most == choices[0] else "which made the results there are")


def with_kernels(trial: Trial, kernels: str) -> Trial:
    """Copy a trial, and all that it starts from, with other kernels."""
    start = None if trial.start is None else with_kernels(trial.start, kernels)
    return trial.model_copy(update={"kernels": kernels, "start": start})


def _lack() -> str:
    """Why compiled kernels cannot be had here, as far as is known without building them; empty if they can."""
    if os.environ.get("RECTIFIERS_KERNELS") == REFERENCE:
        return "RECTIFIERS_KERNELS forbids them"
    if _PACKAGED.exists():
        return ""
    try:
        find_compiler()
    except ConfigError as error:
        return str(error)
    return ""
