"""Where in the code of a module's class a function is called.

A place is a call in the source of a method, such as `F.relu(self.down(z))` in `decode`. It stays the same whoever calls
the method, in which order, and how often. It is found from the Python frames while the call happens, which takes the
positions that Python keeps from version 3.11 on. A call in a helper that does nothing else, such as
`lambda x: F.relu(x)`, has a second place, where a method calls the helper. There is no place where the source is not
known, or where something else makes the call, such as a helper that does more; there, calls are told apart by their
numbers.
"""

from __future__ import annotations

import ast
import functools
import types
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

from torch import Tensor, nn

from . import kinds
from .callers import TORCH, contains, end_of_call, find_method, function_of, innermost, method_frame, unwrapped
from .source import (
    MOST_FUNCTIONS,
    FunctionNode,
    Position,
    calls_in,
    can_be_replaced,
    end_of,
    find_function,
    find_lambda,
    first_argument,
    input_of,
    is_fixed,
    read_value,
    reads,
)
from .watcher import Frame

EVERY = -1
"""Stands for every time that a call in a loop runs."""


@dataclass(frozen=True)
class Place:
    """A call in the source of a method, and how often it has run in the same call of the method.

    Args:
        home: name of the class that defines the method: the module's own, or one that it inherits from.
        method: name of the method.
        index: which of the calls that are written in the method, from 0, by the position of their closing parentheses.
        code: the call as it is written, to tell whether the source is still the same.
        receiver: whether the input stands in front, as in `x.relu()`, and not among the arguments.
        time: how often it has run before, where it is in a loop; `EVERY` for all times.
        module: whether what is called is a module that is called elsewhere too.
        kind: the kind of the activation, where a variable or an attribute says what is called; empty elsewhere.
    """

    home: str
    method: str
    index: int
    code: str
    receiver: bool = False
    time: int = 0
    module: bool = False
    kind: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the place as plain data."""
        return {name: value for name, value in asdict(self).items() if value or name not in ("module", "kind")}


@dataclass(frozen=True)
class _Helper:
    """A function that does nothing but call an activation.

    Args:
        code: its code.
        index: which of its parameters it hands on, from 0.
    """

    code: CodeType
    index: int


class Locator:
    """Finds the places of function calls while they happen."""

    def __init__(self) -> None:
        # The calls of functions that are under way, or were within a module's call that still is. A frame has no
        # identity beyond its life, so they are kept until the module's call ends.
        self._running: dict[Frame, list[FrameType]] = {}
        self._times: Counter[tuple[Frame, int, Position, str]] = Counter()

    def forget(self, frame: Frame) -> None:
        """Forget the functions that ran within a call of a module, which has ended."""
        for number in range(len(self._running.pop(frame, ()))):
            for key in [key for key in self._times if key[:2] == (frame, number)]:
                del self._times[key]

    def locate(self, owner: nn.Module, within: Frame, func: Any, caller: FrameType | None) -> tuple[Place, ...]:
        """Return the places of the call of a function that happens now: where it is written, then those of helpers.

        Args:
            owner: the module whose method makes the call.
            within: the call of a module that is under way, innermost.
            func: the function.
            caller: the Python frame in which this library is told of the call.
        """
        places = []
        callee: Any = func
        frame, through_module = innermost(caller, owner, within.module)
        while frame is not None:
            place = self._place(owner, within, frame, callee, through_module)
            if place is not None:
                places.append(place)
            helper = _read_helper(frame, callee, through_module)
            if helper is None:
                break
            callee = helper
            frame, through_module = innermost(frame.f_back, owner, within.module)
        return tuple(places)

    def note_call(self, owner: nn.Module, within: Frame, caller: FrameType | None) -> NotedCall | None:
        """Note the call of a module that happens now, whose place `place_of_module` tells if it is asked for.

        Args:
            owner: the module whose method makes the call.
            within: the call of a module that is under way, around the one that happens.
            caller: the Python frame outside of the call.
        """
        frame, _ = innermost(caller, owner, within.module)
        outer = method_frame(frame, owner)
        end = None if frame is None else end_of_call(frame)
        # PyTorch's own containers call what a loop gives them.
        if frame is None or outer is None or end is None or frame.f_code.co_filename.startswith(TORCH):
            return None
        return NotedCall(owner, outer.f_code, frame.f_code, end, self._count(within, function_of(frame), end))

    def _count(self, within: Frame, function: FrameType, end: Position, kind: str = "") -> int:
        """Count one more run of a call in a function, or of one of this kind; return how often it has run before."""
        running = self._running.setdefault(within, [])
        if not any(function is known for known in running):
            running.append(function)
        key = within, next(number for number, known in enumerate(running) if known is function), end, kind
        time = self._times[key]
        self._times[key] += 1
        return time

    def _place(
        self, owner: nn.Module, within: Frame, frame: FrameType, callee: Any, through_module: bool
    ) -> Place | None:
        """Return the place of the call that `frame` makes, if it is written in a method of `owner`."""
        outer = method_frame(frame, owner)
        function = function_of(frame)
        found = None if outer is None else _find_call(owner, outer.f_code, function.f_code, end_of_call(frame))
        if outer is None or found is None:
            return None
        home, name, node, index, call = found
        names = {**outer.f_locals, **frame.f_locals}
        receiver = _is_receiver(call, callee, names, frame.f_globals, through_module)
        if receiver is None or not can_be_replaced(node, call, receiver):
            return None
        kind = ""
        fixed = is_fixed(node, call, receiver)
        if not fixed or (not receiver and reads(call.func, first_argument(node))):
            # What may be another function the next time is looked at then, which takes a plain function.
            kind = "" if through_module else kinds.plain_kind(callee)
            if kind != kinds.plain_kind(read_value(call.func, names, frame.f_globals)):
                kind = ""
            if not (fixed or kind):
                return None
        time = self._count(within, function, end_of(call), kind)
        return Place(home, name, index, ast.unparse(call), receiver, time, False, kind)


@dataclass(frozen=True)
class NotedCall:
    """A call of a module.

    Args:
        owner: the module whose method makes it.
        method: the method's code.
        inner: the code of what makes it within the method: the method itself, or what is written in it.
        end: where it is written.
        time: how often it has run before in the same call of the method.
    """

    owner: nn.Module
    method: CodeType
    inner: CodeType
    end: Position
    time: int


def place_of_module(noted: NotedCall, module: nn.Module) -> Place | None:
    """Return the place of the call of a module, if a method calls it as its own, as `self.act` or `self.acts[0]`."""
    found = _find_call(noted.owner, noted.method, noted.inner, noted.end)
    if found is None:
        return None
    home, name, node, index, call = found
    own = _own_calls(node).get(index)
    if own is None or read_value(call.func, {first_argument(node): noted.owner}, {}) is not module:
        return None
    return Place(home, name, index, own[1], False, noted.time, True)


def other_calls(noted: NotedCall) -> list[Place]:
    """Return the places of all calls of a module that the methods of a class make by the same words as a noted one."""
    found = _find_call(noted.owner, noted.method, noted.inner, noted.end)
    words = None if found is None else _own_calls(found.node).get(found.number)
    places: list[Place] = []
    for home in type(noted.owner).__mro__:
        if words is None or home is nn.Module:
            break
        for name, attribute in vars(home).items():
            for function in unwrapped(attribute):
                node = find_function(function.__code__)
                for index, (callee, code) in {} if node is None else _own_calls(node).items():
                    if callee == words[0]:
                        places.append(Place(home.__qualname__, name, index, code, False, 0, True))
    return places


@functools.lru_cache(maxsize=MOST_FUNCTIONS)
def _own_calls(function: FunctionNode) -> dict[int, tuple[str, str]]:
    """Return the calls of what a method's module has, by their number: what is called, and the call, as written."""
    if not (function.args.posonlyargs or function.args.args):
        return {}
    first = first_argument(function)
    own = {}
    for index, call in enumerate(calls_in(function)):
        named = {part.id for part in ast.walk(call.func) if isinstance(part, ast.Name)}
        alone = len(call.args) + len(call.keywords) == 1
        if named == {first} and alone and can_be_replaced(function, call, False):
            own[index] = ast.unparse(call.func), ast.unparse(call)
    return own


class _Written(NamedTuple):
    """A call in the source of a method.

    Args:
        home: name of the class that defines the method.
        method: its name.
        node: what is written there.
        number: which of its calls it is, from 0.
        call: the call.
    """

    home: str
    method: str
    node: FunctionNode
    number: int
    call: ast.Call


def _find_call(owner: nn.Module, method: CodeType, inner: CodeType, end: Position | None) -> _Written | None:
    """Find the call in a method that ends there.

    Args:
        owner: the module whose method it is.
        method: the method's code.
        inner: the code of what makes the call within the method.
        end: where the call ends.
    """
    found = find_method(type(owner), method)
    node = None if found is None or _is_out_of_reach(owner) else find_function(method)
    if found is None or node is None or not contains(method, inner):
        return None
    for index, call in enumerate(calls_in(node)):
        if end_of(call) == end:
            return _Written(found[0].__qualname__, found[1], node, index, call)
    return None


def _read_helper(frame: FrameType, callee: Any, through_module: bool) -> _Helper | None:
    """Return the function that makes a call, if it does nothing but hand on one of its arguments and the result."""
    end = end_of_call(frame)
    node: FunctionNode | ast.Lambda | None = find_function(frame.f_code)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
        call = body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None
    else:
        node = find_lambda(frame.f_code, end)
        call = None if node is None or frame.f_code.co_name != "<lambda>" else node.body
    if node is None or not isinstance(call, ast.Call) or end_of(call) != end:
        return None
    receiver = _is_receiver(call, callee, frame.f_locals, frame.f_globals, through_module)
    x = None if receiver is None else input_of(call, receiver)
    parameters = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    if not isinstance(x, ast.Name) or x.id not in parameters:
        return None
    return _Helper(frame.f_code, parameters.index(x.id))


def _is_out_of_reach(owner: nn.Module) -> bool:
    """Return whether the object has a `forward` of its own that is not a method of its class."""
    kept = owner.__dict__.get("forward")
    return kept is not None and not (isinstance(kept, types.MethodType) and kept.__self__ is owner)


def _is_receiver(
    call: ast.Call, func: Any, names: Mapping[str, Any], around: dict[str, Any], through_module: bool
) -> bool | None:
    """Return whether the input stands in front of the call; None if the call is not known to be one of `func`.

    Args:
        call: what is written.
        func: a function, or a helper that calls one.
        names: the values of local variables.
        around: the values of global ones.
        through_module: whether the call goes through a module, which calls `func`.
    """
    written = call.func
    if isinstance(func, _Helper):
        callee = read_value(written, names, around)
        return False if call.args and (_hands_to(callee, func) or (through_module and func.index == 1)) else None
    if through_module:
        return False
    if isinstance(written, ast.Attribute) and isinstance(func, types.MethodDescriptorType):
        front = read_value(written.value, names, around)
        if written.attr == func.__name__ and (front is None or isinstance(front, Tensor)):
            return True
    callee = read_value(written, names, around)
    if isinstance(callee, functools.partial) and not callee.args:
        callee = callee.func
    if isinstance(callee, types.MethodType) and callee.__name__ == "forward":
        callee = callee.__self__
    if isinstance(callee, nn.Module):
        return False if kinds.is_torch_activation(callee) else None
    return False if callee is func or any(callee is known for known in kinds.FUNCTIONS) else None


def _hands_to(callee: Any, helper: _Helper) -> bool:
    """Return whether the first argument of what is called goes to the parameter that a helper hands on."""
    if isinstance(callee, functools.partial):
        return not callee.args and _hands_to(callee.func, helper)
    if isinstance(callee, types.MethodType):
        return getattr(callee.__func__, "__code__", None) is helper.code and helper.index == 1
    if isinstance(callee, FunctionType):
        return callee.__code__ is helper.code and helper.index == 0
    called = next((vars(cls)["__call__"] for cls in type(callee).__mro__ if "__call__" in vars(cls)), None)
    return isinstance(called, FunctionType) and called.__code__ is helper.code and helper.index == 1
