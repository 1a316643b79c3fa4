"""The doctor: what a model's activations do on real data, unit by unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from ...core.errors import ConfigError
from ...watching.feeding import Batch, Feed, ModelCall
from ...watching.observer import Observer, list_sites
from ...watching.preserve import preserve
from ...watching.sites import Site
from ...watching.wrappers import unwrap
from .diagnosis import Diagnosis
from .findings import findings
from .loss import Loss, loss_of
from .tally import Tallies


def diagnose(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    loss: Loss | None = None,
    call: ModelCall | None = None,
    batches: int | None = None,
    gradients: bool = True,
) -> Diagnosis:
    """Look at every activation of `model` on the batches of `loader`, in evaluation mode; nothing of it is changed.

    Everything rests on the derivative of the activation at each value that reaches it. A unit (a channel, or a
    neuron of a linear layer) is dead where that is 0 on all data, nearly dead where it is 0 on 99 %, and always on
    where it never changes. Counts are exact, moments are in float64, and memory does not grow with the number of
    batches.

    Args:
        model: any module; what a swap has put in is seen too.
        loader: batches: tensors, tuples of inputs and labels, or dictionaries; see `feeding.Feed`.
        loss: number whose gradient is taken, from the model's answer and the batch; by default the model's own
            loss, else cross-entropy where the batch has class labels, else the sum of the outputs.
        call: runs the model on a batch, where it needs to be called in a way of its own.
        batches: how many to look at; None for all.
        gradients: whether to take gradients at all.

    Raises:
        ConfigError: a model without activations, or one that does not run on a batch.
        DataError: the loader is empty.
        UnsupportedError: a compiled, scripted, quantised or distributed model.

    Example:
        >>> net = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
        >>> _ = net[0].weight.data.fill_(1.0), net[0].bias.data.copy_(torch.tensor([0.0, -9.0]))
        >>> site = diagnose(net, [torch.tensor([[-1.0], [1.0], [2.0], [4.0]])]).sites[0]
        >>> site.name, site.dead, site.dead_units, site.sparsity
        ('1', 0.5, (1,), 0.625)
    """
    inner = unwrap(model)
    feed = Feed(inner, loader, call, batches)
    tallies = Tallies()
    observer: Observer | None = None
    samples = number = 0
    loss_name = ""
    with preserve(inner):
        inner.eval()
        for batch in feed:
            number = batch.number
            samples += batch.size
            if observer is None:
                observer = Observer(inner, sites_of(inner, feed, batch), tallies)
            loss_name = _examine(feed, batch, observer, tallies, loss, gradients) or loss_name
    assert observer is not None
    sites = tallies.health(observer)
    return Diagnosis(
        model=type(inner).__name__,
        samples=samples,
        batches=number,
        loss=loss_name,
        sites=sites,
        findings=findings(sites),
        notes=tuple(_notes(inner, observer, gradients, tallies)),
    )


def sites_of(model: nn.Module, feed: Feed, batch: Batch) -> list[Site]:
    """The sites that a batch shows.

    Raises:
        ConfigError: the user's way of calling the model does not call it.
    """
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    handle = model.register_forward_pre_hook(lambda _, args, kwargs: calls.append((args, kwargs)), with_kwargs=True)
    try:
        with torch.no_grad():
            feed.run(batch)
    finally:
        handle.remove()
    if not calls:
        raise ConfigError(
            f"call= does not call {type(model).__name__} itself; let it, so that its activations are seen"
        )
    return list_sites(model, *calls[0])


def check_visited(observer: Observer) -> None:
    """Raise ConfigError unless an activation ran."""
    if not observer.visited:
        raise ConfigError(
            f"{type(observer.model).__name__} calls no activation on this batch, so that there is nothing to look at. "
            "Known are the functions of torch, torch.nn.functional and rectifiers, as modules or as calls"
        )


def _examine(feed: Feed, batch: Batch, observer: Observer, tallies: Tallies, loss: Loss | None, gradients: bool) -> str:
    """One batch; returns the name of its loss."""
    with torch.set_grad_enabled(gradients), observer:
        outputs, leaves = feed.run(batch, differentiable=gradients)
    check_visited(observer)
    if not gradients:
        return ""
    value, name = loss_of(outputs, batch, loss)
    targets = leaves + [parameter for parameter in observer.model.parameters() if parameter.requires_grad]
    if value.requires_grad and targets:
        try:
            torch.autograd.grad(value, targets, allow_unused=True)
        except RuntimeError as error:
            raise ConfigError(
                f"{type(observer.model).__name__} has no gradient on batch {batch.number}: {error}. Repair it, or look "
                "at the rest with gradients=False"
            ) from error
        tallies.end_batch()
        return name
    return ""


def _notes(model: nn.Module, observer: Observer, gradients: bool, tallies: Tallies) -> list[str]:
    notes = []
    if observer.unknown:
        where = ", ".join(f"{name or type(model).__name__} ({count})" for name, count in observer.unknown.items())
        notes.append(f"calls of activations that the first batch did not show, left out: {where}")
    silent = [name for name, tally in tallies.of.items() if not tally.gradient_seen]
    if gradients and silent:
        notes.append(f"no gradient reached {', '.join(silent)}: they do not contribute to the loss")
    if any(tensor.dtype in (torch.float16, torch.bfloat16) for tensor in model.parameters()):
        notes.append("the model is in half precision: gradients below its smallest number count as 0")
    return notes
