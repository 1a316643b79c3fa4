"""The places in a model where an activation is called, in the order in which they are reached."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn

from . import kinds
from .clamps import find_bare
from .kinds import own_kind, spec_of
from .names import Numbering, common_scope, name_calls
from .trace import Op, Trace, Value
from .watcher import Frame

CallForm = Literal["module", "reused", "function"]
LAST = (nn.Linear, nn.Bilinear, nn.LayerNorm, nn.Embedding, nn.RNNBase)
"""Layers that put their channels last."""


@dataclass(frozen=True)
class Site:
    """A place in a model where an activation is called.

    Args:
        index: position in forward order, from 0.
        name: `features.3` for a module, `features.3#2` for the second call of a reused one, `block:relu` for a function
            that `block` calls, `:relu` for one that the model itself calls.
        kind: which activation is called there; `clamp` for a bare clamp at zero that may be no activation.
        call: `module` for a module that is called only once, `reused` for one of several calls of a module, `function`
            for a call without a module.
        path: the module, or the module whose `forward` calls the function.
        paths: all names of that module.
        shape: shape of the activation's input.
        dtype: dtype of the activation's input.
        scope: the module within whose calls the calls of the activation are counted.
        number: which of these calls it is, from 0.
        channel_dim: dimension that holds the channels: 1, or −1 after linear layers on sequences.
        stage: how many changes of resolution came before.
        before: type of the layer whose output the activation reads, such as `BatchNorm2d` or `add`; `input` for what
            the model is given, `parameter` for a parameter or buffer.
        after: types of the layers that read the activation's output.
        near: path of a module whose parameters show the device.
        inplace: whether the activation writes over its input.
        aliased: whether something else reads the input after that.
        input_overwritten: whether something else writes over the input after the call.
        output_overwritten: whether something else writes over the output.
        infinite: whether some of the input's values are infinite on the example.
        training_only: whether it is called in training mode only.
        settings: numbers that describe the activation beside its kind, such as a slope.
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
    input_overwritten: bool = False
    output_overwritten: bool = False
    infinite: bool = False
    training_only: bool = False
    settings: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of_module(cls, path: str, module: nn.Module, x: Tensor) -> Site:
        """Make the site of an activation of this library that changes the channels, for which a trace has no site.

        Args:
            path: path of the module.
            module: the activation.
            x: its input.
        """
        spec = spec_of(module)
        assert spec is not None
        dim = int(getattr(module, "channel_dim", 1))
        return cls(0, path, spec.name, "module", path, (path,), tuple(x.shape), x.dtype, channel_dim=dim, near=path)

    @property
    def rectifies(self) -> bool:
        """Whether it is a ReLU, with or without a cap, however it is written."""
        return self.kind in kinds.RECTIFYING

    @property
    def channels(self) -> int:
        """Size of the channel dimension."""
        return self.shape[self.channel_dim] if len(self.shape) > 1 else 1


@dataclass
class Located:
    """A site with its ops in a trace: one for each call of its scope."""

    site: Site
    ops: list[Op]


def locate_sites(trace: Trace, training: Trace | None = None) -> list[Located]:
    """Locate all activation sites of a traced model, in forward order.

    Args:
        trace: a forward pass in evaluation mode.
        training: a forward pass in training mode; sites that only this one reaches come last, so that the others keep
            their indices.
    """
    located = _locate(trace)
    if training is None:
        return located
    in_training = _locate(training)
    located = _join_overwritten(located, in_training)
    functions = {(entry.site.path, entry.site.number) for entry in located if entry.site.call == "function"}
    modules = {entry.site.path for entry in located if entry.site.call != "function"}
    more = [
        entry
        for entry in in_training
        if (entry.site.path not in modules)
        and (entry.site.call != "function" or (entry.site.path, entry.site.number) not in functions)
    ]
    return located + [
        Located(replace(entry.site, index=index, training_only=True), entry.ops)
        for index, entry in enumerate(more, start=len(located))
    ]


def _join_overwritten(located: Iterable[Located], in_training: Iterable[Located]) -> list[Located]:
    """Take over what is written over in training mode only, as by dropout."""
    others = {(entry.site.call, entry.site.path, entry.site.number): entry.site for entry in in_training}
    joined = []
    for entry in located:
        site = entry.site
        other = others.get((site.call, site.path, site.number), site)
        both = {
            name: getattr(site, name) or getattr(other, name) for name in ("input_overwritten", "output_overwritten")
        }
        joined.append(Located(replace(site, **both), entry.ops))
    return joined


def find_reordered_modules(located: Iterable[Located], training: Trace) -> list[str]:
    """Return the paths of modules that call activations in another order in training mode.

    Args:
        located: the sites of a forward pass in evaluation mode.
        training: a forward pass in training mode.
    """

    def orders(entries: Iterable[Located]) -> dict[str, list[tuple[object, ...]]]:
        sites = [entry.site for entry in entries if entry.site.call != "module"]
        numbered: dict[str, list[tuple[object, ...]]] = defaultdict(list)
        for site in sorted(sites, key=lambda site: site.number):
            numbered[site.path].append((site.number, site.kind, site.shape[1:]))
        return numbered

    in_training = orders(_locate(training))
    return [
        path
        for path, calls in orders(located).items()
        if path in in_training and in_training[path][: len(calls)] != calls
    ]


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
    bare = find_bare(trace, (op for ops in calls.values() for op in ops))
    located = []
    for module, ops in calls.items():
        own_module = module in owners
        scope = common_scope(op.stack[:-1] for op in ops) if own_module else module
        assert scope is not None
        numbered = _number(ops, module, scope)
        call: CallForm = "function" if not own_module else "reused" if len(numbered) > 1 else "module"
        spelled = {number: "" if own_module else group[0].name for number, group in numbered.items()}
        for number, name in name_calls(names[module], spelled).items():
            group = numbered[number]
            # Clamped integers have numbers and names of calls, for these have to stay what they are; they are no sites.
            if trace.dtypes[group[0].inputs[0]].is_floating_point:
                is_bare = any(op.index in bare for op in group)
                located.append(_describe(trace, names, paths, module, scope, call, number, name, group, is_bare))
    located.sort(key=lambda entry: entry.ops[0].index)
    stages = _stages([entry.site for entry in located])
    return [
        Located(replace(entry.site, index=index, stage=stage), entry.ops)
        for index, (entry, stage) in enumerate(zip(located, stages, strict=True))
    ]


def _activation_modules(trace: Trace) -> set[nn.Module]:
    """Return the modules that are an activation and nothing else: one op, and no parameters of anything else."""
    inside: dict[Frame, list[Op]] = defaultdict(list)
    for op in trace.ops:
        for frame in op.stack:
            inside[frame].append(op)
    is_activation: dict[nn.Module, bool] = {}
    for frame, ops in inside.items():
        module = frame.module
        alone = len(ops) == 1 and ops[0].kind is not None and ops[0].module is module
        bare = not any(True for _ in module.children()) and (
            isinstance(module, nn.PReLU) or own_kind(module) or not any(True for _ in module.parameters())
        )
        is_activation[module] = is_activation.get(module, True) and alone and bare and module is not trace.model
    return {module for module, fits in is_activation.items() if fits}


def _number(ops: Iterable[Op], owner: nn.Module, scope: nn.Module) -> dict[int, list[Op]]:
    """Group ops by their number within one call of the scope."""
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
    is_bare: bool,
) -> Located:
    op = ops[0]
    source = kinds.tensor_of(op.args, op.kwargs)
    assert isinstance(source, Value)
    shape = trace.shapes[source.number]
    before = trace.producer.get(source.number)
    near = before.module if before is not None else module
    kind = "hardsigmoid" if _is_gate(trace, op) else "clamp" if is_bare else str(op.kind)
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
        before="parameter" if source.number in trace.parameters else _label(before),
        after=tuple(dict.fromkeys(_label(reader) for reader in trace.consumers[op.outputs[0]])),
        near=names[near],
        inplace=op.inplace,
        aliased=any(op.aliased for op in ops),
        input_overwritten=any(op.input_overwritten for op in ops),
        output_overwritten=any(op.output_overwritten for op in ops),
        infinite=any(op.infinite for op in ops),
        settings=_settings(op, kind),
    )
    return Located(site, ops)


def _is_gate(trace: Trace, op: Op) -> bool:
    """Return whether a capped ReLU reads x plus a number: together they are a hard sigmoid, as in hard swish."""
    adding = trace.producer.get(op.inputs[0])
    return (
        op.kind in ("relu6", "hardtanh")
        and adding is not None
        and adding.name == "add"
        and any(isinstance(number, (int, float)) for number in (*adding.args[1:2], *adding.kwargs.values()))
    )


def _label(op: Op | None) -> str:
    """Name the layer that an op belongs to: by its module's type if that has no children, else by the function."""
    if op is None:
        return "input"
    layer = op.module
    return type(layer).__name__ if not any(True for _ in layer.children()) else op.name


def reader_name(trace: Trace, op: Op) -> str:
    """Name the layer that an op belongs to, by path, for errors."""
    layer = op.module
    if any(True for _ in layer.children()):
        return f"{op.name.strip('_')} in {trace.names[layer] or 'the model'}"
    return f"{trace.names[layer]} ({type(layer).__name__})"


def _channel_dim(trace: Trace, before: Op | None, shape: tuple[int, ...]) -> int:
    """Return 1, or −1 for values of three or more dimensions from a layer that puts channels last."""
    while before is not None and len(shape) > 2:
        if isinstance(before.module, LAST) or before.name in ("linear", "layer_norm"):
            return -1
        if before.name not in ("dropout", "add", "mul"):
            return 1
        before = trace.producer.get(before.inputs[0])
    return 1


def _settings(op: Op, kind: str) -> dict[str, float]:
    """Return the numbers that describe an activation beside its kind."""
    if kind == "clamp":
        high = kinds.bounds(kinds.FUNCTIONS[op.func], op.args, op.kwargs)[1]
        # The second number of a threshold is what takes the place of smaller values.
        return {"cap": float(high)} if high else {}
    if kind != op.kind:
        return {}
    if op.kind == "leaky_relu":
        return {"slope": float(op.kwargs.get("negative_slope", op.args[1] if len(op.args) > 1 else 0.01))}
    if op.kind in ("relu6", "hardtanh"):
        if kinds.FUNCTIONS.get(op.func, "relu6") == "relu6":
            return {"cap": 6.0}
        low, high = kinds.bounds(kinds.FUNCTIONS[op.func], op.args, op.kwargs)
        return {"cap": float(high)} if op.kind == "relu6" else {"low": float(low), "high": float(high)}
    return {}


def _stages(sites: list[Site]) -> list[int]:
    """Count the changes of resolution before each site; gates on a single pixel do not count."""
    stage, last, stages = 0, None, []
    for site in sites:
        size = site.shape[2:] if site.channel_dim == 1 else site.shape[1:-1]
        spatial = any(side > 1 for side in size)
        if spatial and last is not None and size != last:
            stage += 1
        last = size if spatial else last
        stages.append(stage)
    return stages
