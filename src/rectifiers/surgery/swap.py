"""Any rectifier into any model, without breaking what it learned: select → plan → apply → revert."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from torch import nn
from torch.optim import Optimizer

from ..activations import registry
from ..core.errors import ConfigError, RectifiersError, UnsupportedError
from . import kinds
from .changes import Change, Left
from .check import Check, compare, run
from .compensate import plan_compensation
from .example import Example, arguments, doubled
from .flow import passes
from .fold import CONVOLUTIONS, plan_folds
from .freeze import Freeze
from .guard import unwrap
from .halve import plan_halving
from .plan import Applied, Plan
from .recipe import Factory
from .replace import Cap, Target, plan_replacements
from .schedule import Schedulers
from .select import Where, select
from .sites import Found, Site, disordered, find
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
        """Put the model back to what it was, and what went along with it."""
        self.applied.revert()

    def __str__(self) -> str:
        """The plan, the check, and what was done to the optimizer."""
        lines = [self.plan, self.check or "outputs on the example: not compared", self.applied.migration]
        return "\n".join(str(line) for line in lines if line is not None)


@dataclass(frozen=True)
class Look:
    """What the example shows of a model.

    Args:
        trace: the run in evaluation mode.
        training: the one in training mode, if the model runs there.
        found: all sites.
        notes: what it does not show.
    """

    trace: Trace
    training: Trace | None
    found: list[Found]
    notes: tuple[str, ...]


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
    inner = unwrap(model)
    return [entry.site for entry in _look(inner, *arguments(inner, example)).found]


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
    target = Target(to, settings, relu_like, cap, share_calls)
    inner = unwrap(model)
    return _plan(_look(inner, *arguments(inner, example)), target, where, from_, halve, compensate)


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
    freeze: Freeze | None = None,
    optimizer: Optimizer | None = None,
    scheduler: Schedulers | None = None,
    activation_lr: float | None = None,
    snapshot: bool = False,
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
        freeze: `weights` lets the activations' parameters alone learn, `weights-except-norm` those of norms too.
        optimizer: the one that trains the model goes along: what stays keeps its state, what is new gets a group.
        scheduler: learning rate schedules of `optimizer`, which have to know of a new group.
        activation_lr: learning rate of the new group, instead of the first group's.
        snapshot: whether `revert` also brings back the values of all weights and buffers, and the optimizer's state;
            otherwise what training has done to them stays. Costs a copy of them.
        **settings: arguments of the registered class, such as `share="channel"`.

    Raises:
        NothingToSwapError: no such site.
        UnsupportedError: a model that cannot be operated on, or a function that cannot be put in.
        ConfigError: an optimizer or schedule of something else, or nothing left to learn.

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
    args, kwargs = arguments(inner, example)
    target = Target(to, settings, relu_like, cap, share_calls)
    plan = _plan(_look(inner, args, kwargs), target, where, from_, halve, compensate)
    if not plan.changes:
        reasons = "; ".join(f"{left.site}: {left.reason}" for left in plan.left)
        raise NothingToSwapError(f"{plan.model} keeps all its activations. {reasons}")
    # Not what the recording returned: PyTorch takes no fused paths while it is watched.
    before = run(inner, args, kwargs)
    applied = plan.apply(
        model,
        freeze=freeze,
        optimizer=optimizer,
        scheduler=scheduler,
        activation_lr=activation_lr,
        snapshot=snapshot,
    )
    try:
        check = None if halve else compare(before, run(inner, args, kwargs))
    except BaseException as error:
        applied.revert()
        if isinstance(error, RectifiersError) or not isinstance(error, Exception):
            raise
        raise UnsupportedError(
            f"{plan.model} does not run with {plan.to} in it, which was taken out again: "
            f"{type(error).__name__}: {error}"
        ) from error
    return SwapReport(applied, check)


def _look(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Look:
    try:
        trace = record(model, args, kwargs)
    except RectifiersError:
        raise
    except Exception as error:
        raise ConfigError(
            f"{type(model).__name__} does not run on the example: {type(error).__name__}: {error}"
        ) from error
    notes = []
    training = None
    try:
        training = _look_at_training(model, args, kwargs)
    except Exception as error:
        notes.append(
            f"what runs in training mode only was not seen, as the example fails there: {type(error).__name__}: {error}"
        )
    found = find(trace, training)
    if training is not None:
        notes += [
            f"{path or type(model).__name__} calls its activations in another order in training mode: by number, they "
            "may get each other's parameters"
            for path in disordered(found, training)
        ]
    reached = trace.reached | (training.reached if training is not None else set())
    missed = [name for name, module in model.named_modules() if _is_torch_activation(module) and module not in reached]
    if missed:
        notes.append(f"not reached by the example, and left as they are: {', '.join(missed)}")
    return Look(trace, training, found, tuple(notes))


def _look_at_training(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Trace:
    try:
        return record(model, args, kwargs, training=True)
    except ValueError:
        # Batch norm needs more than one value per channel.
        return record(model, *doubled(args, kwargs), training=True)


def _is_torch_activation(module: nn.Module) -> bool:
    return type(module).__module__ == "torch.nn.modules.activation" and not any(True for _ in module.children())


def _plan(look: Look, target: Target, where: Where, from_: str | Iterable[str], halve: bool, compensate: bool) -> Plan:
    sites = [entry.site for entry in look.found]
    wanted = kinds.expand(from_)
    chosen = select(sites, where, wanted) if any(site.kind in wanted for site in sites) else []
    name = type(look.trace.model).__name__
    if not chosen:
        have = ", ".join(sorted({site.kind for site in sites})) or "no activations"
        raise NothingToSwapError(
            f"{name} has no {' or '.join(sorted(wanted))} at {where!r}; it has {have}. Name other kinds with from_=…"
        )
    left: list[Left] = []
    folds = target.activation in CONVOLUTIONS
    doubles = not folds and doubles_channels(target)
    if halve and not doubles:
        raise ConfigError(f"halve=True is for functions that double the channels, such as crelu, not {target.title}")
    if folds:
        changes, left, edits = plan_folds(look.trace, look.found, chosen, target)
    elif doubles:
        plan_doubling = plan_halving if halve else plan_widening
        changes, left, edits = plan_doubling(passes(look.trace, look.training, look.found), look.found, chosen, target)
    else:
        _check_elementwise(target)
        changes, edits = plan_replacements(chosen, sites, target)
        changes = [_leave_fast_path(look.trace.model, site, row) for site, row in zip(chosen, changes, strict=True)]
        if compensate:
            runs = passes(look.trace, look.training, look.found)
            changes, rescaling = plan_compensation(runs, chosen, changes, target)
            edits += rescaling
    return Plan(name, target.title, tuple(changes), tuple(left), tuple(edits), look.notes)


def _leave_fast_path(model: nn.Module, site: Site, change: Change) -> Change:
    """Says so where PyTorch's fused transformer layer cannot be used any longer."""
    holder = site.path if site.call == "function" else site.path.rpartition(".")[0]
    if not isinstance(model.get_submodule(holder), nn.TransformerEncoderLayer):
        return change
    note = (
        "takes PyTorch's fused path for evaluation no longer, which knows ReLU and GELU alone, sums in another order, "
        "and returns zeros where a batch is padded"
    )
    return replace(change, start="equal" if change.start == "exact" else change.start, note=note)


def _check_elementwise(target: Target) -> None:
    if isinstance(target.activation, str):
        spec = registry.get(target.activation).spec
        if spec.channel_factor != (1, 1):
            raise UnsupportedError(
                f"{spec.title} makes fewer channels, which the layers after it do not expect; build the model with it"
            )
