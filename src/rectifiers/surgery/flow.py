"""Follows a change of some sites' values through the model, to the layers that can take it up.

A rule says what each op does to a changed value. Sites whose values reach an op that cannot cope are given up, and the
rest is followed anew, until nothing is in the way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from torch import nn

from .sites import Found, Site, find, reader_name
from .trace import Op, Trace, Value

T = TypeVar("T")


class Blocked(Exception):
    """A changed value reaches something that cannot take it; says what, and why."""


@dataclass(frozen=True)
class Step(Generic[T]):
    """What an op does to changed values.

    Args:
        passes: how its outputs are changed; None where they are as before.
        layer: the module that has to be adapted.
        demand: to what.
    """

    passes: T | None = None
    layer: nn.Module | None = None
    demand: T | None = None


class Rule(Protocol[T]):
    """How one kind of change travels."""

    def start(self, site: Site, op: Op, change: T | None) -> T:
        """The change behind a site, whose input may be changed already."""

    def follow(self, trace: Trace, op: Op, changes: Mapping[int, T]) -> Step[T]:
        """What any other op does to changed inputs; raises `Blocked`."""


@dataclass(frozen=True)
class Demand(Generic[T]):
    """What a layer has to be adapted to, and for which sites."""

    change: T
    sites: frozenset[int]


@dataclass
class Settled(Generic[T]):
    """Where the changes lead.

    Args:
        demands: what each layer has to be adapted to, in forward order.
        reasons: why sites were given up, by their index.
    """

    demands: dict[nn.Module, Demand[T]]
    reasons: dict[int, str]


@dataclass(frozen=True)
class Pass:
    """One run of the model, and which of its ops are which site."""

    trace: Trace
    sites: Mapping[int, Site]


def passes(evaluation: Trace, training: Trace | None, found: Sequence[Found]) -> list[Pass]:
    """The traced run and the one in training mode, which may use layers of its own."""
    known = {entry.site.name: entry.site for entry in found}
    runs = [_pass(evaluation, found, known)]
    if training is not None:
        runs.append(_pass(training, find(training), known))
    return runs


def _pass(trace: Trace, found: Sequence[Found], known: Mapping[str, Site]) -> Pass:
    return Pass(
        trace, {op.index: known[entry.site.name] for entry in found if entry.site.name in known for op in entry.ops}
    )


def settle(runs: Sequence[Pass], rule: Rule[T], sites: Collection[int]) -> Settled[T]:
    """Follow the changes of `sites` through all runs, and give up those whose values cannot be taken up.

    Args:
        runs: of the same model.
        rule: how the change travels.
        sites: indices of the sites that change.
    """
    reasons: dict[int, str] = {}
    while True:
        following = _Following(rule, frozenset(sites) - reasons.keys())
        for number, run in enumerate(runs):
            following.through(run, number)
        demands = following.settled_demands(runs)
        if not following.blocked:
            return Settled(demands, reasons)
        reasons |= following.blocked


class _Following(Generic[T]):
    """One attempt with a given set of sites."""

    def __init__(self, rule: Rule[T], sites: frozenset[int]) -> None:
        self.rule, self.sites = rule, sites
        self.blocked: dict[int, str] = {}
        self.demands: dict[nn.Module, dict[tuple[int, int], Demand[T]]] = defaultdict(dict)

    def through(self, run: Pass, number: int) -> None:
        """Follow the changes through one run."""
        changes: dict[int, T] = {}
        origin: dict[int, frozenset[int]] = {}
        for op in run.trace.ops:
            given = {value: changes[value] for value in op.inputs if value in changes}
            site = run.sites.get(op.index)
            starts = site is not None and site.index in self.sites
            if not given and not starts:
                continue
            involved = frozenset().union(*(origin[value] for value in given))
            try:
                if starts and site is not None:
                    involved |= {site.index}
                    step = Step(passes=self.rule.start(site, op, next(iter(given.values()), None)))
                else:
                    step = self.rule.follow(run.trace, op, given)
                if step.passes is not None:
                    _check_read(run.trace, op)
            except Blocked as reason:
                self.block(involved, str(reason))
                continue
            if step.passes is not None:
                changes.update(dict.fromkeys(op.outputs, step.passes))
                origin.update(dict.fromkeys(op.outputs, involved))
            if step.layer is not None and step.demand is not None:
                call = next(frame.call for frame in op.stack if frame.module is step.layer)
                self.demands[step.layer][number, call] = Demand(step.demand, involved)

    def settled_demands(self, runs: Sequence[Pass]) -> dict[nn.Module, Demand[T]]:
        """One demand for each layer; sites of layers whose calls disagree are blocked."""
        calls: dict[nn.Module, set[tuple[int, int]]] = defaultdict(set)
        for number, run in enumerate(runs):
            for op in run.trace.ops:
                for frame in op.stack:
                    if frame.module in self.demands:
                        calls[frame.module].add((number, frame.call))
        settled = {}
        for layer, demands in self.demands.items():
            sites = frozenset().union(*(demand.sites for demand in demands.values()))
            kinds = {demand.change for demand in demands.values()}
            if len(kinds) > 1 or calls[layer] - demands.keys():
                name = runs[0].trace.names[layer]
                self.block(sites, f"{name} ({type(layer).__name__}) is called with other values too")
            settled[layer] = Demand(kinds.pop(), sites)
        return settled

    def block(self, sites: Collection[int], reason: str) -> None:
        """Give up `sites`."""
        for site in sites:
            self.blocked.setdefault(site, reason)


def _check_read(trace: Trace, op: Op) -> None:
    if any(value in trace.outputs for value in op.outputs):
        raise Blocked("the model returns its values")
    if not any(trace.consumers.get(value) for value in op.outputs):
        raise Blocked("nothing reads its values")


def own_layer(trace: Trace, op: Op, data: Collection[int]) -> nn.Module:
    """The module that applies its own parameters to `data`, by this op.

    Raises:
        Blocked: the other tensors are computed, shared with other modules, or another module's.
    """
    layer = op.module
    for value in op.inputs:
        if value in data:
            continue
        path = trace.parameters.get(value)
        if path is None:
            raise Blocked(f"{reader_name(trace, op)} computes its weights, so that they cannot be replaced")
        users = dict.fromkeys([*trace.holders[path], *(reader.module for reader in trace.consumers[value])])
        others = ", ".join(trace.names[user] or "the model" for user in users if user is not layer)
        if others:
            raise Blocked(f"{reader_name(trace, op)} shares its weights with {others}")
    return layer


def argument(op: Op, position: int, name: str, default: object = None) -> object:
    """An argument of an op, given by position or by name."""
    return op.args[position] if len(op.args) > position else op.kwargs.get(name, default)


def operands(op: Op) -> list[int]:
    """Value numbers of the tensors among an op's positional arguments."""
    return [arg.number for arg in op.args if isinstance(arg, Value)]
