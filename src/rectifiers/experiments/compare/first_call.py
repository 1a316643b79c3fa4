"""What a user's training calls its model with first: the example that shows where the activations are."""

from __future__ import annotations

import contextlib
from functools import cache
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from ...core.errors import ConfigError
from ...core.generators import generators_put_back
from ...training.process_state import restoring
from .own_training import train_by_user
from .references import title
from .trial import OwnTrial

ROWS = 8
"""Samples of a batch that are kept."""


class _EnoughError(BaseException):
    """Leaves a training: no `except Exception` on the way stops it."""


def first_call(trial: OwnTrial, *, whole: bool = False) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Begin the user's training, and stop it at the first call of its model.

    Args:
        trial: whose training.
        whole: whether the whole batch is wanted, and not a few samples of it.

    Returns:
        Positional and keyword arguments of the call.

    Raises:
        ConfigError: the training ends without calling the model.
    """
    names = ("network", "train", "measure", "better", "lr", "epochs", "batch_size", "device", "passed", "default_dtype")
    call = _first_call(OwnTrial(**{name: getattr(trial, name) for name in names}))
    return call if whole else _few(call)


@cache
def _first_call(trial: OwnTrial) -> tuple[tuple[Any, ...], dict[str, Any]]:
    from .model import make_model

    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def stop(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        calls.append((args, kwargs))
        raise _EnoughError

    with generators_put_back(), restoring():
        model = make_model(trial, lambda model: ())
        handle = model.register_forward_pre_hook(stop, with_kwargs=True)
        try:
            with contextlib.suppress(_EnoughError):
                train_by_user(trial, model)
        except ConfigError:
            if not calls:
                raise
        finally:
            handle.remove()
    if not calls:
        raise ConfigError(
            f"{title(trial.train)} never called the model that it was given, so what to call it with is not known; "
            "give example=…, such as example=(1, 3, 32, 32)"
        )
    return _detached(calls[0])


def _few(call: tuple[tuple[Any, ...], dict[str, Any]]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A call with the first samples of its batch, where all its tensors are of the same batch."""
    args, kwargs = call
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    sizes = {len(leaf) for leaf in tensors if leaf.dim()}
    rows = ROWS if len(sizes) == 1 else None

    def cut(leaf: Any) -> Any:
        return leaf[:rows] if isinstance(leaf, Tensor) and leaf.dim() else leaf

    return tree_map(cut, args), tree_map(cut, kwargs)


def _detached(call: tuple[tuple[Any, ...], dict[str, Any]]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A call as it may be kept: without what its tensors come from, and without arguments that are None."""

    def keep(leaf: Any) -> Any:
        return leaf.detach().clone() if isinstance(leaf, Tensor) else leaf

    args, kwargs = call
    return tree_map(keep, args), tree_map(keep, {name: value for name, value in kwargs.items() if value is not None})
