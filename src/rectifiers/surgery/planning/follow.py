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

from ...watching.sites import Located, Site, locate_sites, reader_name
from ...watching.survey import Survey
from ...watching.trace import Op, Trace, Value

T = TypeVar("T")


class Blocked(Exception):
    """A changed value reaches something that cannot take it; says what, and why."""


@dataclass(frozen=True)
class Effect(Generic[T]):
    """What an op does to changed values.

    Args:
        change: how its outputs are changed; None where they are as before.
        layer: the module that has to be adapted.
        demand: to what.
    """

    change: T | None = None
    layer: nn.Module | None = None
    demand: T | None = None


class Rule(Protocol[T]):
    """How one kind of change travels."""

    def start(self, site: Site, op: Op, change: T | None) -> T:
        """The change behind a site, whose input may be changed already."""

    def follow(self, trace: Trace, op: Op, changes: Mapping[int, T]) -> Effect[T]:
        """What any other op does to changed inputs; raises `Blocked`."""


@dataclass(frozen=True)
class Demand(Generic[T]):
    """What a layer has to be adapted to, and for which sites."""

    change: T
    sites: frozenset[int]


@dataclass
class Settlement(Generic[T]):
    """Where the changes lead.

    Args:
        demands: what each layer has to be adapted to, in forward order.
        reasons: why sites were given up, by their index.
    """

    demands: dict[nn.Module, Demand[T]]
    reasons: dict[int, str]


@dataclass(frozen=True)
class MarkedTrace:
    """A trace, and which of its ops are which site."""

    trace: Trace
    sites: Mapping[int, Site]


def mark_traces(survey: Survey) -> list[MarkedTrace]:
    """The traces of both modes, the one in evaluation mode first: training may use layers of its own."""
    known = {site.name: site for site in survey.sites}
    marked = [_mark(survey.trace, survey.located, known)]
    if survey.training is not None:
        marked.append(_mark(survey.training, locate_sites(survey.training), known))
    return marked


def _mark(trace: Trace, located: Sequence[Located], known: Mapping[str, Site]) -> MarkedTrace:
    return MarkedTrace(
        trace, {op.index: known[one.site.name] for one in located if one.site.name in known for op in one.ops}
    )


def settle(traces: Sequence[MarkedTrace], rule: Rule[T], sites: Collection[int]) -> Settlement[T]:
    """Follow the changes of `sites` through all traces, and give up those whose values cannot be taken up.

    Args:
        traces: of the same model.
        rule: how the change travels.
        sites: indices of the sites that change.
    """
    reasons: dict[int, str] = {}
    while True:
        following = _Following(rule, frozenset(sites) - reasons.keys())
        for number, marked in enumerate(traces):
            following.follow(marked, number)
        demands = following.settle_demands(traces)
        if not following.blocked:
            return Settlement(demands, reasons)
        reasons |= following.blocked


class _Following(Generic[T]):
    """One attempt with a given set of sites."""

    def __init__(self, rule: Rule[T], sites: frozenset[int]) -> None:
        self.rule, self.sites = rule, sites
        self.blocked: dict[int, str] = {}
        self.demands: dict[nn.Module, dict[tuple[int, int], Demand[T]]] = defaultdict(dict)

    def follow(self, marked: MarkedTrace, number: int) -> None:
        """Follow the changes through one trace."""
        changes: dict[int, T] = {}
        origin: dict[int, frozenset[int]] = {}
        for op in marked.trace.ops:
            given = {value: changes[value] for value in op.inputs if value in changes}
            site = marked.sites.get(op.index)
            starts = site is not None and site.index in self.sites
            if not given and not starts:
                continue
            involved = frozenset().union(*(origin[value] for value in given))
            try:
                if starts and site is not None:
                    involved |= {site.index}
                    effect = Effect(change=self.rule.start(site, op, next(iter(given.values()), None)))
                else:
                    effect = self.rule.follow(marked.trace, op, given)
                if effect.change is not None:
                    _check_read(marked.trace, op)
            except Blocked as reason:
                self.block(involved, str(reason))
                continue
            if effect.change is not None:
                changes.update(dict.fromkeys(op.outputs, effect.change))
                origin.update(dict.fromkeys(op.outputs, involved))
            if effect.layer is not None and effect.demand is not None:
                call = next(frame.call for frame in op.stack if frame.module is effect.layer)
                self.demands[effect.layer][number, call] = Demand(effect.demand, involved)

    def settle_demands(self, traces: Sequence[MarkedTrace]) -> dict[nn.Module, Demand[T]]:
        """One demand for each layer; sites of layers whose calls disagree are blocked."""
        calls: dict[nn.Module, set[tuple[int, int]]] = defaultdict(set)
        for number, marked in enumerate(traces):
            for op in marked.trace.ops:
                for frame in op.stack:
                    if frame.module in self.demands:
                        calls[frame.module].add((number, frame.call))
        settled = {}
        for layer, demands in self.demands.items():
            sites = frozenset().union(*(demand.sites for demand in demands.values()))
            kinds = {demand.change for demand in demands.values()}
            if len(kinds) > 1 or calls[layer] - demands.keys():
                name = traces[0].trace.names[layer]
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
