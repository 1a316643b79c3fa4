"""Plans what becomes of learned functions when they are folded: plain rectifiers, and the rest in the layers around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from ...core.wording import listing
from ...watching.kinds import spec_of
from ...watching.sites import Located, Site, locate_sites
from ...watching.survey import Survey
from ...watching.trace import Op, Trace
from ..edits.absorb import AbsorbAffine, AbsorbOffset
from ..edits.edit import Edit
from ..edits.plain import PutPlain
from ..inserted.capped import Capped
from ..inserted.kept import Kept
from ..inserted.write_back import WriteBack
from ..unreachable import split_fixed
from .follow import Blocked, Demand, MarkedTrace, follow_sites
from .forms import Form, Unfoldable, read_form
from .front import Front, count_calls, find_front
from .offsets import Offset, Offsets
from .planned import Change, Left, Planned


@dataclass(frozen=True)
class _Foldable:
    """A site whose function has a form.

    Args:
        site: the site.
        module: what is replaced, with its cap if it has one.
        paths: its names.
        ops: the ops whose outputs are the function's, one for each call.
        form: what the function is now.
        plain: name of the plain rectifier that remains.
        options: the numbers that it takes.
        front: what takes over gain and threshold; None if there is nothing to take over.
        offset: what is missing after it, if anything is.
    """

    site: Site
    module: nn.Module
    paths: tuple[str, ...]
    ops: Sequence[Op]
    form: Form
    plain: str
    options: Mapping[str, float]
    front: Front | None
    offset: Offset | None


def plan_folding(survey: Survey) -> Planned:
    """Plan to fold the functions of this library that a model has.

    Args:
        survey: what the example shows of the model.
    """
    names = {module: name for name, module in survey.model.named_modules()}
    own = [located for located in survey.located if spec_of(located.ops[0].module) is not None]
    foldable: dict[int, _Foldable] = {}
    fixed = {left.site: left.reason for left in split_fixed(survey.model, [one.site for one in own])[1]}
    reasons = {one.site.index: fixed[one.site.name] for one in own if one.site.name in fixed}
    for located in (one for one in own if one.site.index not in reasons):
        try:
            foldable[located.site.index] = _look_at(survey.trace, names, located)
        except (Unfoldable, Blocked) as reason:
            reasons[located.site.index] = str(reason)
    offsets = {index: one.offset for index, one in foldable.items() if one.offset is not None}
    marked = MarkedTrace(survey.trace, {op.index: one.site for one in foldable.values() for op in one.ops})
    outcome = follow_sites([marked], Offsets(offsets), offsets.keys())
    reasons |= outcome.reasons
    folded = [one for index, one in foldable.items() if index not in reasons]
    sites = {one.ops[0].module: one.site for one in own if one.site.index not in reasons}
    demands = outcome.demands | _demands_in_training(survey, sites, offsets)
    # First the layers after, by the weights that they have now; then the layers before.
    edits: list[Edit] = [
        AbsorbOffset(names[reader], demand.input.values, demand.input.pad) for reader, demand in demands.items()
    ]
    fronts = [one.front for one in folded if one.front is not None]
    edits += [AbsorbAffine(names[front.layer], front.gain, front.threshold) for front in fronts]
    edits += [PutPlain(one.paths, one.plain, one.options) for one in folded]
    changes, biased = [], set[nn.Module]()
    for one in folded:
        readers = [reader for reader, demand in demands.items() if one.site.index in demand.sites]
        changes.append(_describe(one, names, readers, biased))
    left = [Left(_name(one), one.site.kind, reasons[one.site.index]) for one in own if one.site.index in reasons]
    return Planned(changes, [*left, *_others(survey, names, own)], edits)


def _demands_in_training(
    survey: Survey, sites: Mapping[nn.Module, Site], offsets: Mapping[int, Offset]
) -> dict[nn.Module, Demand[Offset]]:
    """Return what layers have to be adapted to that training mode alone calls, such as auxiliary heads.

    Args:
        survey: what the example shows of the model.
        sites: the functions that are folded, with their sites.
        offsets: what is missing after each site, by its index.
    """
    trace = survey.training
    if trace is None:
        return {}
    ops = {
        op.index: sites[located.ops[0].module]
        for located in locate_sites(trace)
        if located.ops[0].module in sites
        for op in _last_ops(trace, located.ops)
    }
    kept = {site.index for site in sites.values()} & offsets.keys()
    demands = follow_sites([MarkedTrace(trace, ops)], Offsets(offsets), kept).demands
    return {layer: demand for layer, demand in demands.items() if layer not in survey.trace.reached}


def _last_ops(trace: Trace, ops: Sequence[Op]) -> Sequence[Op]:
    """Return the ops whose outputs are a function's, with its cap if it has one, one for each call."""
    if len(ops[0].stack) > 1 and isinstance(ops[0].stack[-2].module, Capped):
        return [reader for each in ops for reader in trace.consumers[each.outputs[0]]]
    return ops


def _look_at(trace: Trace, names: Mapping[nn.Module, str], located: Located) -> _Foldable:
    """Find out what a site's function is, and whether the layer before can take over its gain and threshold."""
    site, op, module = located.site, located.ops[0], located.ops[0].module
    if site.training_only:
        raise Unfoldable("it is called in training mode only")
    if isinstance(module, Kept):
        raise Unfoldable("something else writes over its values, of which it keeps copies")
    around = op.stack[-2].module if len(op.stack) > 1 else None
    if isinstance(around, WriteBack):
        raise Unfoldable("something else reads what it writes over")
    paths, whole, lasts = site.paths, module, _last_ops(trace, located.ops)
    if isinstance(around, Capped):
        site = replace(site, name=_name(located))
        paths = tuple(path.rpartition(".")[0] for path in paths)
        whole = around
    form = read_form(whole)
    plain, options = _name_plain(form)
    dim, front, offset = _dim_of_units(site, form), None, None
    if bool((form.gain != 1).any()) or form.threshold.any():
        calls = count_calls(trace, module)
        front, *others = {find_front(trace, each.inputs[0], form, dim, calls) for each in located.ops}
        if others or calls > len(located.ops):
            raise Unfoldable("it is called several times, and its gain or threshold would go to several layers")
    if form.offset.any():
        # What is the same for all may be told of any dimension.
        along = dim if dim is not None else (-1 if site.channel_dim is None else site.channel_dim) % len(site.shape)
        shapes = [trace.shapes[each.outputs[0]] for each in located.ops]
        if len({(len(shape), shape[along]) for shape in shapes}) > 1:
            raise Unfoldable("its calls have their channels in different dimensions")
        offset = Offset(along, tuple(form.offset.expand(site.shape[along]).tolist()))
    return _Foldable(site, whole, paths, lasts, form, plain, options, front, offset)


def _name(located: Located) -> str:
    """Return the name of a site; that of the cap around it, if there is one."""
    stack = located.ops[0].stack
    capped = len(stack) > 1 and isinstance(stack[-2].module, Capped)
    return located.site.name.removesuffix(".activation") if capped else located.site.name


def _name_plain(form: Form) -> tuple[str, dict[str, float]]:
    """Return the plain rectifier that remains of a form, by its name in `torch.nn`, and the numbers that it takes."""
    slopes = form.slope.unique()
    if len(slopes) > 1:
        raise Unfoldable("its slopes below zero differ between channels, which no plain rectifier has")
    slope = float(slopes)
    if slope == 1:
        return "Identity", {}
    if slope:
        return "LeakyReLU", {"negative_slope": slope}
    if form.top is None:
        return "ReLU", {}
    return ("ReLU6", {}) if form.top == 6 else ("Hardtanh", {"min_val": 0.0, "max_val": form.top})


def _dim_of_units(site: Site, form: Form) -> int | None:
    """Return the dimension of a function's units; None if it is the same for all of them."""
    if max(part.numel() for part in (form.gain, form.threshold, form.offset)) == 1:
        return None
    if site.channel_dim is None:
        raise Unfoldable("nothing in the model shows which dimension holds its channels")
    return site.channel_dim % len(site.shape)


def _describe(
    one: _Foldable, names: Mapping[nn.Module, str], readers: Sequence[nn.Module], biased: set[nn.Module]
) -> Change:
    """Describe a change; the layers that get a bias by it are added to `biased`."""
    moved, given = [], list(readers)
    if one.front is not None:
        if bool((one.form.gain != 1).any()):
            moved.append(f"gain into {names[one.front.layer]}")
        if one.form.threshold.any():
            moved.append(f"threshold into {names[one.front.layer]}")
            given.append(one.front.layer)
    if readers:
        moved.append(f"offset into {listing([names[reader] for reader in readers])}")
    added = sum(_new_bias(layer) for layer in given if layer not in biased)
    biased.update(given)
    return Change(
        site=one.site.name,
        was=one.site.kind,
        becomes=one.plain,
        shape=one.site.shape,
        channels=one.site.channels,
        parameters=added - sum(parameter.numel() for parameter in one.module.parameters()),
        start="equal" if moved else "exact",
        note=", ".join(moved),
    )


def _new_bias(layer: nn.Module) -> int:
    """Return how many numbers a layer's bias will have that it has not now."""
    if getattr(layer, "bias", None) is not None or not isinstance(layer, (nn.Linear, _ConvNd)):
        return 0
    return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels


def _others(survey: Survey, names: Mapping[nn.Module, str], own: Sequence[Located]) -> list[Left]:
    """Return the functions of this library that are no sites of a plain rectifier."""
    seen = {located.ops[0].module for located in own}
    left = []
    for module, name in names.items():
        spec = spec_of(module)
        if spec is None or module in seen:
            continue
        reason = "the example does not reach it"
        if spec.kind == "convolution":
            threshold = module.threshold
            assert isinstance(threshold, Tensor)
            reason = "each tap of its kernel has a threshold of its own"
            if not bool(threshold.any()):
                reason = "its thresholds are zero, which the swap that put it in can undo: report.revert()"
        elif spec.channel_factor != (1, 1):
            reason = "it makes another number of channels"
        left.append(Left(name, spec.name, reason))
    return left
