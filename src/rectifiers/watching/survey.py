"""What an example shows of a model: traces in evaluation and in training mode, and the sites of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch.nn.functional as F
from torch import nn

from ..core.errors import ConfigError, RectifiersError
from .example import Example, double_batch, read_example
from .modes import find_reordered_modules, join_modes
from .sites import Located, Site, find_held_apart, locate_sites, tell_apart_by_mode
from .trace import Trace, record
from .unreached import find_unreached
from .wrappers import unwrap


@dataclass(frozen=True)
class Survey:
    """What an example shows of a model.

    Args:
        trace: the forward pass in evaluation mode.
        training: the forward pass in training mode; None if it fails.
        located: all sites, with their ops.
        notes: what the example does not show, in words.
    """

    trace: Trace
    training: Trace | None
    located: list[Located]
    notes: tuple[str, ...]

    @property
    def model(self) -> nn.Module:
        """The model."""
        return self.trace.model

    @property
    def traces(self) -> list[Trace]:
        """The traces that there are, that of evaluation mode first."""
        return [self.trace] if self.training is None else [self.trace, self.training]

    @property
    def sites(self) -> list[Site]:
        """All sites, in forward order; those that only training mode reaches come last."""
        return [located.site for located in self.located]


def survey_model(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Survey:
    """Call `model` once in each mode and find its sites; it is left as it was.

    Args:
        model: any module.
        args: positional arguments, as `read_example` makes them.
        kwargs: keyword arguments, as `read_example` makes them.

    Raises:
        ConfigError: the model fails on the example in evaluation mode.
    """
    try:
        trace = record(model, args, kwargs)
    except RectifiersError:
        raise
    except Exception as error:
        hint = ""
        if len(args) > 1 and isinstance(error, TypeError) and "positional argument" in str(error):
            hint = ". A list is taken as the arguments, one by one; for one argument that is a list, give (list,)"
        elif kwargs and isinstance(error, TypeError) and "keyword argument" in str(error):
            hint = ". A dictionary is taken as keyword arguments; for one argument that is a dictionary, give (dict,)"
        raise ConfigError(
            f"{type(model).__name__} fails on the example: {type(error).__name__}: {error}{hint}"
        ) from error
    notes = []
    training = None
    try:
        training = _record_training(model, args, kwargs)
    except Exception as error:
        notes.append(
            f"sites that only training mode reaches are unknown, because the model fails on the example in training "
            f"mode: {type(error).__name__}: {error}"
        )
    if training is not None:
        tell_apart_by_mode(trace, training)
    located = locate_sites(trace, () if training is None else find_held_apart(training))
    if training is not None:
        in_training = locate_sites(training)
        located = join_modes(located, in_training)
        notes += [
            f"{path or type(model).__name__} calls its activations in another order in training mode: they are told "
            "apart by their numbers, and may get each other's parameters"
            for path in find_reordered_modules(located, in_training)
        ]
    reached = trace.reached | (training.reached if training is not None else set())
    # Methods may be called past their module's own call.
    reached |= {model.get_submodule(path) for entry in located for path in (entry.site.path, entry.site.past)}
    missed = find_unreached(model, reached)
    if missed:
        notes.append(f"not reached by the example, and left unchanged: {', '.join(missed)}")
    return Survey(trace, training, located, tuple(notes))


def find_sites(model: nn.Module, example: Example) -> list[Site]:
    """Find every place where `model` calls an activation on the example, in the order in which they are reached.

    Args:
        model: any module; left as it was.
        example: a tensor, a shape, a tuple of arguments, or a dictionary of keyword arguments.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1), nn.Sigmoid())
        >>> [(site.name, site.kind, site.channels) for site in find_sites(net, (1, 2))]
        [('1', 'relu', 3), ('3', 'sigmoid', 1)]
    """
    inner = unwrap(model)
    return survey_model(inner, *read_example(inner, example)).sites


def _record_training(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Trace:
    try:
        return record(model, args, kwargs, training=True)
    except ValueError as error:
        if not _asks_for_larger_batch(error.__traceback__):
            raise
        return record(model, *double_batch(args, kwargs), training=True)


def _asks_for_larger_batch(traceback: TracebackType | None) -> bool:
    """Return whether a norm raised because it needs more than one value per channel in training mode."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and traceback.tb_frame.f_globals.get("__name__") in _NORMS


_NORMS = {F.__name__, "torch.nn.modules.batchnorm", "torch.nn.modules._functions"}
"""The modules of PyTorch that check the size of a batch for its norms."""
