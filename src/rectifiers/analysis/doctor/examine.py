"""`diagnose`: what a model's activations do on real data, unit by unit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from ...core.errors import ConfigError, DataError
from ...core.wording import listing
from ...watching.feeding import Batch, Feed, ModelCall
from ...watching.observer import Observer, trace_sites
from ...watching.preserve import preserve, without_gradients
from ...watching.sharded import plain_class_name, whole_weights
from ...watching.sites import Site
from ...watching.wrappers import fixed_parts, is_scripted, look_inside
from ..plasticity import norm
from .diagnosis import Diagnosis, SiteHealth
from .findings import findings
from .loss import Loss, loss_of
from .tally import FEW, Tallies


def diagnose(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    loss: Loss | None = None,
    call: ModelCall | None = None,
    batches: int | None = None,
    gradients: bool = True,
    ranks: bool = False,
) -> Diagnosis:
    """Examine every activation of `model` on the batches of `loader`, in evaluation mode; the model is left as it was.

    All figures rest on the derivative of an activation at each value that reaches it. A unit (a channel, or a neuron of
    a linear layer) is dead if its derivative is 0 on all data, nearly dead if it is 0 on 99 % of them, and always on if
    it is the same on all of them and not 0. Counts are exact, moments are in float64, and memory does not grow with the
    number of batches.

    Of a model that is sharded, by `fully_shard` or `FullyShardedDataParallel`, every process has all weights meanwhile,
    and examines it on its own batches; all of them have to call `diagnose`.

    Args:
        model: any module; activations that a swap has put in are seen too.
        loader: batches: tensors, tuples of inputs and labels, or dictionaries; see `rectifiers.watching.feeding.Feed`.
        loss: makes the number whose gradients are taken from the model's outputs and the batch; by default the model's
            own loss, else the cross-entropy if the batch has class labels, else the sum of the outputs.
        call: calls the model on a batch, if the rules for batches do not fit.
        batches: how many batches to use; None for all.
        gradients: whether to take gradients.
        ranks: whether to take the ranks of what activations give; memory then grows with the square of the units.

    Raises:
        ConfigError: the model calls no activation, or fails on a batch.
        DataError: the loader gives no batches, or none with values for an activation.
        UnsupportedError: the model is scripted or quantised.

    Example:
        >>> net = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
        >>> _ = net[0].weight.data.fill_(1.0), net[0].bias.data.copy_(torch.tensor([0.0, -9.0]))
        >>> site = diagnose(net, [torch.tensor([[-1.0], [1.0], [2.0], [4.0]])]).sites[0]
        >>> site.name, site.dead, site.dead_units, site.sparsity
        ('1', 0.5, (1,), 0.625)
    """
    inner = look_inside(model)
    feed = Feed(inner, loader, call, batches)
    tallies, squares = Tallies(ranks=ranks), 0.0
    observer: Observer | None = None
    samples = batch_count = 0
    loss_name = ""
    with whole_weights(model), preserve(inner):
        inner.eval()
        for batch in feed:
            batch_count = batch.number
            samples += batch.size
            if observer is None:
                observer = Observer(inner, find_batch_sites(inner, feed, batch), tallies)
            loss_name, length = _examine(feed, batch, observer, tallies, loss, gradients) or (loss_name, 0.0)
            squares += length**2
        assert observer is not None
        sites = tallies.health(observer)
        empty = [site.name for site in sites if not site.values and not site.not_finite]
        if len(empty) == len(sites):
            raise DataError("no values reach the activations on these batches; give batches with samples")
        return Diagnosis(
            model=plain_class_name(inner),
            samples=samples,
            batches=batch_count,
            loss=loss_name,
            sites=sites,
            findings=findings(sites),
            notes=(*_notes(inner, observer, gradients, loss_name, tallies, empty), *_scarce(sites)),
            weight_norm=norm([parameter for parameter in inner.parameters() if parameter.requires_grad]),
            gradient_norm=math.sqrt(squares / batch_count) if loss_name else None,
        )


def find_batch_sites(model: nn.Module, feed: Feed, batch: Batch) -> list[Site]:
    """Find the sites that a batch reaches, whatever arguments the feed calls the model with.

    Raises:
        ConfigError: the user's `call` does not call the model.
    """
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def run() -> None:
        feed.takes_gradients = torch.is_grad_enabled()
        feed.forward(batch)

    handle = model.register_forward_pre_hook(lambda _, args, kwargs: calls.append((args, kwargs)), with_kwargs=True)
    try:
        without_gradients(run)
    finally:
        handle.remove()
    if not calls and feed.call is None:
        # A class may be called in a way of its own, past its hooks.
        calls.append((batch.args, batch.kwargs))
    if not calls:
        raise ConfigError(
            f"call=… does not call {type(model).__name__} itself; let it do so, so that its activations are seen"
        )
    return trace_sites(model, *calls[0])


def check_visited(observer: Observer) -> None:
    """Raise ConfigError unless the model has called an activation."""
    if not observer.visited:
        raise ConfigError(
            f"{type(observer.model).__name__} calls no activation on this batch. Known are modules and functions of "
            "torch, and modules of rectifiers; in the place of a function of rectifiers.functional, call its module"
        )


def _examine(
    feed: Feed, batch: Batch, observer: Observer, tallies: Tallies, loss: Loss | None, gradients: bool
) -> tuple[str, float] | None:
    """Count one batch; return the name of its loss and the length of the gradient, or None if there is none."""
    with torch.set_grad_enabled(gradients or feed.takes_gradients), observer:
        outputs, inputs = feed.forward(batch, differentiable=gradients)
    check_visited(observer)
    if not gradients:
        return None
    value, name = loss_of(outputs, batch, loss)
    leaves = inputs + [parameter for parameter in observer.model.parameters() if parameter.requires_grad]
    if value.requires_grad and leaves:
        try:
            with tallies.counting():
                found = torch.autograd.grad(value, leaves, allow_unused=True)
        except RuntimeError as error:
            raise ConfigError(
                f"{type(observer.model).__name__} has no gradient on batch {batch.number}: {error}. Correct it, or get "
                "all other figures with gradients=False"
            ) from error
        tallies.end_batch()
        return name, norm([gradient for gradient in found[len(inputs) :] if gradient is not None])
    return None


def _scarce(sites: Sequence[SiteHealth]) -> list[str]:
    """Note the sites whose units have too few values to tell much of them."""
    few = [site.name for site in sites if 0 < site.values < FEW * site.units]
    return (
        [f"fewer than {FEW} values reach each unit of {listing(few)}: some may seem dead or always on by chance"]
        if few
        else []
    )


def _notes(
    model: nn.Module, observer: Observer, gradients: bool, loss: str, tallies: Tallies, empty: Sequence[str]
) -> list[str]:
    notes = [
        f"not seen is what {name} calls: it {advice.partition(':')[0]}"
        for name, (_, advice) in fixed_parts(model).items()
        if is_scripted(model.get_submodule(name))
    ]
    if observer.unknown:
        where = ", ".join(f"{name or type(model).__name__} ({count})" for name, count in observer.unknown.items())
        notes.append(f"left out are calls of activations that the first batch did not reach: {where}")
    if empty:
        notes.append(f"no values reached {listing(empty)}, of which nothing is known")
    unreached = [name for name, tally in tallies.of.items() if not tally.gradient_seen]
    if gradients and not loss:
        notes.append(
            "there are no gradients: what the model returns has none, as under torch.no_grad or torch.inference_mode, "
            "or where nothing is trained"
        )
    elif gradients and unreached:
        notes.append(f"no gradient reached {', '.join(unreached)}: the loss does not depend on them")
    uncounted = [name for name, site in observer.visited.items() if site.channel_dim is None]
    if uncounted:
        notes.append(
            f"nothing in the model shows which dimension holds the channels at {listing(uncounted)}, or their number "
            "changes: all values of such a site count as one unit"
        )
    if any(tensor.dtype in (torch.float16, torch.bfloat16) for tensor in model.parameters()):
        notes.append("the model is in half precision: gradients below its smallest number count as 0")
    return notes
