"""The record of one forward pass: every function called, by which module, on which values.

The model is really executed, so that control flow, helper functions, reused modules and in-place calls are all seen as
they happen. It is left as it was: modes, buffers and random number generators are put back. Each call of one of this
library's own activations is a single op, whatever it computes inside.
"""

from __future__ import annotations

import itertools
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from . import kinds
from .callers import UnderWay, find_hooked, find_owner, frame_of_call, has_own_gradient, under_way
from .contents import copy_contents, find_tensors
from .kinds import own_kind, spec_of
from .names import find_shared
from .places import Locator, NotedCall, Place, place_of_module
from .preserve import preserve, without_gradients
from .threads import notice_threads
from .watcher import Frame, Watcher
from .wrappers import is_scripted


@dataclass
class Op:
    """One call of a PyTorch function.

    Args:
        index: position in the order of execution.
        func: the function.
        inputs: numbers of the values that go in, parameters included.
        outputs: numbers of the values that come out.
        stack: the module calls that it happens in, outermost first.
        args: the call's positional arguments, with a `Value` for each tensor.
        kwargs: the call's keyword arguments, with a `Value` for each tensor.
        kind: which activation it is, if it is one.
        inplace: whether it is an activation that writes over its input.
        aliased: whether something else reads the input's memory after it was written over.
        places: where in the code of the module's class an activation is called, from the inside outwards.
        noted: the call of the module that an activation is, to look up its place.
        under_way: what an activation is called by within its module's own call.
        input_overwritten: whether another op writes over the input of this activation afterwards.
        output_overwritten: whether another op writes over its output afterwards.
        infinite: whether an activation's input has infinite values.
    """

    index: int
    func: Callable[..., Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    stack: tuple[Frame, ...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    kind: str | None = None
    inplace: bool = False
    aliased: bool = False
    places: tuple[Place, ...] = ()
    noted: NotedCall | None = None
    under_way: UnderWay = field(default_factory=UnderWay)
    input_overwritten: bool = False
    output_overwritten: bool = False
    infinite: bool = False

    @property
    def name(self) -> str:
        """The function's name, without the underscore of in-place forms; an attribute's, such as `T`."""
        name = getattr(self.func, "__name__", self.func)
        if name == "__get__":
            name = getattr(getattr(self.func, "__self__", None), "__name__", "")
        return str(name).partition(".")[0].rstrip("_") or "op"

    @property
    def module(self) -> nn.Module:
        """The module whose `forward` called the function."""
        return self.stack[-1].module


@dataclass(frozen=True)
class Value:
    """A tensor among the arguments of an op, by its number in the trace."""

    number: int


@dataclass
class Trace:
    """The ops of a forward pass in order, and how values flow between them.

    Args:
        model: the model that was executed.
        args: its positional arguments.
        kwargs: its keyword arguments.
        ops: in order of execution.
        shapes: shape of every value.
        dtypes: dtype of every value.
        outputs: values that the model returned.
        parameters: names of the values that are parameters or buffers.
        reached: the modules that were called.
        mixed: the modules that were given or returned anything but one tensor, or do something else in another mode.
        producer: the op that made a value.
        consumers: the ops that read a value.
        hooked: the activations that hooks call: the names of the hooks' modules, and the kinds.
        threads: whether other threads called activations, or may have done so.
    """

    model: nn.Module
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)
    shapes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    dtypes: dict[int, torch.dtype] = field(default_factory=dict)
    outputs: frozenset[int] = frozenset()
    parameters: dict[int, str] = field(default_factory=dict)
    reached: set[nn.Module] = field(default_factory=set)
    mixed: set[nn.Module] = field(default_factory=set)
    producer: dict[int, Op] = field(default_factory=dict)
    consumers: dict[int, list[Op]] = field(default_factory=lambda: defaultdict(list))
    hooked: list[tuple[str, str]] = field(default_factory=list)
    threads: bool = False

    @cached_property
    def names(self) -> dict[nn.Module, str]:
        """The first name of every module."""
        return {module: name for name, module in self.model.named_modules()}

    @cached_property
    def shared(self) -> set[nn.Module]:
        """The modules that several modules hold."""
        return find_shared(self.model)

    @cached_property
    def holders(self) -> dict[str, list[nn.Module]]:
        """The modules that hold each parameter or buffer, by each of its names."""
        holders: dict[int, list[nn.Module]] = defaultdict(list)
        for module in self.model.modules():
            for tensor in (*module._parameters.values(), *module._buffers.values()):
                holders[id(tensor)].append(module)
        named = (self.model.named_parameters, self.model.named_buffers)
        return {name: holders[id(tensor)] for all_of in named for name, tensor in all_of(remove_duplicate=False)}


def record(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, training: bool = False) -> Trace:
    """Record one call `model(*args, **kwargs)`, without gradients unless the model takes some itself.

    Args:
        model: any module; left as it was.
        args: positional arguments of its `forward`; left as they were.
        kwargs: keyword arguments of its `forward`; left as they were.
        training: whether the model is called in training mode, and not in evaluation mode.
    """
    tensors = itertools.chain(model.parameters(), model.buffers())
    # Values made in inference mode would not count how often they are written over.
    inference = torch.is_inference_mode_enabled() and any(tensor.is_inference() for tensor in tensors)

    def run() -> Trace:
        trace = Trace(model, args, kwargs)
        recorder = _Recorder(trace)
        with preserve(model), recorder, notice_threads(recorder.end_elsewhere):
            given, named = copy_contents((args, dict(kwargs)), model)
            model.train(training)
            result = model(*given, **named)
            returned = [tensor for _, tensor in find_tensors(result)]
            recorder.mark_readers(returned)
            trace.outputs = frozenset(recorder.number(leaf) for leaf in returned)
        return trace

    with torch.inference_mode(inference):
        return without_gradients(run)


class _Recorder(Watcher):
    """Writes down every op into a trace."""

    def __init__(self, trace: Trace) -> None:
        super().__init__(trace.model)
        self.trace = trace
        self.numbers: Any = WeakIdKeyDictionary()
        self.count = 0
        self.locator = Locator()
        # By memory that an activation wrote over: the op, and its output; values before that are from before the write.
        self.written: dict[int, tuple[Op, int]] = {}
        self.memories: dict[int, _Memory] = {}
        self.named = {
            id(tensor): f"{path}.{name}" if path else name
            for path, module in trace.model.named_modules(remove_duplicate=False)
            for own in (module._parameters, module._buffers)
            for name, tensor in own.items()
            if tensor is not None
        }

    def begin_module(self, frame: Frame, args: tuple[Any, ...]) -> None:
        self.trace.reached.add(frame.module)

    def end_module(self, frame: Frame, args: tuple[Any, ...], output: Any) -> None:
        self.locator.forget(frame)
        if len(args) != 1 or not isinstance(args[0], Tensor) or not isinstance(output, Tensor):
            self.trace.mixed.add(frame.module)
        kind = own_kind(frame.module)
        if kind is not None and args and isinstance(output, Tensor):
            self.mark_readers(args[:1])
            op = self._write_down(type(frame.module), args, {}, args[:1], [output], kind)
            called = self._note_call(frame.module, sys._getframe(1))
            op.infinite, op.noted = _has_infinite(args[0]), called.noted
            op.stack = (*op.stack[:-1], *called.past, op.stack[-1])
            self._remember(op, args[0], output)
        if is_scripted(frame.module):
            # What happens inside is not seen: one op that reads all and makes all.
            given, made = ([leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)] for tree in (args, output))
            self.mark_readers(given)
            self._write_down(type(frame.module), args, {}, given, made, None)

    def number(self, tensor: Tensor, *, fresh: bool = False) -> int:
        known: int | None = None if fresh else self.numbers.get(tensor)
        if known is None:
            known = self.count
            self.count += 1
            self.numbers[tensor] = known
            self.trace.shapes[known], self.trace.dtypes[known] = tuple(tensor.shape), tensor.dtype
            if not fresh and id(tensor) in self.named:
                self.trace.parameters[known] = self.named[id(tensor)]
        return known

    def call_function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if own_kind(self.stack[-1].module) is not None:
            return func(*args, **kwargs)
        given = _tensors_in((*args, *kwargs.values()))
        kind = kinds.identify(func, args, kwargs) if func in kinds.FUNCTIONS else None
        # What an activation of this library that changes the channels computes inside is no site either.
        inside = spec_of(self.stack[-1].module) is not None
        if kind is not None and (inside or has_own_gradient(sys._getframe(1)) or self._is_hooked(kind)):
            kind = None
        inplace = kind is not None and kinds.is_inplace(func, args, kwargs)
        self.mark_readers(given)
        called = _Called() if kind is None else self._find_place(func, sys._getframe(1))
        versions = [_version(tensor) for tensor in given]
        infinite = kind is not None and _has_infinite(kinds.tensor_of(args, kwargs))
        result = func(*args, **kwargs)
        self._mark_overwritten(
            tensor for tensor, version in zip(given, versions, strict=True) if _version(tensor) != version
        )
        made = _tensors_in((result,))
        if not made and func is not Tensor.__setitem__:
            return result
        if inplace:
            # A new tensor object on the same memory, to tell readers of the old values from readers of the result.
            result = result.view_as(result)
            made = [result]
        op = self._write_down(func, args, kwargs, given, made, kind, inplace)
        op.infinite, op.places, op.noted = infinite, called.places, called.noted
        op.under_way = called.under_way
        op.stack = (*op.stack, *called.past) if called.noted is None else (*op.stack[:-1], *called.past, op.stack[-1])
        if inplace and (storage := _storage(result)) is not None:
            self.written[storage._cdata] = (op, op.outputs[0])
        if kind is not None:
            self._remember(op, kinds.tensor_of(args, kwargs), made[0])
        return result

    def call_outside(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        kind = kinds.identify(func, args, kwargs) if func in kinds.FUNCTIONS else None
        if kind is not None:
            self._is_hooked(kind)
        return func(*args, **kwargs)

    def end_elsewhere(self) -> None:
        self.trace.threads = True

    def _is_hooked(self, kind: str) -> bool:
        """Return whether an activation is called in a hook, and note it."""
        module = find_hooked(sys._getframe(2))
        if module is not None:
            self.trace.hooked.append((self.names.get(module, ""), kind))
        return module is not None

    def _find_place(self, func: Any, caller: FrameType) -> _Called:
        """Find out where an activation is called that is a function."""
        top = self.stack[-1]
        if kinds.is_torch_activation(top.module):
            return self._note_call(top.module, caller)
        owner = find_owner(caller, top.module, self.names)
        if owner is not top.module and (places := self.locator.locate(owner, top, func, caller)):
            return _Called(places, past=(Frame(owner, top.call, past=True),))
        called = replace(under_way(top.module, caller), past="" if owner is top.module else self.names[owner])
        return _Called(self.locator.locate(top.module, top, func, caller), None, called)

    def _note_call(self, module: nn.Module, caller: FrameType) -> _Called:
        """Note from where an activation is called that is a module."""
        frame = frame_of_call(caller, module)
        if frame is None or len(self.stack) < 2:
            return _Called()
        around = self.stack[-2]
        owner = find_owner(frame.f_back, around.module, self.names)
        noted = self.locator.note_call(owner, around, frame.f_back)
        if owner is around.module or noted is None:
            return _Called(noted=noted)
        if place_of_module(noted, module) is None:
            return _Called()
        return _Called(noted=noted, past=(Frame(owner, around.call, past=True),))

    def _remember(self, op: Op, x: Tensor, y: Tensor) -> None:
        """Remember which memory an activation reads and makes, to see what is written over it later."""
        # What writes over its input has only an output afterwards; who reads the input all the same is told of.
        for tensor, is_output in ((y, True),) if op.inplace else ((x, False), (y, True)):
            storage = _storage(tensor)
            if storage is not None:
                memory = self.memories.setdefault(storage._cdata, _Memory(StorageWeakRef(storage)))
                memory.users.append((op, is_output))

    def _mark_overwritten(self, tensors: Iterable[Tensor]) -> None:
        """Mark the activations whose inputs or outputs are in the memory of `tensors`, which was written over."""
        for tensor in tensors:
            storage = _storage(tensor)
            memory = None if storage is None else self.memories.get(storage._cdata)
            for op, is_output in () if memory is None else memory.users:
                op.output_overwritten |= is_output
                op.input_overwritten |= not is_output

    def _write_down(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        given: Sequence[Tensor],
        made: Sequence[Tensor],
        kind: str | None,
        inplace: bool = False,
    ) -> Op:
        numbers = {id(tensor): self.number(tensor) for tensor in given}
        op = Op(
            index=len(self.trace.ops),
            func=func,
            inputs=tuple(numbers.values()),
            outputs=tuple(self.number(tensor, fresh=True) for tensor in made),
            stack=tuple(self.stack),
            args=tuple(_lighten(arg, numbers) for arg in args),
            kwargs={name: _lighten(arg, numbers) for name, arg in kwargs.items()},
            kind=kind,
            inplace=inplace,
        )
        self.trace.ops.append(op)
        for value in op.outputs:
            self.trace.producer[value] = op
        for value in op.inputs:
            self.trace.consumers[value].append(op)
        return op

    def mark_readers(self, given: Sequence[Tensor]) -> None:
        """Mark the activations that wrote over the memory of `given`, if these tensors were made before that."""
        if self.written:
            for tensor in given:
                storage = _storage(tensor)
                op, first = (None, 0) if storage is None else self.written.get(storage._cdata, (None, 0))
                if op is not None and self.number(tensor) < first:
                    op.aliased = True


@dataclass(frozen=True)
class _Called:
    """From where an activation is called; the fields are those of `Op`, and what comes on top of its stack."""

    places: tuple[Place, ...] = ()
    noted: NotedCall | None = None
    under_way: UnderWay = field(default_factory=UnderWay)
    past: tuple[Frame, ...] = ()


@dataclass
class _Memory:
    """The memory of tensors; the weak reference lets no other get its address, and does not keep the values."""

    reference: StorageWeakRef
    users: list[tuple[Op, bool]] = field(default_factory=list)
    """The activations that read or made it, and whether it is their output."""


def _tensors_in(values: Iterable[Any]) -> list[Tensor]:
    """Return the tensors among values and in the containers among them; most functions have no containers."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif value is not None and not isinstance(value, (bool, int, float, str)):
            found += [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
    return found


def _storage(tensor: Tensor) -> Any:
    """Return the memory of a tensor; None for tensors that have none of their own, such as sparse ones."""
    try:
        return tensor.untyped_storage()
    except (RuntimeError, NotImplementedError):
        return None


def _version(tensor: Tensor) -> int:
    """Return how often a tensor's memory was written over; always 0 where PyTorch does not count."""
    return 0 if tensor.is_inference() else tensor._version


def _has_infinite(tensor: Tensor) -> bool:
    """Return whether some values are infinite; False where there are no values, as on the meta device."""
    try:
        # A sum that is finite has no infinite part, and takes a fraction of the time.
        return not bool(tensor.sum().isfinite()) and bool(tensor.isinf().any())
    except (RuntimeError, NotImplementedError):
        return False


def _lighten(arg: Any, numbers: Mapping[int, int]) -> Any:
    """Replace the tensors in an argument by `Value`s, so that the trace does not keep them alive."""
    if isinstance(arg, Tensor):
        return Value(numbers[id(arg)])
    if isinstance(arg, (list, tuple)):
        return tuple(_lighten(part, numbers) for part in arg)
    return arg
