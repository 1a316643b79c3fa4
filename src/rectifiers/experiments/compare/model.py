"""The model of a trial: made by the user's function, with the variant's activations in it."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import torch
from torch import nn

from ...core.errors import ConfigError, RectifiersError
from ...core.factory import story
from ...core.memory import is_out_of_memory, within_memory
from ...core.seeds import derive
from ...watching.example import Example
from .references import resolve, title
from .start_weights import load_weights
from .trial import OwnTrial
from .variants import Variant

_made: WeakSet[nn.Module] = WeakSet()
"""Models that were made, and changed since."""


def make_model(trial: OwnTrial, example: Callable[[nn.Module], Example]) -> nn.Module:
    """The model of a trial.

    Initial weights are those of the trial's file. Without one they come from a stream that is named by the seed alone,
    so that they are the same in all variants where a swap keeps them. Activations draw from a stream of their own.

    Args:
        trial: what is made.
        example: what the model is called with, asked for only where something is swapped.

    Raises:
        ConfigError: the user's function fails, needs arguments, makes no model, or one that is too large; or the
            weights do not fit it.
        RectifiersError: the variant does not fit the model.
    """
    torch.manual_seed(derive(trial.seed, "init"))
    model = make(resolve(trial.network), title(trial.network))
    if trial.weights:
        load_weights(model, trial.weights)
    if trial.device != "cpu":
        model = model.to(trial.device)
    variant = Variant("", trial.swaps, trial.change)
    if trial.swaps or trial.change:
        shown = example(model) if trial.swaps else ()
        torch.manual_seed(derive(trial.seed, "activation"))
        model = variant.apply(model, shown)
    return model.to(memory_format=torch.channels_last) if trial.channels_last else model


def make(factory: Any, name: str) -> nn.Module:
    """Call what makes a model; a model itself is copied.

    Args:
        factory: a model, or what makes one.
        name: of it, for errors.

    Raises:
        ConfigError: it fails, needs arguments, makes something else, or memory does not suffice.
    """
    if isinstance(factory, nn.Module):
        return copy.deepcopy(factory)
    if not callable(factory):
        raise ConfigError(f"{name} is of type {type(factory).__name__}; expected a model, or a function that makes one")
    needed = _required(factory)
    if needed:
        raise ConfigError(
            f"{name} needs the argument{'s' if len(needed) > 1 else ''} {', '.join(needed)}; give a function that "
            f"needs none, such as lambda: {name}({', '.join(f'{one}=…' for one in needed)})"
        )
    try:
        with within_memory():
            model = factory()
    except RectifiersError:
        raise
    except (Exception, SystemExit) as error:
        if is_out_of_memory(error):
            raise ConfigError(f"{name} does not fit into memory; make a smaller model") from None
        raise ConfigError(f"{name} failed: {story(error)}") from error
    if not isinstance(model, nn.Module):
        raise ConfigError(f"{name} returned {type(model).__name__}; it has to return an nn.Module")
    if model in _made:
        raise ConfigError(f"{name} returns the same model each time; make a new one, or give the model itself")
    _made.add(model)
    return model


def _required(factory: Callable[..., Any]) -> list[str]:
    """Names of the arguments that have no default."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return []
    return [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
