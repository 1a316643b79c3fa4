"""Any rectifier into any model, without breaking what it learned: select → plan → apply → revert."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from ..activations import registry
from ..core.errors import ConfigError, RectifiersError, UnsupportedError
from . import kinds
from .changes import Left
from .check import Check, compare, run
from .compensate import plan_compensation
from .example import Example, arguments
from .flow import passes
from .fold import CONVOLUTIONS, plan_folds
from .guard import unwrap
from .halve import plan_halving
from .plan import Applied, Plan
from .recipe import Factory
from .replace import Cap, Target, plan_replacements
from .select import Where, select
from .sites import Found, Site, find
from .trace import Trace, record
from .widen import doubles_channels, plan_widening


class NothingToSwapError(ConfigError):
    """The model has no site of the kinds asked for at the places asked for, or all of them have to stay."""


@dataclass
class SwapReport:
    """What a swap did, and how to undo it.

    Args:
        applied: the plan, carried out.
        check: the outputs before and after; None where they were not compared.
    """

    applied: Applied
    check: Check | None = None

    @property
    def plan(self) -> Plan:
        """What was done."""
        return self.applied.plan

    @property
    def model(self) -> nn.Module:
        """The model, changed in place."""
        return self.applied.model

    def revert(self) -> None:
        """Put the model back to what it was."""
        self.applied.revert()

    def __str__(self) -> str:
        """The plan and the check."""
        return f"{self.plan}\n{self.check or 'outputs on the example: not compared'}"


def find_sites(model: nn.Module, example: Example) -> list[Site]:
    """Every place where `model` calls an activation on the example, in the order in which they run.

    Args:
        model: any module; left as it was.
        example: a tensor, a shape, a tuple of arguments, or a dictionary of keyword arguments.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1), nn.Sigmoid())
        >>> [(site.name, site.kind, site.channels) for site in find_sites(net, (1, 2))]
        [('1', 'relu', 3), ('3', 'sigmoid', 1)]
    """
    _, found = _look(unwrap(model), example)
    return [entry.site for entry in found]


def plan_swap(
    model: nn.Module,
    to: str | Factory,
    *,
    example: Example,
    where: Where = "all",
    from_: str | Iterable[str] = "relu",
    relu_like: bool = True,
    cap: Cap = "keep",
    share_calls: bool = False,
    halve: bool = False,
    compensate: bool = False,
    **settings: Any,
) -> Plan:
    """What `swap` with the same arguments would do; nothing is changed.

    Raises:
        NothingToSwapError: no such site.
        UnsupportedError: a model that cannot be operated on, or a function that cannot be put in.
    """
    trace, found = _look(unwrap(model), example)
    return _plan(trace, found, Target(to, settings, relu_like, cap, share_calls), where, from_, halve, compensate)


def swap(
    model: nn.Module,
    to: str | Factory,
    *,
    example: Example,
    where: Where = "all",
    from_: str | Iterable[str] = "relu",
    relu_like: bool = True,
    cap: Cap = "keep",
    share_calls: bool = False,
    halve: bool = False,
    compensate: bool = False,
    **settings: Any,
) -> SwapReport:
    """Put another activation into `model`, in place, and compare its outputs on the example before and after.

    Args:
        model: any module.
        to: registered name (`convrelu` for a ConvReLU of any rank), or a function that makes a module for a number
            of channels.
        example: what the model is called with: a tensor, a shape, a tuple of arguments, or a dictionary of keyword
            arguments. Running it shows which activations there are, where, in which order, and on how many channels.
        where: `all`, `first`, `last`, `R1`, `R2`, `stage:2`, names, indices, a slice, a pattern, or a function of
            a `Site`; positions count in forward order.
        from_: kinds of activation to replace; `relu` means ReLU, capped or not, however it is called.
        relu_like: start at ReLU, or as near as the function comes.
        cap: `keep` the upper bound of a ReLU6, or `drop` it.
        share_calls: one activation for all calls of a module that is used several times, instead of one for each.
        halve: CReLU only: halve the layers in front of it, which start anew, instead of widening those behind it;
            outputs are not compared then.
        compensate: divide what comes behind a function that is steeper than ReLU by its gain, where that is possible.
        **settings: arguments of the registered class, such as `share="channel"`.

    Raises:
        NothingToSwapError: no such site.
        UnsupportedError: a model that cannot be operated on, or a function that cannot be put in.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> report = swap(net, "pvlu", example=(1, 2))
        >>> print(report)
        site  was   becomes  shape  channels  parameters  start
        1     relu  PVLU     1×3    3         +6          exact
        Sequential: 1 sites → PVLU, +6 parameters
        outputs on the example: identical
        >>> report.revert()
        >>> net[1]
        ReLU()
    """
    inner = unwrap(model)
    trace, found = _look(inner, example)
    plan = _plan(trace, found, Target(to, settings, relu_like, cap, share_calls), where, from_, halve, compensate)
    if not plan.changes:
        reasons = "; ".join(f"{left.site}: {left.reason}" for left in plan.left)
        raise NothingToSwapError(f"{plan.model} keeps all its activations. {reasons}")
    applied = plan.apply(model)
    try:
        args, kwargs = arguments(inner, example)
        result = run(inner, args, kwargs)
        check = None if halve else compare(trace.result, result)
    except BaseException:
        applied.revert()
        raise
    return SwapReport(applied, check)


def _look(model: nn.Module, example: Example) -> tuple[Trace, list[Found]]:
    args, kwargs = arguments(model, example)
    try:
        trace = record(model, args, kwargs)
    except RectifiersError:
        raise
    except Exception as error:
        raise ConfigError(
            f"{type(model).__name__} does not run on the example: {type(error).__name__}: {error}"
        ) from error
    return trace, find(trace)


def _plan(
    trace: Trace,
    found: list[Found],
    target: Target,
    where: Where,
    from_: str | Iterable[str],
    halve: bool,
    compensate: bool,
) -> Plan:
    sites = [entry.site for entry in found]
    wanted = kinds.expand(from_)
    chosen = select(sites, where, wanted) if any(site.kind in wanted for site in sites) else []
    name = type(trace.model).__name__
    if not chosen:
        have = ", ".join(sorted({site.kind for site in sites})) or "no activations"
        raise NothingToSwapError(
            f"{name} has no {' or '.join(sorted(wanted))} at {where!r}; it has {have}. Name other kinds with from_=…"
        )
    left: list[Left] = []
    notes: tuple[str, ...] = ()
    folds = target.activation in CONVOLUTIONS
    doubles = not folds and doubles_channels(target)
    if halve and not doubles:
        raise ConfigError(f"halve=True is for functions that double the channels, such as crelu, not {target.title}")
    if folds:
        changes, left, edits = plan_folds(trace, found, chosen, target)
    elif doubles:
        runs, notes = passes(trace, found)
        changes, left, edits = (plan_halving if halve else plan_widening)(runs, found, chosen, target)
    else:
        _check_elementwise(target)
        changes, edits = plan_replacements(chosen, sites, target)
        if compensate:
            runs, notes = passes(trace, found)
            changes, rescaling = plan_compensation(runs, chosen, changes, target)
            edits += rescaling
    return Plan(name, target.title, tuple(changes), tuple(left), tuple(edits), notes)


def _check_elementwise(target: Target) -> None:
    if isinstance(target.activation, str):
        spec = registry.get(target.activation).spec
        if spec.channel_factor != (1, 1):
            raise UnsupportedError(
                f"{spec.title} makes fewer channels, which the layers after it do not expect; build the model with it"
            )
