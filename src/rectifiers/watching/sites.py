"""The places in a model where an activation is called, in the order in which they are reached."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn

from ..core.elementwise import Elementwise
from . import kinds
from .axes import ChannelAxes, says_channels
from .clamps import find_bare
from .kinds import own_kind, spec_of
from .names import common_scope, is_past, name_calls, number_calls, slot_path, split_by_holder
from .places import Place, other_calls, place_of_module
from .trace import Op, Trace, Value
from .watcher import Frame

CallForm = Literal["module", "reused", "function"]


@dataclass(frozen=True)
class Site:
    """A place in a model where an activation is called.

    Args:
        index: position in forward order, from 0.
        name: `features.3` for a module, `features.3#2` for the second call of a reused one, `block:relu` for a function
            that `block` calls, `:relu` for one that the model itself calls.
        kind: which activation is called there; `clamp` for a bare clamp at zero that may not be an activation.
        call: `module` for a module that is called only once, `reused` for one of several calls of a module, `function`
            for a call without a module.
        path: the module, or the module whose `forward` calls the function.
        paths: all names of that module, or those in the module that calls it, if several hold and call it.
        aliases: all names of that module.
        recomputed: whether a function without a place is called under checkpointing within its module's call.
        shape: shape of the activation's input.
        dtype: dtype of the activation's input.
        scope: the module within whose calls the calls of the activation are counted.
        number: which of these calls it is, from 0.
        channel_dim: dimension that holds the channels: 1 after the batch, −1 if they are last, as in rows and
            sequences of features, otherwise where they are; None if nothing in the model shows it.
        stage: how many changes of resolution came before.
        before: type of the layer whose output the activation reads, such as `BatchNorm2d` or `add`; `input` for what
            the model is given, `parameter` for a parameter or buffer.
        after: types of the layers that read the activation's output.
        near: path of a module whose parameters show the device.
        inplace: whether the activation writes over its input.
        aliased: whether something else reads the input after that.
        into: whether the call is given a tensor to write its result into, `out=…`.
        input_overwritten: whether something else writes over the input after the call.
        output_overwritten: whether something else writes over the output.
        infinite: whether some of the input's values are infinite on the example.
        training_only: whether it is called in training mode only.
        evaluation_only: whether it is called in evaluation mode only.
        settings: numbers that describe the activation beside its kind, such as a slope.
        place: where in the code of a class it is called, if that tells it from all others.
        written: where in the code it is called, even if others are called there too.
        elsewhere: where else the code calls a reused module, in parts that the example does not reach.
        through: the module's methods, other than `forward`, that a function's call is in.
        held: the module's attributes that are functions of their own, and that a function's call is in.
        past: path of another module whose method calls the function past that module's own call; empty where the code
            tells the call apart.
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
    channel_dim: int | None = 1
    stage: int = 0
    before: str = ""
    after: tuple[str, ...] = ()
    near: str = ""
    inplace: bool = False
    aliased: bool = False
    into: bool = False
    input_overwritten: bool = False
    output_overwritten: bool = False
    infinite: bool = False
    training_only: bool = False
    evaluation_only: bool = False
    settings: dict[str, float] = field(default_factory=dict)
    place: Place | None = None
    written: Place | None = None
    elsewhere: tuple[Place, ...] = ()
    through: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    past: str = ""
    aliases: tuple[str, ...] = ()
    recomputed: bool = False

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
        # Those of a convolution are in front of the pixels, with or without a batch.
        threshold = module.threshold if spec.kind == "convolution" else None
        own = x.dim() - threshold.dim() if isinstance(threshold, Tensor) else getattr(module, "channel_dim", 1)
        dim = unit_dim(int(own), x.dim())
        return cls(0, path, spec.name, "module", path, (path,), tuple(x.shape), x.dtype, channel_dim=dim, near=path)

    @property
    def rectifies(self) -> bool:
        """Whether it is a ReLU, with or without a cap, however it is written."""
        return self.kind in kinds.RECTIFYING or "cap" in self.settings

    @property
    def channels(self) -> int:
        """Size of the channel dimension; 1 if it is not known which one that is."""
        return 1 if self.channel_dim is None else self.shape[self.channel_dim]


@dataclass
class Located:
    """A site with its ops in a trace: one for each call of its scope."""

    site: Site
    ops: list[Op]


def find_held_apart(trace: Trace) -> set[nn.Module]:
    """Return the activations that several modules hold and call, each of which gets its own."""
    if not trace.shared:
        return set()
    owners = _activation_kinds(trace)
    stacks: dict[nn.Module, list[Sequence[Frame]]] = defaultdict(list)
    for op in trace.ops:
        if op.module in owners:
            stacks[op.module].append(op.stack[:-1])
    return {module for module, calls in stacks.items() if len(split_by_holder(module, calls, trace.shared)) > 1}


def locate_sites(trace: Trace, apart: Collection[nn.Module] = ()) -> list[Located]:
    """Locate all activation sites of a traced model, in forward order.

    Args:
        trace: the model.
        apart: activations that several modules hold and call in another mode.
    """
    names = trace.names
    paths: dict[nn.Module, tuple[str, ...]] = defaultdict(tuple)
    for name, module in trace.model.named_modules(remove_duplicate=False):
        paths[module] += (name,)
    owners = _activation_kinds(trace)
    calls: dict[nn.Module, list[Op]] = defaultdict(list)
    for op in trace.ops:
        if op.kind is not None and own_kind(trace.model) is None:
            calls[op.module].append(op)
    axes = ChannelAxes(trace)
    bare = find_bare(trace, (op for ops in calls.values() for op in ops))
    located = []
    for module, path, inside, ops in _split(calls, owners, names, paths, trace.shared, apart):
        own_module = module in owners
        scope = common_scope(op.stack[:-1] for op in ops) if own_module else module
        assert scope is not None
        numbered = _number(ops, module, scope)
        call: CallForm = "function" if not own_module else "reused" if len(numbered) > 1 else "module"
        spelled = {number: "" if own_module else group[0].name for number, group in numbered.items()}
        places: dict[int, Place] = _places(numbered) if call == "function" else {}
        elsewhere: tuple[Place, ...] = ()
        written = {} if call == "module" else {number: _written(ops, module) for number, ops in numbered.items()}
        if call == "reused":
            places, elsewhere = _places_of_module(scope, numbered, written)
        for number, name in name_calls(path, spelled).items():
            group = numbered[number]
            # Clamped integers keep their numbers and names as calls, but they are not sites.
            if not trace.dtypes[group[0].inputs[0]].is_floating_point:
                continue
            is_bare = any(op.index in bare for op in group)
            entry = _describe(trace, axes, names, inside, module, scope, call, number, name, group, is_bare)
            place = places.get(number)
            recomputed = place is None and not own_module and any(op.under_way.recomputed for op in group)
            site = replace(
                entry.site,
                place=place,
                written=written.get(number),
                elsewhere=elsewhere,
                aliases=paths[module],
                recomputed=recomputed,
            )
            located.append(replace(entry, site=site))
    located.sort(key=lambda entry: entry.ops[0].index)
    stages = _stages([entry.site for entry in located])
    return [
        Located(replace(entry.site, index=index, stage=stage), entry.ops)
        for index, (entry, stage) in enumerate(zip(located, stages, strict=True))
    ]


def _split(
    calls: Mapping[nn.Module, list[Op]],
    owners: Collection[nn.Module],
    names: Mapping[nn.Module, str],
    paths: Mapping[nn.Module, tuple[str, ...]],
    shared: Collection[nn.Module],
    apart: Collection[nn.Module],
) -> Iterator[tuple[nn.Module, str, tuple[str, ...], list[Op]]]:
    """Give modules with their path, all their names and their ops; several times, where several modules hold one."""
    for module, ops in calls.items():
        holders: dict[nn.Module | None, list[int]] = {None: [*range(len(ops))]}
        if module in owners:
            holders = split_by_holder(module, [op.stack[:-1] for op in ops], shared)
        for holder, indices in holders.items():
            inside, path = paths[module], names[module]
            if holder is not None:
                path = slot_path(module, holder, names[holder])
            # One that a single module calls is replaced wherever it is held.
            if holder is not None and (len(holders) > 1 or module in apart):
                inside = tuple(one for one in inside if one.rpartition(".")[0] in paths[holder])
            yield module, path, inside, [ops[index] for index in indices]


def tell_apart_by_mode(trace: Trace, training: Trace) -> None:
    """Mark the modules that are an activation in one mode and do something else in the other, such as dropout.

    They are not replaced as a whole, but the functions that they call are.

    Args:
        trace: the model in evaluation mode.
        training: the model in training mode.
    """
    found = [(each, _activation_kinds(each)) for each in (trace, training)]
    for (one, here), (other, there) in itertools.permutations(found):
        one.mixed |= {module for module in here if module in other.reached and there.get(module) != here[module]}


def _activation_kinds(trace: Trace) -> dict[nn.Module, str]:
    """Return the modules that are an activation and nothing else: one op of one tensor, and no other parameters."""
    inside: dict[Frame, list[Op]] = defaultdict(list)
    for op in trace.ops:
        for frame in op.stack:
            if not frame.past:
                inside[frame].append(op)
    kinds_of: dict[nn.Module, str] = {}
    others: set[nn.Module] = set()
    for frame, ops in inside.items():
        module = frame.module
        alone = len(ops) == 1 and ops[0].kind is not None and ops[0].module is module
        bare = not any(True for _ in module.children()) and (
            isinstance(module, nn.PReLU) or own_kind(module) or not any(True for _ in module.parameters())
        )
        plain = module not in trace.mixed and type(module).__call__ is nn.Module.__call__
        if alone and bare and plain and module is not trace.model:
            kinds_of[module] = str(ops[0].kind)
        else:
            others.add(module)
    return {module: kind for module, kind in kinds_of.items() if module not in others}


def _number(ops: Iterable[Op], owner: nn.Module, scope: nn.Module) -> dict[int, list[Op]]:
    """Group ops by their number within one call of the scope."""
    ops = list(ops)
    numbered: dict[int, list[Op]] = defaultdict(list)
    calls = []
    for op in ops:
        place = place_of_module(op.noted, owner) if op.noted is not None and is_past(op.stack) else None
        calls.append((op.stack, op.places if place is None else (place,)))
    for number, op in zip(number_calls(owner, scope, calls), ops, strict=True):
        numbered[number].append(op)
    return numbered


def _places(numbered: Mapping[int, list[Op]]) -> dict[int, Place]:
    """Return for each call the innermost place that tells it from all others; none for calls that have no such place.

    A method that is called several times has the same places each time; its calls have parameters of their own
    nevertheless, and are told apart by their numbers.
    """
    calls_at = Counter(place for ops in numbered.values() for place in {place for op in ops for place in op.places})
    chosen = {}
    for number, ops in numbered.items():
        for place in ops[0].places:
            if calls_at[place] == 1 and all(place in op.places for op in ops):
                chosen[number] = place
                break
    return chosen


def _written(ops: Sequence[Op], module: nn.Module) -> Place | None:
    """Return where the calls of a function, or of a reused module, are written, if that is one place."""
    places: set[Place | None] = set()
    for op in ops:
        if op.noted is None:
            places.add(op.places[0] if op.places else None)
        else:
            places.add(place_of_module(op.noted, module))
    return places.pop() if len(places) == 1 else None


def _places_of_module(
    scope: nn.Module, numbered: Mapping[int, list[Op]], written: Mapping[int, Place | None]
) -> tuple[dict[int, Place], tuple[Place, ...]]:
    """Return the places of the calls of a module, if they tell all of them apart, and those where else it is called."""
    noted = [op.noted for ops in numbered.values() for op in ops]
    places = {number: place for number, place in written.items() if place is not None}
    if len(places) < len(numbered) or len(set(places.values())) < len(numbered):
        return {}, ()
    if noted[0] is None or any(call is None or call.owner is not scope for call in noted):
        return {}, ()
    known = {(place.home, place.method, place.index) for place in places.values()}
    others = other_calls(noted[0])
    return places, tuple(place for place in others if (place.home, place.method, place.index) not in known)


def _describe(
    trace: Trace,
    axes: ChannelAxes,
    names: dict[nn.Module, str],
    paths: tuple[str, ...],
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
        path=paths[0],
        paths=paths,
        scope=names[scope],
        number=number,
        shape=shape,
        dtype=trace.dtypes[source.number],
        channel_dim=_channel_dim(axes, module, op, source.number),
        stage=0,
        before="parameter" if source.number in trace.parameters else _label(before),
        after=tuple(dict.fromkeys(_label(reader) for reader in trace.consumers[op.outputs[0]])),
        near=names[near],
        inplace=op.inplace,
        aliased=any(op.aliased for op in ops),
        into=any(op.kwargs.get("out") is not None for op in ops),
        input_overwritten=any(op.input_overwritten for op in ops),
        output_overwritten=any(op.output_overwritten for op in ops),
        infinite=any(op.infinite for op in ops),
        settings=_settings(op, kind),
        through=tuple(sorted({method for op in ops for method in op.under_way.methods})),
        held=tuple(sorted({name for op in ops for name in op.under_way.held})),
        past=next((op.under_way.past for op in ops if op.under_way.past), ""),
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
        cap = {"cap": float(high)} if low == 0 else {}
        return cap if op.kind == "relu6" else {"low": float(low), "high": float(high), **cap}
    return {}


def _channel_dim(axes: ChannelAxes, module: nn.Module, op: Op, value: int) -> int | None:
    """Return the dimension that holds the channels; an activation with parameters for them says so itself."""
    if says_channels(axes, op):
        return unit_dim(1, len(axes.shape(value)))
    if isinstance(module, Elementwise) and module.share == "channel" and own_kind(module) is not None:
        return unit_dim(module.channel_dim, len(axes.shape(value)))
    return axes.find(value)


def unit_dim(channel_dim: int | None, rank: int) -> int | None:
    """Return a channel dimension if values of this many dimensions have it; else None."""
    return channel_dim if channel_dim is not None and -rank <= channel_dim < rank else None


def _stages(sites: list[Site]) -> list[int]:
    """Count the changes of resolution before each site; gates on a single pixel do not count."""
    stage, last, stages = 0, None, []
    for site in sites:
        size = _resolution(site)
        spatial = any(side > 1 for side in size)
        if spatial and last is not None and size != last:
            stage += 1
        last = size if spatial else last
        stages.append(stage)
    return stages


def _resolution(site: Site) -> tuple[int, ...]:
    """Return the sizes of all dimensions but those of batch and channels."""
    channels = 1 if site.channel_dim is None else site.channel_dim % len(site.shape)
    return tuple(size for dim, size in enumerate(site.shape) if dim not in (0, channels))
