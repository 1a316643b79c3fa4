"""What a user wrote, checked by its words alone: before data are read, a model is made, or anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ...core.errors import ConfigError, UnknownNameError
from ...core.wording import listing
from .references import refer
from .task import TASKS, loss_name, measure_name, measure_of
from .trial import OwnTrial

DECIDED = frozenset(
    [
        *("seed", "swaps", "change", "network", "dataset", "tuning", "repeat", "passed", "untested"),
        "default_dtype",
        *("activation", "activation_args", "adapter", "base", "network_args", "pretrained", "trained", "vote"),
        *("parallel", "perturb", "redo", "shrink", "together"),
        *("data_digest", "network_digest"),
    ]
)
"""Fields of a trial that a comparison decides."""

BY_NAME_ALONE = ("augment", "cutmix", "folds", "mixup", "normalise", "patches", "phase_epochs", "train_size")
"""Settings that concern data known by name: what users' own loaders give is taken as it is."""


class Goal(NamedTuple):
    """What is learned, as trials hold it.

    Args:
        task: its name; empty for what the targets look like.
        loss: its name; empty for the task's own, and where it is a function.
        measure: its name likewise, or that of what the user's training returns.
        better: which of the measure is better; empty for what its name says.
    """

    task: str
    loss: str
    measure: str
    better: str


def check_goal(task: str, loss: Any, metric: Any, better: Any, *, own_training: bool) -> Goal:
    """Names of what is learned, as they are written here.

    Args:
        task: what the user wrote.
        loss: a name, or a function.
        metric: a name, or a function.
        better: `higher`, `lower` or nothing.
        own_training: whether the user's training measures, whose names are its own.

    Raises:
        UnknownNameError: there is no such task, loss or measure; with the nearest names.
        ConfigError: nobody says whether more or less of the metric is better.
    """
    if better not in (None, "", "higher", "lower"):
        raise UnknownNameError("better", str(better), ("higher", "lower"))
    if own_training and (task or loss):
        given = "task" if task else "loss"
        raise ConfigError(f"{given} is for the built-in loop; your training decides what it learns")
    if task and task not in TASKS:
        raise UnknownNameError("task", task, TASKS)
    if isinstance(metric, str) and ":" in metric:
        refer(metric)
    words = tuple(thing if isinstance(thing, str) and ":" not in thing else "" for thing in (loss, metric))
    measure = words[1] if own_training else measure_name(words[1], task)
    if own_training and measure:
        measure_of(OwnTrial.create(network="", better=better or ""), measure)
    elif metric and not measure:
        name = metric.rpartition(":")[2] if isinstance(metric, str) else getattr(metric, "__name__", "")
        if name:
            measure_of(OwnTrial.create(network="", better=better or ""), name)
    return Goal(task, loss_name(words[0], task), measure, better or "")


def check_settings(settings: Mapping[str, Any], usual: Mapping[str, Any], known: Iterable[str], *, named: bool) -> None:
    """Make sure that settings are there, and do something.

    Args:
        settings: what the user wrote.
        usual: the same, with what is usual where the user names nothing.
        known: names of the other arguments of a comparison.
        named: whether data are known by name.

    Raises:
        ConfigError: there is no such setting, a comparison decides it, it is outside its domain, or it would do
            nothing.
    """
    fixed = sorted(DECIDED & set(settings))
    if fixed:
        raise ConfigError(f"{', '.join(fixed)} cannot be set; a comparison decides it")
    fields = set(OwnTrial.model_fields) - DECIDED
    for name in settings:
        if name not in fields:
            near = UnknownNameError("setting", name, {*fields, *known}).nearest
            raise ConfigError(f"{name}: no such setting" + (f"; did you mean {' or '.join(near)}?" if near else ""))
    OwnTrial.create(network="", **usual)
    idle = [] if named else [name for name in BY_NAME_ALONE if settings.get(name)]
    if idle:
        raise ConfigError(
            f"{listing(idle)} {'is' if len(idle) == 1 else 'are'} for data known by name, such as cifar10 or a folder "
            "of pictures; do it in your loaders, or in train=… of your own"
        )
