"""A learning rate for each variant, chosen on validation data and on seeds of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...core.errors import ConfigError
from ...core.wording import listing
from ..experiment import Cell
from ..result import Result
from .campaign import COLUMN, Execute, Make, Outcomes, Read
from .scores import is_usable, oriented
from .trial import OwnTrial
from .variants import Variant

FACTORS = (1 / 3, 1.0, 3.0)
"""Of the learning rate: what is tried."""

SEEDS = (500, 501)
"""What no screening and no confirmation uses."""


@dataclass(frozen=True)
class Tuned:
    """Variants with the learning rate that suits each.

    Args:
        variants: in the order given.
        outcomes: the runs that it took.
        at_the_edge: labels of those whose best rate is the smallest or the largest that was tried.
    """

    variants: tuple[Variant, ...]
    outcomes: Outcomes
    at_the_edge: tuple[str, ...]

    @property
    def notes(self) -> list[str]:
        """What was chosen, and where it may not have been the best."""
        rates = ", ".join(f"{variant.label} {variant.lr:g}" for variant in self.variants)
        chosen = f"learning rates that were chosen on validation data: {rates}"
        if not self.at_the_edge:
            return [chosen]
        edge = f"at the edge of those tried for {listing(self.at_the_edge)}; another lr may be better still"
        return [chosen, f"the best learning rate is {edge}"]


def list_tried(variants: Sequence[Variant], lr: float, make: Make) -> dict[tuple[str, float], list[OwnTrial]]:
    """What is tried for each variant: label and factor → its trials.

    Args:
        variants: whose.
        lr: in the middle of what is tried.
        make: the trial of a variant and a seed.
    """
    return {
        (variant.label, factor): [
            make(replace(variant, lr=float(f"{lr * factor:.3g}")), seed, chooses=True).model_copy(
                update={"tuning": True}
            )
            for seed in SEEDS
        ]
        for variant in variants
        for factor in FACTORS
    }


def tune(variants: Sequence[Variant], lr: float, make: Make, execute: Execute, read: Read) -> Tuned:
    """Choose a learning rate for each variant, the baseline among them, by the same rule.

    Args:
        variants: whose.
        lr: in the middle of what is tried.
        make: the trial of a variant and a seed.
        execute: runs trials.
        read: what there is of a trial.

    Raises:
        ConfigError: a run reports nothing of validation data.
    """
    tried = list_tried(variants, lr, make)
    every = [trial for trials in tried.values() for trial in trials]
    _check_validated(read(every[0]))  # where it was run to see how long it takes
    execute(every, math.inf, "learning rates")
    for trial in every:
        _check_validated(read(trial))
    scores = {
        key: _score([oriented(read(trial), validation=True) for trial in trials]) for key, trials in tried.items()
    }
    best = {variant.label: _best(variant.label, scores) for variant in variants}
    rates = {label: float(f"{lr * factor:.3g}") for label, factor in best.items()}
    return Tuned(
        tuple(replace(variant, lr=rates[variant.label]) for variant in variants),
        [(Cell(label, COLUMN, trial), read(trial)) for (label, _), trials in tried.items() for trial in trials],
        tuple(label for label, factor in best.items() if factor != 1.0),
    )


def _check_validated(result: Result | None) -> None:
    if result is not None and is_usable(result) and result.epochs[-1].validation_score is None:
        raise ConfigError(
            "a learning rate is chosen on validation data, and there are none; give data=(train, validation, test), or "
            "return a 'validation' metric from train"
        )


def _score(values: Sequence[float]) -> float:
    """The mean; a rate with which one run diverged is none to choose."""
    return math.nan if any(map(math.isnan, values)) else sum(values) / len(values)


def _best(label: str, scores: Mapping[tuple[str, float], float]) -> float:
    finished = {factor: scores[label, factor] for factor in FACTORS if not math.isnan(scores[label, factor])}
    # Where others are level with the middle, as of what is not trained further, nothing speaks for them.
    return max(finished, key=lambda factor: (finished[factor], factor == 1.0)) if finished else 1.0
