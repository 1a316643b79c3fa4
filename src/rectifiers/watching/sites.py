"""The places in a model where an activation is called, in the order in which they run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn

from . import kinds
from .kinds import own_kind, spec_of
from .names import Numbering, common_scope, name_calls
from .trace import Op, Trace, Value
from .watcher import Frame

CallForm = Literal["module", "reused", "function"]
LAST = (nn.Linear, nn.Bilinear, nn.LayerNorm, nn.Embedding, nn.RNNBase)
"""Layers that put their channels last."""


@dataclass(frozen=True)
class Site:
    """One activation at one place.

    Args:
        index: position in forward order, from 0.
        name: `features.3` for a module, `features.3#2` for the second call of a reused one, `block:relu` for a function
            that `block` calls, `:relu` for one that the model itself calls.
        kind: which activation it is now.
        call: `module` where a module of its own can be replaced, `reused` for one of several calls of a module,
            `function` for a call without a module.
        path: the module, or the module whose `forward` calls the function.
        paths: all names of that module.
        shape: shape of its input.
        dtype: dtype of its input.
        scope: the module within whose `forward` calls are counted.
        number: which call it is there, from 0.
        channel_dim: dimension that holds the channels: 1, or −1 behind linear layers on sequences.
        stage: how many changes of resolution came before.
        before: type of the layer in front, such as `BatchNorm2d` or `add`.
        after: types of the layers that read it.
        near: module whose parameters show the dtype and the device.
        inplace: whether it writes over its input.
        aliased: whether something reads what it wrote over.
        training_only: whether it runs in training mode only.
        settings: numbers that its kind needs, such as a slope.
    """

    index: int
    name: str
    kind: str
    call: CallForm
    path: str
    paths: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: torch.dtype
    scope: str = ""
    number: int = 0
    channel_dim: int = 1
    stage: int = 0
    before: str = ""
    after: tuple[str, ...] = ()
    near: str = ""
    inplace: bool = False
    aliased: bool = False
    training_only: bool = False
    settings: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of_module(cls, path: str, module: nn.Module, x: Tensor) -> Site:
        """The site of an activation of this library that changes the channels, and is seen in no trace."""
        spec = spec_of(module)
        assert spec is not None
        dim = int(getattr(module, "channel_dim", 1))
        return cls(0, path, spec.name, "module", path, (path,), tuple(x.shape), x.dtype, channel_dim=dim, near=path)

    @property
    def channels(self) -> int:
        """Size of the channel dimension."""
        return self.shape[self.channel_dim] if len(self.shape) > 1 else 1


@dataclass
class Located:
    """A site and the ops of the trace that it stands for: one for each time that its scope ran."""

    site: Site
    ops: list[Op]


def locate_sites(trace: Trace, training: Trace | None = None) -> list[Located]:
    """All activation sites of a traced model, in forward order.

    Args:
        trace: a run in evaluation mode.
        training: a run in training mode; sites that only it reaches come last, so that they shift no index.
    """
    found = _locate(trace)
    if training is None:
        return found
    functions = {(entry.site.path, entry.site.number) for entry in found if entry.site.call == "function"}
    modules = {entry.site.path for entry in found if entry.site.call != "function"}
    more = [
        entry
        for entry in _locate(training)
        if (entry.site.path not in modules)
        and (entry.site.call != "function" or (entry.site.path, entry.site.number) not in functions)
    ]
    return found + [
        Located(replace(entry.site, index=index, training_only=True), entry.ops)
        for index, entry in enumerate(more, start=len(found))
    ]


def reordered_modules(found: Iterable[Located], training: Trace) -> list[str]:
    """Modules that call activations in another order in training mode, where the calls' numbers mean something else."""

    def orders(entries: Iterable[Located]) -> dict[str, list[tuple[object, ...]]]:
        sites = [entry.site for entry in entries if entry.site.call != "module"]
        numbered: dict[str, list[tuple[object, ...]]] = defaultdict(list)
        for site in sorted(sites, key=lambda site: site.number):
            numbered[site.path].append((site.number, site.kind, site.shape[1:]))
        return numbered

    there = orders(_locate(training))
    return [path for path, calls in orders(found).items() if path in there and there[path][: len(calls)] != calls]


def _locate(trace: Trace) -> list[Located]:
    names = trace.names
    paths: dict[nn.Module, tuple[str, ...]] = defaultdict(tuple)
    for name, module in trace.model.named_modules(remove_duplicate=False):
        paths[module] += (name,)
    owners = _activation_modules(trace)
    calls: dict[nn.Module, list[Op]] = defaultdict(list)
    for op in trace.ops:
        if op.kind is not None and own_kind(trace.model) is None:
            calls[op.module].append(op)
    found = []
    for module, ops in calls.items():
        own_module = module in owners
        scope = common_scope(op.stack[:-1] for op in ops) if own_module else module
        assert scope is not None
        numbered = _number(ops, module, scope)
        call: CallForm = "function" if not own_module else "reused" if len(numbered) > 1 else "module"
        spelled = {number: "" if own_module else group[0].name for number, group in numbered.items()}
        for number, name in name_calls(names[module], spelled).items():
            group = numbered[number]
            found.append(_describe(trace, names, paths, module, scope, call, number, name, group))
    found.sort(key=lambda entry: entry.ops[0].index)
    stages = _stages([entry.site for entry in found])
    return [
        Located(replace(entry.site, index=index, stage=stage), entry.ops)
        for index, (entry, stage) in enumerate(zip(found, stages, strict=True))
    ]


def _activation_modules(trace: Trace) -> set[nn.Module]:
    """Modules that are an activation and nothing else: one function from their input to their output."""
    inside: dict[Frame, list[Op]] = defaultdict(list)
    for op in trace.ops:
        for frame in op.stack:
            inside[frame].append(op)
    good: dict[nn.Module, bool] = {}
    for frame, ops in inside.items():
        module = frame.module
        alone = len(ops) == 1 and ops[0].kind is not None and ops[0].module is module
        bare = not any(True for _ in module.children()) and (
            isinstance(module, nn.PReLU) or own_kind(module) or not any(True for _ in module.parameters())
        )
        good[module] = good.get(module, True) and alone and bare and module is not trace.model
    return {module for module, fits in good.items() if fits}


def _number(ops: Iterable[Op], owner: nn.Module, scope: nn.Module) -> dict[int, list[Op]]:
    """Ops by their number within one call of the scope."""
    numbering = Numbering()
    numbered: dict[int, list[Op]] = defaultdict(list)
    for op in ops:
        number = numbering.next(owner, scope, op.stack)
        assert number is not None
        numbered[number].append(op)
    return numbered


def _describe(
    trace: Trace,
    names: dict[nn.Module, str],
    paths: dict[nn.Module, tuple[str, ...]],
    module: nn.Module,
    scope: nn.Module,
    call: CallForm,
    number: int,
    name: str,
    ops: list[Op],
) -> Located:
    op = ops[0]
    source = kinds.tensor_of(op.args, op.kwargs)
    assert isinstance(source, Value)
    shape = trace.shapes[source.number]
    before = trace.producer.get(source.number)
    near = before.module if before is not None else module
    kind = "hardsigmoid" if _is_gate(trace, op) else str(op.kind)
    site = Site(
        index=0,
        name=name,
        kind=kind,
        call=call,
        path=names[module],
        paths=paths[module],
        scope=names[scope],
        number=number,
        shape=shape,
        dtype=trace.dtypes[source.number],
        channel_dim=_channel_dim(trace, before, shape),
        stage=0,
        before=_label(before),
        after=tuple(dict.fromkeys(_label(reader) for reader in trace.consumers[op.outputs[0]])),
        near=names[near],
        inplace=op.inplace,
        aliased=any(op.aliased for op in ops),
        settings=_settings(op) if kind == op.kind else {},
    )
    return Located(site, ops)


def _is_gate(trace: Trace, op: Op) -> bool:
    """Whether a capped ReLU of x plus a number is written there: a sigmoid of straight lines, as in hard swish."""
    adding = trace.producer.get(op.inputs[0])
    return (
        op.kind in ("relu6", "hardtanh")
        and adding is not None
        and adding.name == "add"
        and any(isinstance(number, (int, float)) for number in (*adding.args[1:2], *adding.kwargs.values()))
    )


def _label(op: Op | None) -> str:
    """Type of the layer that an op belongs to: its module's where that is a layer of its own, else the function."""
    if op is None:
        return "input"
    layer = op.module
    return type(layer).__name__ if not any(True for _ in layer.children()) else op.name


def reader_name(trace: Trace, op: Op) -> str:
    """The layer that an op belongs to, by name, for errors."""
    layer = op.module
    if any(True for _ in layer.children()):
        return f"{op.name.strip('_')} in {trace.names[layer] or 'the model'}"
    return f"{trace.names[layer]} ({type(layer).__name__})"


def _channel_dim(trace: Trace, before: Op | None, shape: tuple[int, ...]) -> int:
    """1, unless the values have three dimensions or more and come from a layer that puts channels last."""
    while before is not None and len(shape) > 2:
        if isinstance(before.module, LAST) or before.name in ("linear", "layer_norm"):
            return -1
        if before.name not in ("dropout", "add", "mul"):
            return 1
        before = trace.producer.get(before.inputs[0])
    return 1


def _settings(op: Op) -> dict[str, float]:
    """Numbers that say which member of its kind an activation is."""
    if op.kind == "leaky_relu":
        return {"slope": float(op.kwargs.get("negative_slope", op.args[1] if len(op.args) > 1 else 0.01))}
    if op.kind in ("relu6", "hardtanh"):
        if kinds.FUNCTIONS.get(op.func, "relu6") == "relu6":
            return {"cap": 6.0}
        low, high = kinds.bounds(kinds.FUNCTIONS[op.func], op.args, op.kwargs)
        return {"cap": float(high)} if op.kind == "relu6" else {"low": float(low), "high": float(high)}
    return {}


def _stages(sites: list[Site]) -> list[int]:
    """How often the resolution changed before each site; gates at one pixel do not count."""
    stage, last, stages = 0, None, []
    for site in sites:
        size = site.shape[2:] if site.channel_dim == 1 else site.shape[1:-1]
        spatial = any(side > 1 for side in size)
        if spatial and last is not None and size != last:
            stage += 1
        last = size if spatial else last
        stages.append(stage)
    return stages
