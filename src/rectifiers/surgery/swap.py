"""Swaps: putting any rectifier into any model, without breaking what the model learned, and taking it out again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn
from torch.optim import Optimizer

from ..core import notebook
from ..core.errors import ConfigError, RectifiersError, UnsupportedError
from ..watching import Survey, kinds, survey_model
from ..watching.example import Example, read_example
from ..watching.observer import trace_sites
from ..watching.preserve import evaluate
from ..watching.sites import Site
from ..watching.wrappers import unwrap
from .carry.freezing import Freeze
from .carry.schedules import Schedulers
from .check import Check, compare_outputs
from .edits.recipe import Factory
from .plan import Applied, SwapPlan
from .planning import choose_planner
from .planning.makers import read_activation
from .planning.planned import Left
from .planning.sharing import share_functions
from .planning.starts import decide_starts
from .planning.target import Cap, StartAt, Target, read_start
from .planning.units import obey_channel_dim
from .reached import all_reached
from .select import Where, select, settle
from .unreachable import in_fixed_class, out_of_reach, split_fixed
from .warnings import warn_of_calls, warn_of_layers, warn_of_start


class NothingToSwapError(ConfigError):
    """The model has no sites of the kinds and at the places asked for, or none of them can be changed."""


@dataclass
class SwapReport:
    """What a swap did, and how to undo it.

    Args:
        applied: the swap plan, carried out.
        check: how the outputs on the example differ; None if they were not compared.
    """

    applied: Applied
    check: Check | None = None

    @property
    def plan(self) -> SwapPlan:
        """The swap plan that was carried out."""
        return self.applied.plan

    @property
    def model(self) -> nn.Module:
        """The model, changed in place."""
        return self.applied.model

    def revert(self) -> None:
        """Put back the model as it was, and what went along with it."""
        self.applied.revert()

    def __str__(self) -> str:
        """Return the plan, the check, and what was done to the optimizer, in words."""
        return "\n".join([str(self.plan), *self._outcome()])

    def _repr_html_(self) -> str:
        return self.plan._repr_html_() + notebook.facts("", {}, self._outcome())

    def _outcome(self) -> list[str]:
        lines = [self.check or "outputs on the example: not compared", self.applied.migration]
        return [str(line) for line in lines if line is not None]


def plan_swap(
    model: nn.Module,
    to: str | type[nn.Module] | nn.Module | Factory,
    *,
    example: Example,
    where: Where = "all",
    from_: str | Iterable[str] = "relu",
    start: StartAt | None = None,
    relu_like: bool | None = None,
    loader: Iterable[Any] | None = None,
    cap: Cap = "keep",
    share_calls: bool = False,
    halve: bool = False,
    compensate: bool = False,
    **options: Any,
) -> SwapPlan:
    """Plan what `swap` would do with the same arguments; nothing is changed.

    Raises:
        NothingToSwapError: the model has no such site.
        UnsupportedError: the model is of a kind that cannot be changed, or the function cannot be put in.
    """
    target = Target(read_activation(to, options), options, read_start(start, relu_like), cap, share_calls)
    inner = unwrap(model)
    args, kwargs = read_example(inner, example)
    survey = survey_model(inner, args, kwargs)
    return _make_plan(Request(survey, args, kwargs, target, where, from_, loader, halve, compensate))


def swap(
    model: nn.Module,
    to: str | type[nn.Module] | nn.Module | Factory,
    *,
    example: Example,
    where: Where = "all",
    from_: str | Iterable[str] = "relu",
    start: StartAt | None = None,
    relu_like: bool | None = None,
    loader: Iterable[Any] | None = None,
    cap: Cap = "keep",
    share_calls: bool = False,
    halve: bool = False,
    compensate: bool = False,
    freeze: Freeze | None = None,
    optimizer: Optimizer | None = None,
    scheduler: Schedulers | None = None,
    activation_lr: float | None = None,
    snapshot: bool = False,
    **options: Any,
) -> SwapReport:
    """Put another activation into `model`, in place, and compare its outputs on the example before and after.

    Args:
        model: any module.
        to: registered name (`convrelu` for a ConvReLU of any rank); a class of modules, made for the channels of each
            site; a module, of which each site gets a copy; an activation function of PyTorch; or a function that makes
            a module for a number of channels.
        example: what the model is called with: a tensor, a shape, a tuple of arguments, or a dictionary of keyword
            arguments. The forward pass shows which activations there are, in which order, and on how many channels.
        where: `all`, `first`, `last`, `R1`, `R2`, `stage:2`, names, indices, a slice, a pattern, or a function of
            a `Site`; positions count in forward order.
        from_: kinds of activation to replace; `relu` means ReLU with or without a cap, however it is called.
        start: where the function starts: as `published`, which its paper trains from scratch; at `relu`, or as near as
            it comes; at what `was` there, by a fit of its parameters over the values that the example shows; or `added`
            to what was there, which stays: g(x) + (f(x) − ReLU(x)). If it is left out, at ReLU in place of a
            ReLU, and in place of others at what was there if it comes within 10 % of it.
        relu_like: the older word for it: True means `start="relu"`, False `start="published"`.
        loader: batches whose values count for the fit instead of the example's; the first eight are read.
        cap: whether to `keep` the upper bound of a ReLU6 or of a `Hardtanh` from 0, or to `drop` it.
        share_calls: whether all calls of a reused module share one activation, instead of having one each.
        halve: for CReLU: whether to halve the layers before it and give them new initial weights, instead of
            widening the layers that read it; outputs are not compared then.
        compensate: whether to divide later weights by the gain of a function that is steeper than ReLU, where possible.
        freeze: `weights` lets only the activations' parameters learn, `weights-except-norm` those of norms too.
        optimizer: the optimizer that trains the model; parameters that stay keep their state, new ones get a group.
        scheduler: learning rate schedules of `optimizer`, which need an entry for a new group.
        activation_lr: learning rate of the new group, instead of the first group's.
        snapshot: whether `revert` also brings back the values of all weights and buffers, and the optimizer's state;
            otherwise what training has done to them stays. It costs a copy of them.
        **options: arguments of the registered class, such as `share="channel"`.

    Raises:
        NothingToSwapError: the model has no such site.
        UnsupportedError: the model is of a kind that cannot be changed, or the function cannot be put in.
        ConfigError: the optimizer or a schedule does not fit, or no parameter would be left to learn.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> report = swap(net, "pvlu", example=(1, 2))
        >>> print(report)
        site  was   becomes  shape  channels  parameters  start
        1     relu  PVLU     1×3    3         +6          exact
        Sequential: 1 site → PVLU, +6 parameters
        outputs on the example: identical
        >>> report.revert()
        >>> net[1]
        ReLU()
    """
    if optimizer is not None and not hasattr(optimizer, "param_groups"):
        raise ConfigError(f"optimizer must be one of PyTorch's, made for this model, got {optimizer!r}")
    inner = unwrap(model)
    args, kwargs = read_example(inner, example)
    target = Target(read_activation(to, options), options, read_start(start, relu_like), cap, share_calls)
    survey = survey_model(inner, args, kwargs)
    plan = _make_plan(Request(survey, args, kwargs, target, where, from_, loader, halve, compensate, freeze, optimizer))
    if not plan.changes:
        reasons = "; ".join(f"{left.site}: {left.reason}" for left in plan.left)
        raise NothingToSwapError(f"{plan.model} keeps all its activations. {reasons}")
    # Not the outputs of the trace, because PyTorch takes no fused paths while it is watched.
    before = evaluate(inner, args, kwargs)
    applied = plan.apply(
        model,
        freeze=freeze,
        optimizer=optimizer,
        scheduler=scheduler,
        activation_lr=activation_lr,
        snapshot=snapshot,
    )
    try:
        if halve:
            check = None
        else:
            with all_reached(inner, survey.located, survey.trace.names, lambda: trace_sites(inner, args, kwargs)):
                after = evaluate(inner, args, kwargs)
            check = _compare(before, after, inner, args, kwargs)
    except BaseException as error:
        applied.revert()
        if isinstance(error, RectifiersError) or not isinstance(error, Exception):
            raise
        raise UnsupportedError(
            f"{plan.model} fails with {plan.to} in it, which was taken out again: {type(error).__name__}: {error}"
        ) from error
    return SwapReport(applied, check)


@dataclass(frozen=True)
class Request:
    """What a plan is asked for: the arguments of `swap` that decide it, with what the example shows."""

    survey: Survey
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    target: Target
    where: Where
    from_: str | Iterable[str]
    loader: Iterable[Any] | None
    halve: bool
    compensate: bool
    freeze: Freeze | None = None
    optimizer: Optimizer | None = None


def _compare(
    before: Any, after: Any, model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Check | None:
    """Compare the outputs before with those of the changed model; where they differ, see whether two runs of it do."""
    check = compare_outputs(before, after)
    if check is None or check.identical:
        return check
    again = compare_outputs(after, evaluate(model, args, kwargs))
    if again is None or again.identical:
        return check
    own = "two runs of the model itself differ as well"
    return replace(check, incomparable=f"{own}; {check.incomparable}" if check.incomparable else own)


def _make_plan(request: Request) -> SwapPlan:
    survey = obey_channel_dim(request.survey, request.target)
    wanted, where = kinds.expand(request.from_), settle(request.where)
    bare = _find_bare(survey.sites, where, wanted)
    if any(site.name == where for site in bare):
        raise NothingToSwapError(f"{where} is {_BARE}")
    chosen = select(survey.sites, where, wanted) if any(site.kind in wanted for site in survey.sites) else []
    name = type(survey.model).__name__
    chosen, left = split_fixed(survey.model, chosen)
    left += out_of_reach(survey, wanted)
    if not chosen and left:
        return SwapPlan(name, request.target.title, (), tuple(left), (), survey.notes)
    if not chosen:
        have = ", ".join(sorted({site.kind for site in survey.sites})) or "no activations"
        raise NothingToSwapError(
            f"{name} has no {' or '.join(sorted(wanted))} at {where!r}; it has {have}. Name other kinds with from_=…"
        )
    left += [Left(site.name, site.kind, _BARE) for site in bare]
    obstacles = {site.index: find_obstacle(site) or in_fixed_class(survey.model, site) for site in chosen}
    left += [Left(site.name, site.kind, obstacles[site.index]) for site in chosen if obstacles[site.index]]
    chosen = [site for site in chosen if not obstacles[site.index]]
    apart = share_functions(survey, chosen) if request.target.share_calls else {}
    left += [Left(site.name, site.kind, apart[site.index]) for site in chosen if site.index in apart]
    chosen = [site for site in chosen if site.index not in apart]
    planner = choose_planner(request.target, halve=request.halve, compensate=request.compensate)
    target = decide_starts(
        survey.model, survey.sites, chosen, request.target, request.args, request.kwargs, request.loader
    )
    planned = planner(survey, chosen, target)
    changed = {change.site for change in planned.changes}
    notes = (
        *survey.notes,
        *warn_of_start(survey.model, planned.changes, target, request.freeze, request.optimizer),
        *warn_of_layers(survey, planned.edits),
        # Calls that share an activation are all reached where the code shows them.
        *warn_of_calls([s for s in chosen if s.name in changed and not (target.share_calls and s.written is not None)]),
    )
    return SwapPlan(name, target.title, tuple(planned.changes), (*planned.left, *left), tuple(planned.edits), notes)


_BARE = "a bare clamp, which may not be an activation; it is replaced only on request: from_='clamp'"


def _find_bare(sites: Sequence[Site], where: Where, wanted: frozenset[str]) -> list[Site]:
    """Return the bare clamps that would have been selected, if they were taken for ReLUs without being asked for."""
    bare = [site for site in sites if site.kind == "clamp"]
    if "clamp" in wanted or "relu" not in wanted or isinstance(where, (int, slice)):
        return []
    try:
        return select(bare, where, frozenset({"clamp"})) if where not in _PLACES else []
    except RectifiersError:
        # Other sites are named.
        return []


_PLACES = ("first", "last", "R1", "R2")
"""Words that count in forward order among the sites of the kinds asked for."""


def find_obstacle(site: Site) -> str:
    """Return why a site is not changed by any function; empty if it may be."""
    if not site.shape:
        return "it is called on a single number, which is not a layer's output"
    if site.before == "parameter":
        return "it is called on a parameter, which is not a layer's output"
    if site.into:
        return "it writes its result into a tensor that it is given, by out=…, which takes no gradient; call it without"
    return ""
