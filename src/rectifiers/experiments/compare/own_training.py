"""The user's own training: `train(model, seed, report) -> metrics`, called with named seed streams and read."""

from __future__ import annotations

import inspect
import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from ...core.errors import ConfigError, RectifiersError
from ...core.factory import story
from ...core.memory import is_out_of_memory
from ...core.seeds import derive
from ...core.wording import is_printable_line, listing
from ...training.metrics import Epoch, Measure
from .generators import restore, seed_all, states
from .references import resolve, title
from .task import as_number, check_metric, higher_is_better, measure_of
from .trial import OwnTrial
from .variants import AS_IT_IS

_VALIDATION = ("val", "valid", "validation")
_OTHER = (*_VALIDATION, "train", "training")
"""How names of metrics begin that are not of test data."""
_BOOKKEEPING = ("epoch", "step", "runtime", "second", "time", "lr", "flos", "samples")


def train_by_user(trial: OwnTrial, model: nn.Module) -> tuple[Measure, list[Epoch]]:
    """Let the user's function train a model, and read what it reports and returns.

    The generators of PyTorch, NumPy and Python are seeded before, from a stream of their own.

    Returns:
        What is measured; and an epoch for each report, with the metrics that it returned as the last.

    Raises:
        ConfigError: it fails, returns nothing, or no number that counts.
    """
    name = title(trial.train)
    reports: list[dict[str, float]] = []
    where = f"in the run of {run_of(trial)}, {name}"

    def report(metrics: Any = None, /, **named: Any) -> None:
        # Numbers that count steps come as well, in any form: `report(epoch, accuracy=…)`.
        given = dict(metrics) if isinstance(metrics, Mapping) else {}
        line = {str(key): value for key, value in {**given, **named}.items()}
        if line:
            reports.append({_checked(key, where): check_metric(value, key) for key, value in line.items()})

    train = resolve(trial.train)
    outside = states()
    seed_all(derive(trial.seed, "train"))
    started = time.perf_counter()
    try:
        returned = train(model, **_arguments(train, name, trial, report))
    except RectifiersError:
        raise
    except (Exception, SystemExit) as error:
        if is_out_of_memory(error):
            raise ConfigError(f"{where} ran out of memory; use smaller batches, or fewer workers") from None
        raise ConfigError(f"{where} failed: {story(error)}") from error
    finally:
        restore(outside)
    seconds = time.perf_counter() - started
    metrics = {_checked(key, where): value for key, value in _read(returned, name, reports).items()}
    key = _choose(metrics, trial.measure, where)
    lines = [line for line in reports if key in line]
    if lines and lines[-1][key] == metrics[key]:  # the last epoch was reported, too
        lines[-1] = {**lines[-1], **metrics}
    else:
        lines.append(metrics)
    return measure_of(trial, _plain(key)), [
        _epoch(number, line, key, seconds / len(lines)) for number, line in enumerate(lines, start=1)
    ]


def run_of(trial: OwnTrial) -> str:
    """What names the run of a trial to people: what was put into the model, and the seed.

    Example:
        >>> run_of(OwnTrial.create(network="", swaps=[{"to": "pvlu", "where": "R1"}], seed=3))
        'pvlu@R1 with seed 3'
    """
    swaps = "+".join(swap.to if swap.where == "all" else f"{swap.to}@{swap.where}" for swap in trial.swaps)
    return f"{swaps or (title(trial.change) if trial.change else AS_IT_IS)} with seed {trial.seed}"


def is_finite(epochs: list[Epoch]) -> bool:
    """Whether there is a last metric, and it is a number."""
    return bool(epochs) and math.isfinite(epochs[-1].test_score)


def check_training(train: Any, name: str, passed: Sequence[str]) -> None:
    """Make sure that a training takes what it is called with.

    Args:
        train: the user's function.
        name: of it, for errors.
        passed: settings that it is to get.

    Raises:
        ConfigError: it takes too little, or too much.
    """
    if not callable(train):
        raise ConfigError(
            f"train has to be a function, train(model, seed, report), got something of type {type(train).__name__}"
        )
    parameters = inspect.signature(train).parameters
    if not parameters:
        raise ConfigError(f"{name} takes no arguments; it has to take the model: {name}(model, seed, report)")
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    names = list(parameters)[1:]
    refused = [key for key in passed if key not in names]
    if refused:
        raise ConfigError(f"{name} takes no {listing(refused)}; add it to its arguments, or do not set it")
    missing = [
        key
        for key in names
        if key not in ("seed", "report", *passed)
        and parameters[key].default is inspect.Parameter.empty
        and parameters[key].kind is not inspect.Parameter.VAR_POSITIONAL
    ]
    if missing:
        raise ConfigError(
            f"{name} needs {listing(missing)}, which it is not given; it is called as {name}(model, seed, report), "
            "with the settings that are given, such as lr or epochs"
        )


def rate_of(train: Any, name: str) -> float:
    """The learning rate that a training has where it is given none: its default.

    Args:
        train: the user's function.
        name: of it, for errors.

    Raises:
        ConfigError: it has none.

    Example:
        >>> rate_of(lambda model, seed, lr=0.1: 0.0, "train")
        0.1
    """
    parameter = inspect.signature(train).parameters.get("lr")
    rate = None if parameter is None else as_number(parameter.default)
    if rate is None or not 0 < rate < math.inf:
        raise ConfigError(f"tune_lr tries rates around lr, for which {name} has no default; give lr=…")
    return rate


def _arguments(train: Any, name: str, trial: OwnTrial, report: Any) -> dict[str, Any]:
    """What a training takes besides the model.

    Raises:
        ConfigError: it takes too little, or too much.
    """
    check_training(train, name, trial.passed)
    offered = {"seed": trial.seed, "report": report, **{key: getattr(trial, key) for key in trial.passed}}
    parameters = inspect.signature(train).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return offered
    return {key: offered[key] for key in list(parameters)[1:] if key in offered}


def _read(returned: Any, name: str, reports: list[dict[str, float]]) -> dict[str, float]:
    """The metrics that a training returned, or else reported last."""
    if returned is None:
        if not reports:
            raise ConfigError(
                f"{name} returned nothing; return a number or a dictionary such as {{'accuracy': 0.9}}, or report one "
                "with report(accuracy=…)"
            )
        return reports[-1]
    if isinstance(returned, Mapping):
        found = {str(key): as_number(value) for key, value in returned.items()}
        numbers = {key: number for key, number in found.items() if number is not None}
        if not numbers:
            given = f"no number among {listing(list(map(str, returned)))}" if returned else "an empty dictionary"
            raise ConfigError(f"{name} returned {given}; return one such as {{'accuracy': 0.9}}")
        return numbers
    return {"metric": check_metric(returned, f"what {name} returns")}


def _checked(key: str, name: str) -> str:
    """The name of a metric, which stands in tables and in results."""
    if not key.strip() or not is_printable_line(key):
        raise ConfigError(f"{name} named a metric {key!r}; give it a name of one line, such as 'accuracy'")
    return key


def _choose(metrics: Mapping[str, float], wanted: str, name: str) -> str:
    """The metric that counts."""
    if wanted:
        for key in (wanted, f"test_{wanted}", f"eval_{wanted}"):
            if key in metrics:
                return key
        raise ConfigError(
            f"{name} returned {listing(list(metrics), 6)}, but no {wanted}; return it from every run, or name one of "
            "them as metric=…"
        )
    own = [key for key in metrics if not (_is_of_other_data(key) or _is_bookkeeping(key))]
    measures = [key for key in own if not key.endswith("loss")] or own
    if len(measures) == 1:
        return measures[0]
    likely = next(iter([*measures, *(key for key in metrics if not _is_bookkeeping(key)), *metrics]))
    raise ConfigError(f"{name} returned {listing(list(metrics), 6)}; say which of them counts with metric={likely!r}")


def _plain(key: str) -> str:
    """The name of a metric without that of the data."""
    return key.removeprefix("test_").removeprefix("eval_")


def _is_of_other_data(key: str) -> bool:
    """Whether a metric is one of training or validation data, as `val_f1`, `valF1` and `trainloss`, not `validity`."""
    rests = [key.removeprefix(name) for name in _OTHER if key.startswith(name)]
    return any(not rest[:1].islower() or higher_is_better(re.split("[^a-z0-9]", rest)[0]) is not None for rest in rests)


def _is_bookkeeping(key: str) -> bool:
    return any(word in key.lower().split("_") or key.lower().endswith(word) for word in _BOOKKEEPING)


def _epoch(number: int, line: Mapping[str, float], key: str, seconds: float) -> Epoch:
    plain = _plain(key)
    names = [*(f"{prefix}_{plain}" for prefix in _VALIDATION), *_VALIDATION]
    validation = next((line[name] for name in names if name in line), None)
    return Epoch(
        epoch=number,
        lr=line.get("lr", math.nan),
        train_loss=line.get("train_loss", math.nan),
        train_accuracy=line.get(f"train_{plain}", math.nan),
        validation_accuracy=validation,
        test_loss=line.get("test_loss", line.get("eval_loss", line.get("loss", math.nan))),
        test_accuracy=line[key],
        train_seconds=seconds,
        test_seconds=0.0,
    )
