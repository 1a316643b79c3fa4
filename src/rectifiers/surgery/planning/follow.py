"""Follows values that a swap makes different through the model, to the layers that have to be adapted to them.

How values differ is up to a rule: they may have additional channels, or be larger by a factor. The rule says for every
op how its outputs differ if its inputs do. A site whose values reach an op that cannot cope with them is given up, and
the other sites are followed again from the start, until nothing is in the way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from torch import nn
from torch.nn.utils import parametrize

from ...watching.sites import Located, Site, locate_sites, reader_name
from ...watching.survey import Survey
from ...watching.trace import Op, Trace, Value

T = TypeVar("T")
"""How a value differs from what it was before the swap."""


class Blocked(Exception):
    """A value that differs reaches something that cannot cope with it; the message says what, and why."""


@dataclass(frozen=True)
class Effect(Generic[T]):
    """What an op makes of inputs that differ.

    Args:
        output: how its outputs differ; None if they do not.
        layer: the module that has to be adapted to its input, if one has to.
        input: how that input differs.
        each: how each of its outputs differs, by value, where they are not the same.
    """

    output: T | None = None
    layer: nn.Module | None = None
    input: T | None = None
    each: Mapping[int, T] = field(default_factory=dict)


class Rule(Protocol[T]):
    """How one kind of difference travels."""

    def start(self, site: Site, op: Op, given: T | None) -> T:
        """Return how the output of a site's new activation differs, where its input may differ already."""

    def follow(self, trace: Trace, op: Op, given: Mapping[int, T]) -> Effect[T]:
        """Return what any other op makes of the inputs that differ, by value; raise `Blocked` if it cannot cope."""


@dataclass(frozen=True)
class Demand(Generic[T]):
    """What a layer has to be adapted to: how its input differs, and because of which sites."""

    input: T
    sites: frozenset[int]


@dataclass
class Outcome(Generic[T]):
    """Where the differences lead.

    Args:
        demands: what each layer has to be adapted to, in forward order.
        reasons: why sites were given up, by their index.
    """

    demands: dict[nn.Module, Demand[T]]
    reasons: dict[int, str]


@dataclass(frozen=True)
class MarkedTrace:
    """A trace, and the sites of its ops by index of the op."""

    trace: Trace
    sites: Mapping[int, Site]


def mark_traces(survey: Survey) -> list[MarkedTrace]:
    """Mark the sites in both traces, the one in evaluation mode first; training may use layers of its own."""
    # The ops of sites that only training mode reaches are those of its own trace.
    evaluated = [located for located in survey.located if not located.site.training_only]
    marked = [_mark(survey.trace, evaluated, survey.sites)]
    if survey.training is not None:
        marked.append(_mark(survey.training, locate_sites(survey.training), survey.sites))
    return marked


def _mark(trace: Trace, located: Sequence[Located], known: Sequence[Site]) -> MarkedTrace:
    sites = {}
    for one in located:
        site = next((site for site in known if _is_same(site, one.site)), None)
        sites.update({} if site is None else {op.index: site for op in one.ops})
    return MarkedTrace(trace, sites)


def _is_same(site: Site, other: Site) -> bool:
    """Return whether a site is one that another mode has, perhaps under another name, as it may call more of them."""
    if (site.path, site.call == "function") != (other.path, other.call == "function"):
        return False
    if site.call == "module":
        return True
    if site.place is None or other.place is None:
        return site.number == other.number
    return site.place == other.place


def follow_sites(traces: Sequence[MarkedTrace], rule: Rule[T], sites: Collection[int]) -> Outcome[T]:
    """Follow the values of `sites` through all traces, and give up the sites whose values something cannot cope with.

    Args:
        traces: traces of the same model.
        rule: how the difference travels.
        sites: indices of the sites whose activations are replaced.
    """
    reasons: dict[int, str] = {}
    while True:
        attempt = _Attempt(rule, frozenset(sites) - reasons.keys())
        for number, marked in enumerate(traces):
            attempt.follow(marked, number)
        demands = attempt.collect_demands(traces)
        if not attempt.blocked:
            return Outcome(demands, reasons)
        reasons |= attempt.blocked


class _Attempt(Generic[T]):
    """One attempt with a given set of sites."""

    def __init__(self, rule: Rule[T], sites: frozenset[int]) -> None:
        self.rule, self.sites = rule, sites
        self.blocked: dict[int, str] = {}
        self.demands: dict[nn.Module, dict[tuple[int, int], Demand[T]]] = defaultdict(dict)

    def follow(self, marked: MarkedTrace, number: int) -> None:
        """Follow the values through one trace."""
        differences: dict[int, T] = {}
        origin: dict[int, frozenset[int]] = {}
        for op in marked.trace.ops:
            given = {value: differences[value] for value in op.inputs if value in differences}
            site = marked.sites.get(op.index)
            starts = site is not None and site.index in self.sites
            if not given and not starts:
                continue
            involved = frozenset().union(*(origin[value] for value in given))
            try:
                if starts and site is not None:
                    involved |= {site.index}
                    effect = Effect(output=self.rule.start(site, op, next(iter(given.values()), None)))
                else:
                    effect = self.rule.follow(marked.trace, op, given)
                made = dict(effect.each)
                if effect.output is not None:
                    made = dict.fromkeys(op.outputs, effect.output)
                if made:
                    _check_read(marked.trace, made)
            except Blocked as reason:
                self.block(involved, str(reason))
                continue
            differences.update(made)
            origin.update(dict.fromkeys(made, involved))
            if effect.layer is not None and effect.input is not None:
                call = next(frame.call for frame in op.stack if frame.module is effect.layer)
                self.demands[effect.layer][number, call] = Demand(effect.input, involved)

    def collect_demands(self, traces: Sequence[MarkedTrace]) -> dict[nn.Module, Demand[T]]:
        """Return one demand for each layer; block the sites of layers whose calls have different inputs."""
        calls: dict[nn.Module, set[tuple[int, int]]] = defaultdict(set)
        for number, marked in enumerate(traces):
            for op in marked.trace.ops:
                for frame in op.stack:
                    if frame.module in self.demands:
                        calls[frame.module].add((number, frame.call))
        collected = {}
        for layer, demands in self.demands.items():
            sites = frozenset().union(*(demand.sites for demand in demands.values()))
            inputs = {demand.input for demand in demands.values()}
            if len(inputs) > 1 or calls[layer] - demands.keys():
                name = traces[0].trace.names[layer]
                self.block(sites, f"{name} ({type(layer).__name__}) is called with other values too")
            collected[layer] = Demand(inputs.pop(), sites)
        return collected

    def block(self, sites: Collection[int], reason: str) -> None:
        """Give up `sites`."""
        for site in sites:
            self.blocked.setdefault(site, reason)


def _check_read(trace: Trace, values: Collection[int]) -> None:
    if any(value in trace.outputs for value in values):
        raise Blocked("the model returns its values")
    if not any(trace.consumers.get(value) for value in values):
        raise Blocked("nothing reads its values")


def own_layer(trace: Trace, op: Op, data: Collection[int]) -> nn.Module:
    """Return the module that applies parameters of its own to `data` by this op.

    Args:
        trace: the trace of the op.
        op: the call of a layer's function.
        data: the inputs of the op that are not parameters.

    Raises:
        Blocked: the other inputs are computed, shared with other modules, or parameters of another module.
    """
    layer = op.module
    for value in op.inputs:
        if value in data:
            continue
        path = trace.parameters.get(value)
        if path is None:
            raise Blocked(
                f"{reader_name(trace, op)} computes its weights, so that they cannot be replaced{_cure(layer)}"
            )
        users = dict.fromkeys([*trace.holders[path], *(reader.module for reader in trace.consumers[value])])
        others = ", ".join(trace.names[user] or "the model" for user in users if user is not layer)
        if others:
            raise Blocked(f"{reader_name(trace, op)} shares its weights with {others}")
    return layer


def _cure(layer: nn.Module) -> str:
    """Say how a layer's weights become plain ones; nothing where PyTorch has no call for it."""
    if parametrize.is_parametrized(layer):
        return ": torch.nn.utils.parametrize.remove_parametrizations makes them plain"
    if any(type(hook).__module__.startswith("torch.nn.utils.") for hook in layer._forward_pre_hooks.values()):
        return ": remove_weight_norm, remove_spectral_norm or prune.remove of torch.nn.utils makes them plain"
    return ""


def argument(op: Op, position: int, name: str, default: object = None) -> object:
    """Return an argument of an op, given by position or by name."""
    return op.args[position] if len(op.args) > position else op.kwargs.get(name, default)


def operands(op: Op) -> list[int]:
    """Return the values among an op's positional arguments, by number."""
    return [arg.number for arg in op.args if isinstance(arg, Value)]
