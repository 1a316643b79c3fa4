"""How a model gets its batches, in whatever form a loader gives them: tensors, tuples with labels, dictionaries."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from ..core.errors import ConfigError, DataError, RectifiersError
from .contents import copy_contents
from .example import read_example

TARGETS = ("labels", "label", "targets", "target", "y")
"""Keys under which a dictionary may hold the target."""

ModelCall = Callable[[nn.Module, Any], Any]


@dataclass(frozen=True)
class Batch:
    """A batch, ready for the model.

    Args:
        raw: as the loader gave it.
        args: positional arguments.
        kwargs: keyword arguments.
        target: what the model should answer, or None.
        number: position among the loader's batches, from 1.
    """

    raw: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    target: Tensor | None
    number: int

    @property
    def size(self) -> int:
        """How many samples it has: the first dimension of the first tensor."""
        return next((len(leaf) for leaf in tree_leaves((self.args, self.kwargs)) if _has_rows(leaf)), 0)

    def map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """Return the same batch with `function` applied to every tensor that the model gets."""

        def apply(leaf: Any) -> Any:
            return function(leaf) if isinstance(leaf, Tensor) else leaf

        return replace(self, args=tree_map(apply, self.args), kwargs=tree_map(apply, self.kwargs))


class Feed:
    """The batches of a loader, ready for a model, and the forward passes of the model on them.

    - A tensor is the model's input.
    - The first elements of a tuple are the model's positional arguments, as many as it requires; the element after
      them is the target.
    - The entries of a dictionary are keyword arguments, without those that the model does not take. Its target (see
      `TARGETS`) goes to the model too if `forward` names it, so that the model can compute its own loss. If the model
      takes none of the other entries and a single tensor is left, that is its input.

    Inputs are moved to the model's device, and floating-point inputs to its dtype.

    Args:
        model: any module.
        loader: any iterable of batches; it is read once.
        call: calls the model on a batch as the loader gives it, where the rules above do not fit.
        limit: how many batches to take; None takes all.
        labels: whether a model whose `forward` names the target gets it; one that has to be given it does anyway.

    Raises:
        ConfigError: `limit` is not positive, or the loader is not an iterable of batches.
    """

    def __init__(
        self,
        model: nn.Module,
        loader: Iterable[Any],
        call: ModelCall | None = None,
        limit: int | None = None,
        *,
        labels: bool = True,
    ) -> None:
        if limit is not None and limit < 1:
            raise ConfigError(f"batches must be at least 1, got {limit}; leave it out to take all")
        if isinstance(loader, Tensor | Mapping | str) or not isinstance(loader, Iterable):
            raise ConfigError(
                f"expected a loader, an iterable of batches, got {type(loader).__name__}; for one batch, give [batch]"
            )
        self.model, self.loader, self.call, self.limit, self.labels = model, loader, call, limit, labels
        self.signature = _parameters(model)
        self.takes_gradients = False
        """Whether the model takes gradients in its `forward`, and so does not run without."""

    def __iter__(self) -> Iterator[Batch]:
        """Give the batches one by one.

        Raises:
            DataError: there are none.
            ConfigError: a batch has a form that is none of the above.
        """
        number = 0
        for number, raw in enumerate(islice(self.loader, self.limit), start=1):
            yield self.prepare(raw, number)
        if not number and isinstance(self.loader, Iterator):
            raise DataError("the loader gave no batches; an iterator gives them only once: give a list, or a new one")
        if not number:
            raise DataError("the loader gave no batches; check its data set and drop_last")

    def forward(self, batch: Batch, *, differentiable: bool = False) -> tuple[Any, list[Tensor]]:
        """Return the model's outputs on a batch, and the inputs to differentiate them by.

        Args:
            batch: a batch of this feed.
            differentiable: whether inputs require gradients; otherwise the second part of the answer is empty.

        Raises:
            ConfigError: the model fails on the batch.
        """
        leaves: list[Tensor] = []

        def require_gradient(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor) or not leaf.is_floating_point() or leaf.layout is not torch.strided:
                return leaf
            leaves.append(leaf.detach().requires_grad_())
            # Autograd forbids to write over leaves.
            return leaves[-1].clone()

        try:
            # A model may write over what it is given, and the batch is the user's and given more than once.
            if self.call is not None:
                return self.call(self.model, copy_contents(batch.raw, self.model)), leaves
            args, kwargs = copy_contents((batch.args, batch.kwargs), self.model)
            if differentiable:
                args, kwargs = tree_map(require_gradient, args), tree_map(require_gradient, kwargs)
            return self.model(*args, **kwargs), leaves
        except RectifiersError:
            raise
        except Exception as error:
            raise ConfigError(
                f"{_word_failure(self.model, batch, error)}. Give inputs that fit, or say how to call it with "
                "call=lambda model, batch: …"
            ) from error

    def prepare(self, raw: Any, number: int) -> Batch:
        """Make a batch as the loader gives it ready for the model.

        Raises:
            ConfigError: the batch has a form that is none of the above.
        """
        args: tuple[Any, ...] = ()
        kwargs: dict[str, Any] = {}
        target: Any = None
        if isinstance(raw, Mapping):
            args, kwargs, target = self._of_mapping(raw)
        elif isinstance(raw, Tensor):
            args = (raw,)
        elif isinstance(raw, Sequence) and not isinstance(raw, str) and len(raw):
            needed = min(max(1, self.signature.needed), len(raw))
            args, rest = tuple(raw[:needed]), raw[needed:]
            target = rest[0] if len(rest) else None
        elif self.call is None:
            raise ConfigError(
                f"batch {number} is of type {type(raw).__name__}; expected a tensor, a tuple or a dictionary. Say how "
                "to call the model on it with call=lambda model, batch: …"
            )
        if self.call is None:
            args, kwargs = read_example(self.model, args)[0], read_example(self.model, kwargs)[1]
        target = target if isinstance(target, Tensor) else None
        return Batch(raw, args, kwargs, target, number)

    def _of_mapping(self, raw: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
        target = next((raw[key] for key in TARGETS if key in raw), None)
        inputs = {key: value for key, value in raw.items() if key not in TARGETS}
        named = self.signature.names
        accepted = {key: value for key, value in inputs.items() if self.signature.open or key in named}
        if accepted or self.call is not None:
            wanted = named if self.labels else self.signature.required
            asked = {key: raw[key] for key in TARGETS if key in raw and key in wanted}
            return (), accepted | asked, target
        tensors = [value for value in inputs.values() if isinstance(value, Tensor)]
        if len(tensors) == 1 and self.signature.needed <= 1:
            return (tensors[0],), {}, target
        raise ConfigError(
            f"{type(self.model).__name__} takes {', '.join(self.signature.names) or 'nothing'}, but a batch has "
            f"{', '.join(map(str, raw))}; say how to call it with call=lambda model, batch: …"
        )


@dataclass(frozen=True)
class _Parameters:
    """What a model's `forward` takes: argument names, those without a default, and whether any other name will do.

    Args:
        names: of the arguments that can be given by name.
        required: those of them that have to be given.
        needed: how many have to be given by position.
        open: whether any other name will do.
    """

    names: tuple[str, ...]
    required: frozenset[str]
    needed: int
    open: bool


def _parameters(model: nn.Module) -> _Parameters:
    parameters = list(inspect.signature(model.forward).parameters.values())
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY)]
    by_name = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return _Parameters(
        tuple(p.name for p in by_name),
        frozenset(p.name for p in by_name if p.default is p.empty),
        sum(p.default is p.empty for p in named),
        any(p.kind is p.VAR_KEYWORD for p in parameters),
    )


def _has_rows(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.dim() > 0


def read_batch(model: nn.Module, raw: Any) -> Batch:
    """Make one batch as a loader gives it ready for `model`, by the rules of `Feed`.

    Args:
        model: any module.
        raw: a tensor; a tuple with the model's arguments first and then the labels; or a dictionary, whose entries
            go to the arguments of the same name.

    Raises:
        ConfigError: the batch is none of these.
        DataError: the batch has no samples.

    Example:
        >>> import torch
        >>> read_batch(nn.Linear(2, 1), (torch.zeros(3, 2), torch.zeros(3))).size
        3
    """
    return _check_filled(Feed(model, [raw], labels=False).prepare(raw, 1))


def read_batches(model: nn.Module, loader: Iterable[Any]) -> Iterator[Batch]:
    """Make the batches of a loader ready for `model`, one by one.

    Raises:
        ConfigError: the loader gives something other than batches.
        DataError: the loader gives no batches, or one without samples.
    """
    return map(_check_filled, Feed(model, loader, labels=False))


def call_model(model: nn.Module, batch: Batch) -> Any:
    """Call `model` on a copy of the batch, which it may write over, and return its outputs.

    Raises:
        ConfigError: the model fails on the batch.
    """
    given = batch.map(Tensor.clone)
    with word_failures(model, batch):
        return model(*given.args, **given.kwargs)


@contextmanager
def word_failures(model: nn.Module, batch: Batch) -> Iterator[None]:
    """Say of a failure in the block that it is one of the model on this batch.

    Raises:
        ConfigError: the block fails.
    """
    try:
        yield
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise ConfigError(_word_failure(model, batch, error)) from error


def _word_failure(model: nn.Module, batch: Batch, error: Exception) -> str:
    leaves = tree_leaves((batch.args, batch.kwargs))
    shapes = ", ".join("×".join(map(str, leaf.shape)) for leaf in leaves if _has_rows(leaf))
    of_shape = f" of shape {shapes}" if shapes else ""
    return f"{type(model).__name__} fails on batch {batch.number}{of_shape}: {type(error).__name__}: {error}"


def _check_filled(batch: Batch) -> Batch:
    if not batch.size:
        raise DataError(f"batch {batch.number} ({type(batch.raw).__name__}) has no samples; leave it out")
    return batch
