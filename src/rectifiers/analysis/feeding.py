"""How batches reach a model, whatever shape loaders give them: tensors, tuples with labels, dictionaries."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from ..core.errors import ConfigError, DataError, RectifiersError
from ..surgery.example import arguments

TARGETS = ("labels", "label", "targets", "target", "y")
"""Keys under which a dictionary may hold what the model should answer."""

ModelCall = Callable[[nn.Module, Any], Any]
Loss = Callable[[Any, Any], Tensor]


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
            args, kwargs = arguments(self.model, args)[0], arguments(self.model, kwargs)[1]
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


def loss_of(outputs: Any, batch: Batch, given: Loss | None) -> tuple[Tensor, str]:
    """The number whose gradient is looked at, and which one it is.

    The user's loss; else the one that the model returns as `loss`; else the mean cross-entropy, where the batch has
    class labels and the model answers with a row of logits for each; else the sum of all outputs.

    Raises:
        ConfigError: the user's loss is no single number, or nothing real comes out of the model.
    """
    if given is not None:
        loss = given(outputs, batch.raw)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            what = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise ConfigError(f"loss must return one number as a tensor, got {what}")
        return loss.reshape(()), "the loss given"
    own = outputs.get("loss") if isinstance(outputs, Mapping) else getattr(outputs, "loss", None)
    if isinstance(own, Tensor) and own.numel() == 1:
        return own.reshape(()), "the model's own loss"
    answers = [leaf for leaf in _tensors(outputs) if leaf.is_floating_point()]
    if not answers:
        raise ConfigError(f"the model answers {type(outputs).__name__} without real numbers; give loss=…")
    first, target = answers[0], batch.target
    if target is not None and _are_labels(first, target):
        return F.cross_entropy(first.float(), target.to(first.device).long()), "mean cross-entropy of the labels"
    return torch.stack([leaf.float().sum() for leaf in answers]).sum(), "sum of the outputs"


def _are_labels(logits: Tensor, target: Tensor) -> bool:
    whole = not target.is_floating_point() and not target.is_complex() and target.dtype != torch.bool
    fits = logits.dim() > 1 and target.shape == logits.shape[:1] + logits.shape[2:]
    return whole and fits and target.numel() > 0 and int(target.min()) >= 0 and int(target.max()) < logits.shape[1]


def _tensors(outputs: Any) -> list[Tensor]:
    leaves = tree_leaves(dict(outputs) if isinstance(outputs, Mapping) else outputs)
    return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


def _has_rows(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.dim() > 0
