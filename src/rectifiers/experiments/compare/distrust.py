"""Whether a training obeys its seed: what to say of runs that prove nothing, or less than they seem to."""

from __future__ import annotations

from collections.abc import Sequence

from ..experiment import Cell
from ..result import Result

Outcomes = Sequence[tuple[Cell, Result | None]]


def ignored_seeds(outcomes: Outcomes, name: str) -> str:
    """Why the runs are not independent; empty where they may be.

    Args:
        outcomes: of a comparison.
        name: of the training.
    """
    scores = _curves(outcomes)
    constant = [row for row, found in scores.items() if len(found) > 1 and len(set(found.values())) == 1]
    if not scores or len(constant) < len([row for row, found in scores.items() if len(found) > 1]) or not constant:
        return ""
    curves = list(scores[constant[0]].values())
    return (
        f"{name} ignores its seed: {len(curves)} seeds gave exactly the same score in every row, such as "
        f"{curves[0][-1]:g}; so there is one run of each, and nothing tells chance from effect. Seed what it draws "
        "with the seed that it is given"
    )


def ignored_model(outcomes: Outcomes, name: str) -> str:
    """Why the runs say nothing of the variants: all rows have the same scores; empty where they differ.

    Args:
        outcomes: of a comparison.
        name: of the training.
    """
    rows = list(_curves(outcomes).values())
    if len(rows) < 2 or any(row != rows[0] for row in rows):
        return ""
    return (
        f"all variants gave exactly the scores of the model as it is, seed by seed: {name} does not train the model "
        "that it is given, or the variants compute the same. Use the argument, and build no model inside"
    )


def unrepeatable(first: Result | None, second: Result | None, name: str) -> str:
    """What to say where two runs of one seed differ; empty where they do not.

    Args:
        first: a run.
        second: the same again.
        name: of the training.
    """
    if first is None or second is None or not first.epochs or not second.epochs:
        return ""
    one, two = first.epochs[-1].test_score, second.epochs[-1].test_score
    if one == two:
        return ""
    return (
        f"two runs of {name} with one seed gave {one:g} and {two:g}: it draws numbers that its seed does not decide, "
        "so that pairing by seed gains less. Verdicts stay valid, and need more seeds"
    )


def _curves(outcomes: Outcomes) -> dict[str, dict[int, tuple[float, ...]]]:
    """Row → seed → scores over the epochs."""
    curves: dict[str, dict[int, tuple[float, ...]]] = {}
    for cell, result in outcomes:
        if result is not None and result.epochs:
            curves.setdefault(cell.row, {})[cell.trial.seed] = tuple(epoch.test_score for epoch in result.epochs)
    return curves
