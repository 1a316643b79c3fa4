"""Where in the code of a module's class a function is called.

A place is a call in the source of a method, such as `F.relu(self.down(z))` in `decode`. It stays the same whoever calls
the method, in which order, and how often. It is found from the Python frames while the call happens, which takes the
positions that Python keeps from version 3.11 on. There is no place where the source is not known, where the module has
a method of its own in place of its class's, or where something else than the class makes the call, such as a helper
function; there, calls are told apart by their numbers.
"""

from __future__ import annotations

import ast
import functools
import itertools
import linecache
import types
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import torch
import torch.utils.checkpoint
from torch import Tensor, nn

from . import kinds
from .watcher import Frame

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
_MOST_FILES = 64
_CHECKPOINT = torch.utils.checkpoint.__file__
_HERE = str(Path(__file__).parent)
_TRANSPARENT = frozenset(
    str(Path(torch.__file__).parent.joinpath(*name.split("/")))
    for name in ("overrides.py", "_tensor.py", "nn/functional.py", "nn/modules/activation.py", "nn/modules/module.py")
)


@dataclass(frozen=True)
class Place:
    """A call in the source of a method, and how often it has run in the same call of the method.

    Args:
        home: name of the class that defines the method: the module's own, or one that it inherits from.
        method: name of the method.
        index: which of the calls that are written in the method, from 0, by the position of their closing parentheses.
        code: the call as it is written, to tell whether the source is still the same.
        receiver: whether the input stands in front, as in `x.relu()`, and not among the arguments.
        time: how often it has run before, where it is in a loop.
    """

    home: str
    method: str
    index: int
    code: str
    receiver: bool = False
    time: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the place as plain data."""
        return asdict(self)


class Locator:
    """Finds the places of function calls while they happen."""

    def __init__(self) -> None:
        # The calls of functions that are under way, or were within a module's call that still is. A frame has no
        # identity beyond its life, so they are kept until the module's call ends.
        self._running: dict[Frame, list[FrameType]] = {}
        self._times: Counter[tuple[Frame, int, int]] = Counter()

    def forget(self, frame: Frame) -> None:
        """Forget the functions that ran within a call of a module, which has ended."""
        for number in range(len(self._running.pop(frame, ()))):
            for key in [key for key in self._times if key[:2] == (frame, number)]:
                del self._times[key]

    def locate(self, owner: Frame, func: Any, caller: FrameType | None) -> Place | None:
        """Return the place of the call that happens now.

        Args:
            owner: the call of the module that calls the function.
            func: the function.
            caller: the Python frame in which this library is told of the call.
        """
        inner = _innermost(caller, owner.module)
        outer = _method_frame(inner, owner.module)
        if inner is None or outer is None or "forward" in owner.module.__dict__:
            return None
        found = find_method(type(owner.module), outer.f_code)
        if found is None or _is_kept(owner.module, outer.f_code):
            return None
        home, name, _ = found
        node = find_function(outer.f_code)
        end = _end_of_call(inner)
        calls = [] if node is None else calls_in(node)
        index = next((index for index, call in enumerate(calls) if (call.end_lineno, call.end_col_offset) == end), None)
        function = inner
        while function.f_code.co_name in _COMPREHENSIONS and function.f_back is not None:
            function = function.f_back
        if node is None or index is None or not _contains(outer.f_code, function.f_code):
            return None
        call = calls[index]
        receiver = _is_receiver(call, func, {**outer.f_locals, **inner.f_locals}, inner.f_globals)
        if receiver is None or not can_be_replaced(node, call, receiver):
            return None
        running = self._running.setdefault(owner, [])
        if not any(function is known for known in running):
            running.append(function)
        key = owner, next(number for number, known in enumerate(running) if known is function), index
        time = self._times[key]
        self._times[key] += 1
        return Place(home.__qualname__, name, index, ast.unparse(call), receiver, time)


def methods_under_way(owner: nn.Module, caller: FrameType | None) -> tuple[tuple[str, ...], bool]:
    """Return what is being called within a module's own call.

    Returns:
        The names of its methods other than `forward`, innermost first; and whether what calls the function is under
        activation checkpointing, which will call it once more without the module's `forward`.
    """
    names: dict[str, None] = {}
    recomputed = False
    frame = caller
    while frame is not None and frame.f_code is not nn.Module._call_impl.__code__:
        recomputed |= frame.f_code.co_filename == _CHECKPOINT
        if _is_of(frame, owner):
            found = find_method(type(owner), frame.f_code)
            if found is not None and found[1] != "forward":
                names[found[1]] = None
        frame = frame.f_back
    return tuple(names), recomputed


def find_method(cls: type, code: CodeType) -> tuple[type, str, FunctionType] | None:
    """Return the class that has a method with this code, the method's name, and the function itself."""
    for home in cls.__mro__:
        if home is nn.Module:
            break
        for name, attribute in vars(home).items():
            function = next((each for each in unwrapped(attribute) if each.__code__ is code), None)
            if function is not None:
                return home, name, function
    return None


def unwrapped(attribute: object, depth: int = 5) -> Iterator[FunctionType]:
    """Give a method's function and, if decorators have wrapped it, the functions inside, outermost first."""
    if isinstance(attribute, FunctionType):
        yield attribute
        if depth:
            for cell in attribute.__closure__ or ():
                try:
                    yield from unwrapped(cell.cell_contents, depth - 1)
                except ValueError:
                    continue


Written = dict[tuple[str, int], tuple[str, FunctionNode] | None]
_written: dict[str, tuple[list[str], Written]] = {}
"""What is written of the functions in a file, with the lines that it was read from."""


def _read(file: str) -> Written:
    """Return the functions in a file with the class around each, by name and first line; None for two in one line."""
    lines = linecache.getlines(file)
    known = _written.get(file)
    if known is not None and known[0] is lines:
        return known[1]
    written: Written = {}

    def search(node: ast.AST, owner: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                key = child.name, first
                written[key] = None if key in written else (owner, child)
            search(child, child.name if isinstance(child, ast.ClassDef) else owner)

    try:
        search(ast.parse("".join(lines)), "")
    except SyntaxError:
        written = {}
    while len(_written) >= _MOST_FILES:
        del _written[next(iter(_written))]
    _written[file] = lines, written
    return written


def find_class_and_function(code: CodeType) -> tuple[str, FunctionNode] | None:
    """Return what is written of a function, and the name of the class around it; None if the source is not known."""
    return _read(code.co_filename).get((code.co_name, code.co_firstlineno))


def find_function(code: CodeType) -> FunctionNode | None:
    """Return what is written of a function; None if the source is not known."""
    found = find_class_and_function(code)
    return None if found is None else found[1]


def calls_in(function: FunctionNode) -> list[ast.Call]:
    """Return the calls that are written in a function's body, by the position of their closing parentheses."""
    calls = [node for part in function.body for node in ast.walk(part) if isinstance(node, ast.Call)]
    return sorted(calls, key=lambda call: (call.end_lineno or 0, call.end_col_offset or 0))


def innermost_scope(function: FunctionNode, call: ast.Call) -> tuple[ast.AST, bool]:
    """Return the function or lambda that a call is written in, and whether it is in a loop there."""
    scope: ast.AST = function
    looped = False
    path = _path_to(function, call)
    for node in path:
        if node is not function and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            scope, looped = node, False
        looped |= isinstance(node, (ast.For, ast.AsyncFor, ast.While, ast.comprehension))
        looped |= isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp))
    return scope, looped


def can_be_replaced(function: FunctionNode, call: ast.Call, receiver: bool) -> bool:
    """Return whether a call can be written anew: its input is known, and so is the module, by its usual name."""
    if input_of(call, receiver) is None:
        return False
    first = [*function.args.posonlyargs, *function.args.args][0].arg
    stored = (node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == first)
    if any(not isinstance(node.ctx, ast.Load) for node in stored):
        return False
    scope, looped = innermost_scope(function, call)
    inner = (node for node in ast.walk(function) if node is not function and isinstance(node, ast.arguments))
    shadowed = any(argument.arg == first for node in inner if node is not function.args for argument in node.args)
    return not shadowed and not (looped and isinstance(scope, ast.Lambda))


def input_of(call: ast.Call, receiver: bool) -> ast.expr | None:
    """Return what is written for a call's input; None if that cannot be told."""
    if receiver:
        return call.func.value if isinstance(call.func, ast.Attribute) else None
    if call.args:
        return None if isinstance(call.args[0], ast.Starred) else call.args[0]
    return next((keyword.value for keyword in call.keywords if keyword.arg == "input"), None)


def _path_to(function: FunctionNode, call: ast.Call) -> list[ast.AST]:
    def search(node: ast.AST) -> list[ast.AST] | None:
        if node is call:
            return [node]
        for child in ast.iter_child_nodes(node):
            below = search(child)
            if below is not None:
                return [node, *below]
        return None

    return search(function) or []


def _innermost(caller: FrameType | None, owner: nn.Module) -> FrameType | None:
    """Return the frame that calls the function, outside of this library and of PyTorch's own plumbing."""
    frame = caller
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_HERE) and (name not in _TRANSPARENT or _is_of(frame, owner)):
            return frame
        frame = frame.f_back
    return None


def _is_of(frame: FrameType, owner: nn.Module) -> bool:
    code = frame.f_code
    return code.co_argcount > 0 and frame.f_locals.get(code.co_varnames[0]) is owner


def _method_frame(frame: FrameType | None, owner: nn.Module) -> FrameType | None:
    """Return the frame of the method that `frame` is, or is written in."""
    inner = frame
    while frame is not None and frame.f_code is not nn.Module._call_impl.__code__:
        if _is_of(frame, owner):
            assert inner is not None
            return frame if _contains(frame.f_code, inner.f_code) else None
        frame = frame.f_back
    return None


def _contains(outer: CodeType, inner: CodeType) -> bool:
    return outer is inner or any(_contains(part, inner) for part in outer.co_consts if isinstance(part, CodeType))


def _end_of_call(frame: FrameType) -> tuple[int | None, int | None] | None:
    positions = getattr(frame.f_code, "co_positions", None)
    if positions is None:  # Python 3.10
        return None
    _, line, _, column = next(itertools.islice(positions(), frame.f_lasti // 2, None), (None,) * 4)
    return line, column


def _is_kept(owner: nn.Module, code: CodeType) -> bool:
    """Return whether the module keeps one of its methods as a value, which a change of its class does not reach."""
    return any(
        isinstance(value, types.MethodType) and any(each.__code__ is code for each in unwrapped(value.__func__))
        for value in vars(owner).values()
    )


def _is_receiver(call: ast.Call, func: Any, names: dict[str, Any], around: dict[str, Any]) -> bool | None:
    """Return whether the input stands in front of the call; None if the call is not known to be one of `func`."""
    written = call.func
    if isinstance(written, ast.Attribute) and isinstance(func, types.MethodDescriptorType):
        front = _evaluate(written.value, names, around)
        if written.attr == func.__name__ and (front is None or isinstance(front, Tensor)):
            return True
    callee = _evaluate(written, names, around)
    if isinstance(callee, functools.partial) and not callee.args:
        callee = callee.func
    if isinstance(callee, nn.Module):
        return False if kinds.is_torch_activation(callee) else None
    return False if callee is func or any(callee is known for known in kinds.FUNCTIONS) else None


def _evaluate(expression: ast.expr, names: dict[str, Any], around: dict[str, Any]) -> Any:
    """Return the value of a name, or of what is read from one; None for anything that would have to be called."""
    parts = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.expr_context)
    for node in ast.walk(expression):
        is_getattr = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr"
        if not isinstance(node, parts) and not is_getattr:
            return None
    try:
        return eval(compile(ast.Expression(expression), "<place>", "eval"), around, names)
    except Exception:
        return None
