"""The arguments that batches hold, and models called with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from ..core.errors import ConfigError, DataError
from ..surgery.trace import untouched
from .feeding import Batch, Feed


class Inputs(NamedTuple):
    """Arguments of one call of a model, and how many examples they hold."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    size: int


def inputs_of(model: nn.Module, batch: Any) -> Inputs:
    """The arguments for `model` that a batch holds, as `Feed` finds them.

    Args:
        model: any module.
        batch: a tensor; a tuple with the model's arguments first and labels behind them; or a dictionary, whose entries
            go to the arguments of the same name.

    Raises:
        ConfigError: the batch is none of these.
        DataError: it holds no example.

    Example:
        >>> inputs_of(nn.Linear(2, 1), (torch.zeros(3, 2), torch.zeros(3))).size
        3
    """
    return _inputs(Feed(model, [batch]).prepare(batch, 1))


def each(model: nn.Module, batches: Iterable[Any]) -> Iterator[Inputs]:
    """The arguments that each of the batches holds.

    Raises:
        ConfigError: no batches, but something else.
        DataError: there are none, or one holds no example.
    """
    return map(_inputs, Feed(model, batches))


def call(model: nn.Module, inputs: Inputs) -> Any:
    """What `model` makes of a copy of the inputs, over which it may write.

    Raises:
        ConfigError: it cannot take them.
    """
    args, kwargs, _ = change(inputs, Tensor.clone)
    try:
        return model(*args, **kwargs)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        shapes = [tuple(leaf.shape) for leaf in tree_leaves((inputs.args, inputs.kwargs)) if isinstance(leaf, Tensor)]
        given = ", ".join(map(str, shapes))
        raise ConfigError(f"{type(model).__name__} does not take inputs of shape {given}: {error}") from error


def change(inputs: Inputs, how: Callable[[Tensor], Tensor]) -> Inputs:
    """The same with `how` applied to every tensor."""

    def apply(leaf: Any) -> Any:
        return how(leaf) if isinstance(leaf, Tensor) else leaf

    return Inputs(tree_map(apply, inputs.args), tree_map(apply, inputs.kwargs), inputs.size)


@contextmanager
def evaluating(model: nn.Module, *, gradients: bool = False) -> Iterator[None]:
    """`model` in evaluation mode, and afterwards as it was."""
    with untouched(model), torch.set_grad_enabled(gradients):
        model.eval()
        yield


def _inputs(batch: Batch) -> Inputs:
    if not batch.size:
        raise DataError(f"batch {batch.number} is {type(batch.raw).__name__} without an example; leave it out")
    return Inputs(batch.args, batch.kwargs, batch.size)
