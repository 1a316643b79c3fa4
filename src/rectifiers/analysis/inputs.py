"""What a loader yields, as arguments of a model."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from ..core.errors import ConfigError, DataError
from ..surgery.trace import untouched


class Inputs(NamedTuple):
    """Arguments of one call of a model."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def size(self) -> int:
        """How many examples they hold."""
        return len(next(leaf for leaf in tree_leaves((self.args, self.kwargs)) if isinstance(leaf, Tensor)))


def inputs_of(model: nn.Module, batch: Any) -> Inputs:
    """The arguments for `model` that a batch holds, on the model's device and, if they are real numbers, in its dtype.

    Args:
        model: any module.
        batch: a tensor; a tuple or list whose first entry is the input, as labels come behind it; or a dictionary,
            whose entries go to the arguments of the same name.

    Raises:
        DataError: the batch is none of these, or holds no input.

    Example:
        >>> inputs_of(nn.Linear(2, 1), (torch.zeros(3, 2), torch.zeros(3))).size
        3
    """
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    given = batch[0] if isinstance(batch, (list, tuple)) and batch else batch
    if isinstance(given, Mapping):
        kwargs = _named(model, given)
    elif isinstance(given, (list, tuple)):
        args = tuple(given)
    else:
        args = (given,)
    if not any(isinstance(leaf, Tensor) and leaf.dim() and len(leaf) for leaf in tree_leaves((args, kwargs))):
        raise DataError(
            f"expected batches that are tensors, (inputs, labels) or dictionaries, got {type(batch).__name__} without "
            "an example in it"
        )
    like = next((tensor for tensor in model.parameters() if tensor.is_floating_point()), None)

    def fit(leaf: Any) -> Any:
        if like is None or not isinstance(leaf, Tensor):
            return leaf
        return leaf.to(device=like.device, dtype=like.dtype if leaf.is_floating_point() else None)

    return Inputs(tree_map(fit, args), tree_map(fit, kwargs))


def each(model: nn.Module, batches: Iterable[Any]) -> Iterator[Inputs]:
    """The arguments that each of the batches holds.

    Raises:
        DataError: there are no batches, or one holds no input.
    """
    empty = True
    for batch in batches:
        empty = False
        yield inputs_of(model, batch)
    if empty:
        raise DataError(
            "there are no batches; give a loader or a list with at least one, and no iterator that was read before"
        )


def call(model: nn.Module, inputs: Inputs) -> Any:
    """What `model` makes of a copy of the inputs, over which it may write.

    Raises:
        ConfigError: it cannot take them.
    """

    def copy(leaf: Any) -> Any:
        return leaf.clone() if isinstance(leaf, Tensor) else leaf

    try:
        return model(*tree_map(copy, inputs.args), **tree_map(copy, inputs.kwargs))
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        shapes = [tuple(leaf.shape) for leaf in tree_leaves((inputs.args, inputs.kwargs)) if isinstance(leaf, Tensor)]
        given = ", ".join(map(str, shapes))
        raise ConfigError(f"{type(model).__name__} does not take inputs of shape {given}: {error}") from error


@contextmanager
def evaluating(model: nn.Module, *, gradients: bool = False) -> Iterator[None]:
    """`model` in evaluation mode, and afterwards as it was."""
    with untouched(model), torch.set_grad_enabled(gradients):
        model.eval()
        yield


def _named(model: nn.Module, batch: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(model.forward).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return dict(batch)
    named = {name: value for name, value in batch.items() if name in parameters}
    if not named:
        raise DataError(
            f"{type(model).__name__} takes {', '.join(parameters)}, the batch names {', '.join(map(str, batch))}; "
            "rename its entries"
        )
    return named
