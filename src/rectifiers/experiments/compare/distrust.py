"""Whether a training obeys its seed: what to say of runs that prove nothing, or less than they seem to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ...core.errors import ConfigError
from ...core.wording import listing
from ..experiment import Cell
from ..result import Result

Outcomes = Sequence[tuple[Cell, Result | None]]

_BY_CHANCE = (
    "it draws numbers that the seed does not decide, so that pairing by seed gains less. Verdicts stay valid, and need "
    "more seeds"
)


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
        f"{len(curves)} seeds gave exactly the same score in every row, such as {curves[0][-1]:g}, so that nothing "
        f"tells chance from effect: {name} ignores its seed, or its metric is too coarse to tell runs apart. Seed what "
        "it draws with the seed that it is given, or return a finer metric, such as a loss"
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
        "that it is given, or the variants compute the same, or its metric is too coarse to tell them apart. Use the "
        "argument, build no model inside, and return a finer metric, such as a loss"
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
        f"two runs of {name} with one seed gave {one:g} and {two:g}: {_BY_CHANCE}; unless it leaves something from one "
        "run to the next, such as data that it changed: make that anew in each run"
    )


def unequal_models(first: nn.Module, second: nn.Module, name: str) -> str:
    """What to say where one seed made two models that differ; empty where they are the same.

    Args:
        first: a model.
        second: made once more with the same seed.
        name: of what makes it.

    Raises:
        ConfigError: they differ in their layers, so that rows of a table would not be about one model.
    """
    states = [
        {key: value for key, value in model.state_dict().items() if isinstance(value, Tensor) and not is_lazy(value)}
        for model in (first, second)
    ]
    shapes = [{key: tuple(value.shape) for key, value in state.items()} for state in states]
    if shapes[0] != shapes[1]:
        key = next(key for key in {**shapes[0], **shapes[1]} if shapes[0].get(key) != shapes[1].get(key))
        raise ConfigError(
            f"{name} makes another model each time: {key} was of shape {shapes[0].get(key)} and then of "
            f"{shapes[1].get(key)}; let it make the same each time"
        )
    moved = [key for key, value in states[0].items() if not torch.equal(value, states[1][key])]
    if not moved:
        return ""
    return (
        f"{name} made two models of one seed that differ in {moved[0]}: {_BY_CHANCE}; draw with PyTorch, NumPy's "
        "global generator or random, which are seeded"
    )


def squashed_outputs(outputs: Tensor, name: str) -> str:
    """What to say of outputs that are probabilities where scores are expected; empty where they are not.

    Args:
        outputs: of a model that classifies, whose loss is the cross-entropy.
        name: of the model.
    """
    if outputs.dim() != 2 or outputs.shape[1] < 2 or not bool((outputs >= 0).all()):
        return ""
    if not torch.allclose(outputs.sum(1), torch.ones(len(outputs), device=outputs.device), atol=1e-3):
        return ""
    return (
        f"the outputs of {name} are probabilities, to which the cross-entropy applies a softmax once more: all rows "
        "learn slowly, and may differ in other ways than they would; leave out the model's softmax, or give loss=…"
    )


def untrained_loss(loss: Any) -> str:
    """What to say of a loss that has parameters of its own, which our loop does not train; empty where it has none.

    Example:
        >>> untrained_loss(nn.HuberLoss()), untrained_loss(nn.functional.mse_loss)
        ('', '')
    """
    if not isinstance(loss, nn.Module) or not any(parameter.requires_grad for parameter in loss.parameters()):
        return ""
    return (
        f"the parameters of {type(loss).__name__} were not trained, for they are not the model's; put them into the "
        "model, or train with train=… of your own"
    )


def disguised_classes(task: str, targets: Tensor) -> str:
    """What to say of targets that look like classes, and are learned as something else; empty where they do not.

    Args:
        task: what they were taken for by their looks.
        targets: of a batch.

    Example:
        >>> disguised_classes("regression", torch.tensor([0.0, 1.0, 0.5])), disguised_classes("pixels", torch.eye(3))
        ('', '')
    """
    if len(targets) < 2 or not bool(((targets == 0) | (targets == 1)).all()):
        return ""
    if task == "regression":
        return (
            "all targets are 0 or 1, and were learned as numbers, by squared errors: if they are two classes, name "
            "task='multi-label', for binary cross-entropy, with targets in the shape of the outputs, or give whole "
            "numbers to a model with two outputs; if not, name task='regression'"
        )
    if task == "multi-label" and targets.shape[1] > 1 and bool((targets.sum(1) == 1).all()):
        return (
            "every sample has exactly one label, and labels were learned apart, by binary cross-entropy: if they are "
            "classes, give their numbers, targets.argmax(1); if not, name task='multi-label'"
        )
    return ""


def missing_classes(targets: Mapping[str, Tensor]) -> str:
    """What to say of classes that one part of the data has and another has not; empty where all have the same.

    Args:
        targets: of the parts, by their names: classes from 0; below 0 are targets that are ignored.

    Example:
        >>> missing_classes({"training": torch.tensor([0, 1, 2]), "test": torch.tensor([1, 0])})
        'no sample of class 2 is in the test data; if chance divided the data, divide them by class'
    """
    classes = {part: set(labels[labels >= 0].unique().tolist()) for part, labels in targets.items()}
    every = set().union(*classes.values())
    missing = [
        f"no sample of class {listing([str(number) for number in sorted(every - there)])} is in the {part} data"
        for part, there in classes.items()
        if every - there
    ]
    return f"{listing(missing)}; if chance divided the data, divide them by class" if missing else ""


def _curves(outcomes: Outcomes) -> dict[str, dict[int, tuple[float, ...]]]:
    """Row → seed → scores over the epochs."""
    curves: dict[str, dict[int, tuple[float, ...]]] = {}
    for cell, result in outcomes:
        if result is not None and result.epochs:
            curves.setdefault(cell.row, {})[cell.trial.seed] = tuple(epoch.test_score for epoch in result.epochs)
    return curves
