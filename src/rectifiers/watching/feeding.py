"""How batches reach a model, in whatever form loaders give them: tensors, tuples with labels, dictionaries."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from ..core.errors import ConfigError, DataError, RectifiersError
from .example import read_example

TARGETS = ("labels", "label", "targets", "target", "y")
"""Keys under which a dictionary may hold what the model should answer."""

ModelCall = Callable[[nn.Module, Any], Any]


@dataclass(frozen=True)
class Batch:
    """A batch, ready for the model.

    Args:
        raw: as the loader gave it.
        args: positional arguments.
        kwargs: keyword arguments.
        target: what the model should answer, or None.
        number: its place, from 1.
    """

    raw: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    target: Tensor | None
    number: int

    @property
    def size(self) -> int:
        """Examples in it: the first dimension of the first tensor."""
        return next((len(leaf) for leaf in tree_leaves((self.args, self.kwargs)) if _has_rows(leaf)), 0)

    def map(self, how: Callable[[Tensor], Tensor]) -> Batch:
        """The same batch with `how` applied to every tensor that the model gets."""

        def apply(leaf: Any) -> Any:
            return how(leaf) if isinstance(leaf, Tensor) else leaf

        return replace(self, args=tree_map(apply, self.args), kwargs=tree_map(apply, self.kwargs))


class Feed:
    """The batches of a loader, and how the model answers them.

    A tensor is the input. Of a tuple, the first elements are the model's positional arguments, as many as it needs, and
    the next is the target. The entries of a dictionary are keyword arguments, those under `TARGETS` and those
    unknown to the model left out; a model of one argument gets the only other tensor. Inputs follow the model's
    device and, if they are real numbers, its dtype.

    Args:
        model: what they are for.
        loader: any iterable, gone through once.
        call: runs the model on a batch as the loader gives it, where the rules above do not fit.
        limit: batches to take; None takes all.

    Raises:
        ConfigError: `limit` is not positive, or the loader is no iterable.
    """

    def __init__(
        self, model: nn.Module, loader: Iterable[Any], call: ModelCall | None = None, limit: int | None = None
    ) -> None:
        if limit is not None and limit < 1:
            raise ConfigError(f"batches must be at least 1, got {limit}; leave it out to take all")
        if isinstance(loader, Tensor | Mapping | str) or not isinstance(loader, Iterable):
            raise ConfigError(
                f"expected a loader, an iterable of batches, got {type(loader).__name__}; for one batch, give [batch]"
            )
        self.model, self.loader, self.call, self.limit = model, loader, call, limit
        self.signature = _parameters(model)

    def __iter__(self) -> Iterator[Batch]:
        """Batches one by one.

        Raises:
            DataError: there is none.
            ConfigError: one that fits no rule.
        """
        number = 0
        for number, raw in enumerate(islice(self.loader, self.limit), start=1):
            yield self.prepare(raw, number)
        if not number:
            raise DataError("the loader gave no batch; check its data set and drop_last")

    def run(self, batch: Batch, *, differentiable: bool = False) -> tuple[Any, list[Tensor]]:
        """What the model answers, and the inputs that a gradient can be taken at.

        Raises:
            ConfigError: the model fails on the batch.
        """
        leaves: list[Tensor] = []

        def follow(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor) or not leaf.is_floating_point():
                return leaf
            leaves.append(leaf.detach().requires_grad_())
            # A model may write over what it is given, which autograd forbids for a leaf.
            return leaves[-1].clone()

        try:
            if self.call is not None:
                return self.call(self.model, batch.raw), leaves
            args, kwargs = batch.args, batch.kwargs
            if differentiable:
                args, kwargs = tree_map(follow, args), tree_map(follow, kwargs)
            return self.model(*args, **kwargs), leaves
        except RectifiersError:
            raise
        except Exception as error:
            shapes = ", ".join("×".join(map(str, leaf.shape)) for leaf in tree_leaves(batch.args) if _has_rows(leaf))
            raise ConfigError(
                f"{type(self.model).__name__} does not run on batch {batch.number}"
                f"{f' of shape {shapes}' if shapes else ''}: {type(error).__name__}: {error}. Give inputs that fit "
                "it, or call=lambda model, batch: …"
            ) from error

    def prepare(self, raw: Any, number: int) -> Batch:
        """A batch as the loader gives it, made ready.

        Raises:
            ConfigError: it fits no rule.
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
                f"batch {number} is {type(raw).__name__}; expected a tensor, a tuple or a dictionary. Say how the "
                "model takes it: call=lambda model, batch: …"
            )
        if self.call is None:
            args, kwargs = read_example(self.model, args)[0], read_example(self.model, kwargs)[1]
        target = target if isinstance(target, Tensor) else None
        return Batch(raw, args, kwargs, target, number)

    def _of_mapping(self, raw: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
        target = next((raw[key] for key in TARGETS if key in raw), None)
        inputs = {key: value for key, value in raw.items() if key not in TARGETS}
        accepted = {key: value for key, value in inputs.items() if self.signature.open or key in self.signature.names}
        if accepted or self.call is not None:
            return (), accepted, target
        tensors = [value for value in inputs.values() if isinstance(value, Tensor)]
        if len(tensors) == 1 and self.signature.needed <= 1:
            return (tensors[0],), {}, target
        raise ConfigError(
            f"{type(self.model).__name__} takes {', '.join(self.signature.names) or 'nothing'}, but a batch holds "
            f"{', '.join(map(str, raw))}; say how it is called: call=lambda model, batch: …"
        )


@dataclass(frozen=True)
class _Parameters:
    """What a model's `forward` takes: names, how many must be given by position, and whether it takes any name."""

    names: tuple[str, ...]
    needed: int
    open: bool


def _parameters(model: nn.Module) -> _Parameters:
    parameters = list(inspect.signature(model.forward).parameters.values())
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY)]
    return _Parameters(
        tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)),
        sum(p.default is p.empty for p in named),
        any(p.kind is p.VAR_KEYWORD for p in parameters),
    )


def _has_rows(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.dim() > 0


def read_batch(model: nn.Module, raw: Any) -> Batch:
    """One batch as a loader gives it, made ready for `model`; see `Feed` for the rules.

    Args:
        model: any module.
        raw: a tensor; a tuple with the model's arguments first and labels behind them; or a dictionary, whose entries
            go to the arguments of the same name.

    Raises:
        ConfigError: the batch is none of these.
        DataError: it holds no example.

    Example:
        >>> import torch
        >>> read_batch(nn.Linear(2, 1), (torch.zeros(3, 2), torch.zeros(3))).size
        3
    """
    return _check_filled(Feed(model, [raw]).prepare(raw, 1))


def read_batches(model: nn.Module, loader: Iterable[Any]) -> Iterator[Batch]:
    """The batches of a loader, made ready for `model`.

    Raises:
        ConfigError: the loader gives something else than batches.
        DataError: it gives none, or one without an example.
    """
    return map(_check_filled, Feed(model, loader))


def run_batch(model: nn.Module, batch: Batch) -> Any:
    """What `model` makes of a copy of the batch, over which it may write.

    Raises:
        ConfigError: it cannot take it.
    """
    given = batch.map(Tensor.clone)
    try:
        return model(*given.args, **given.kwargs)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        shapes = [tuple(leaf.shape) for leaf in tree_leaves((batch.args, batch.kwargs)) if isinstance(leaf, Tensor)]
        listed = ", ".join(map(str, shapes))
        raise ConfigError(f"{type(model).__name__} does not take inputs of shape {listed}: {error}") from error


def _check_filled(batch: Batch) -> Batch:
    if not batch.size:
        raise DataError(f"batch {batch.number} is {type(batch.raw).__name__} without an example; leave it out")
    return batch
