"""What an example shows of a model: a forward pass in evaluation mode, one in training mode, and the sites of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch.nn.functional as F
from torch import nn

from ..core.errors import ConfigError, RectifiersError
from .example import Example, double_batch, read_example
from .kinds import is_torch_activation
from .sites import Located, Site, locate_sites, reordered_modules
from .trace import Trace, record
from .wrappers import unwrap


@dataclass(frozen=True)
class Survey:
    """What an example shows of a model.

    Args:
        trace: the forward pass in evaluation mode.
        training: the one in training mode, if the model runs there.
        located: all sites, with their ops.
        notes: what it does not show.
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
    def sites(self) -> list[Site]:
        """All sites, in forward order; those that only training mode reaches come last."""
        return [located.site for located in self.located]


def survey_model(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Survey:
    """Run `model` once in each mode and note what it calls; it is left as it was.

    Raises:
        ConfigError: it does not run on the example.
    """
    try:
        trace = record(model, args, kwargs)
    except RectifiersError:
        raise
    except Exception as error:
        raise ConfigError(
            f"{type(model).__name__} does not run on the example: {type(error).__name__}: {error}"
        ) from error
    notes = []
    training = None
    try:
        training = _record_training(model, args, kwargs)
    except Exception as error:
        notes.append(
            f"what runs in training mode only was not seen, as the example fails there: {type(error).__name__}: {error}"
        )
    located = locate_sites(trace, training)
    if training is not None:
        notes += [
            f"{path or type(model).__name__} calls its activations in another order in training mode: by number, they "
            "may get each other's parameters"
            for path in reordered_modules(located, training)
        ]
    reached = trace.reached | (training.reached if training is not None else set())
    missed = [name for name, module in model.named_modules() if is_torch_activation(module) and module not in reached]
    if missed:
        notes.append(f"not reached by the example, and left as they are: {', '.join(missed)}")
    return Survey(trace, training, located, tuple(notes))


def find_sites(model: nn.Module, example: Example) -> list[Site]:
    """Every place where `model` calls an activation on the example, in the order in which they run.

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
    """Whether a norm raised because it needs more than one value per channel in training mode."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and traceback.tb_frame.f_globals.get("__name__") in _NORMS


_NORMS = {F.__name__, "torch.nn.modules.batchnorm", "torch.nn.modules._functions"}
"""Where PyTorch's norms check the size of a batch."""
