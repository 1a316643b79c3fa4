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
import itertools
import linecache
import types
from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType, MethodType
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.utils.checkpoint
from torch import Tensor, nn

from . import kinds
from .watcher import Frame

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Position = tuple[int | None, int | None]
"""Where a call ends in its file: the line, and the bytes in front in that line."""
_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
_MOST_FILES, _MOST_FUNCTIONS = 64, 1024
"""How many are remembered."""
_CHECKPOINT = torch.utils.checkpoint.__file__
_HERE = str(Path(__file__).parent)
_CALLS = {
    id(nn.Module._call_impl.__code__),
    *(id(part) for part in nn.Module._call_impl.__code__.co_consts if isinstance(part, CodeType)),
}
"""The code in which PyTorch calls a module and its hooks, by identity, for hashing code goes through all of it."""
_TORCH = str(Path(torch.__file__).parent / "_")[:-1]
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
        module: whether what is called is a module that is called elsewhere too.
        kind: the kind of the activation, where a variable says which function is called; empty elsewhere.
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
        frame, through_module = _innermost(caller, owner, within.module)
        while frame is not None:
            place = self._place(owner, within, frame, callee, through_module)
            if place is not None:
                places.append(place)
            helper = _read_helper(frame, callee, through_module)
            if helper is None:
                break
            callee = helper
            frame, through_module = _innermost(frame.f_back, owner, within.module)
        return tuple(places)

    def note_call(self, owner: nn.Module, within: Frame, caller: FrameType | None) -> NotedCall | None:
        """Note the call of a module that happens now, whose place `place_of_module` tells if it is asked for.

        Args:
            owner: the module whose method makes the call.
            within: the call of a module that is under way, around the one that happens.
            caller: the Python frame outside of the call.
        """
        frame, _ = _innermost(caller, owner, within.module)
        outer = _method_frame(frame, owner)
        end = None if frame is None else _end_of_call(frame)
        # PyTorch's own containers call what a loop gives them.
        if frame is None or outer is None or end is None or frame.f_code.co_filename.startswith(_TORCH):
            return None
        return NotedCall(owner, outer.f_code, frame.f_code, end, self._count(within, _function_of(frame), end))

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
        outer = _method_frame(frame, owner)
        function = _function_of(frame)
        found = None if outer is None else _find_call(owner, outer.f_code, function.f_code, _end_of_call(frame))
        if outer is None or found is None:
            return None
        home, name, node, index, call = found
        names = {**outer.f_locals, **frame.f_locals}
        receiver = _is_receiver(call, callee, names, frame.f_globals, through_module)
        if receiver is None or not can_be_replaced(node, call, receiver):
            return None
        kind = ""
        if not is_fixed(node, call, receiver):
            # What may be another function the next time is looked at then, which takes a plain function.
            kind = "" if through_module else kinds.plain_kind(callee)
            if not kind or kinds.plain_kind(_evaluate(call.func, names, frame.f_globals)) != kind:
                return None
        time = self._count(within, function, (call.end_lineno, call.end_col_offset), kind)
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
    if own is None or _evaluate(call.func, {first_argument(node): noted.owner}, {}) is not module:
        return None
    return Place(home, name, index, own[1], False, noted.time, True)


def other_calls(noted: NotedCall) -> list[Place]:
    """Return the places of all calls of a module that the methods of a class make by the same words as a noted one."""
    found = _find_call(noted.owner, noted.method, noted.inner, noted.end)
    words = None if found is None else _own_calls(found[2]).get(found[3])
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


@functools.lru_cache(maxsize=_MOST_FUNCTIONS)
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


def _find_call(
    owner: nn.Module, method: CodeType, inner: CodeType, end: Position | None
) -> tuple[str, str, FunctionNode, int, ast.Call] | None:
    """Return a call by where it is written: the class and the method, what is written there, its number and itself."""
    found = find_method(type(owner), method)
    node = None if found is None or _is_out_of_reach(owner) else find_function(method)
    if found is None or node is None or not _contains(method, inner):
        return None
    for index, call in enumerate(calls_in(node)):
        if (call.end_lineno, call.end_col_offset) == end:
            return found[0].__qualname__, found[1], node, index, call
    return None


def _function_of(frame: FrameType) -> FrameType:
    """Return the frame of the function that a comprehension is in."""
    while frame.f_code.co_name in _COMPREHENSIONS and frame.f_back is not None:
        frame = frame.f_back
    return frame


def first_argument(function: FunctionNode) -> str:
    """Return the name that a method gives its module."""
    return [*function.args.posonlyargs, *function.args.args][0].arg


@dataclass(frozen=True)
class UnderWay:
    """What is being called within a module's own call.

    Args:
        methods: the names of its methods other than `forward`, innermost first.
        held: the names of its attributes that are functions, not methods of its class.
        recomputed: whether what calls the function is under activation checkpointing, which will call it once more
            without the module's `forward`.
        past: path of another module whose method calls the function past that module's own call; empty for none.
    """

    methods: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    recomputed: bool = False
    past: str = ""


def under_way(owner: nn.Module, caller: FrameType | None) -> UnderWay:
    """Return what is being called within a module's own call."""
    names: dict[str, None] = {}
    functions = {value.__code__: name for name, value in vars(owner).items() if isinstance(value, FunctionType)}
    held: dict[str, None] = {}
    recomputed = False
    frame = caller
    while frame is not None and not _is_call_of(frame, owner):
        recomputed |= frame.f_code.co_filename == _CHECKPOINT
        if _is_of(frame, owner):
            found = find_method(type(owner), frame.f_code)
            if found is not None and found[1] != "forward":
                names[found[1]] = None
        if frame.f_code in functions and functions[frame.f_code] != "forward":
            held[functions[frame.f_code]] = None
        frame = frame.f_back
    return UnderWay(tuple(names), tuple(held), recomputed)


def find_method(cls: type, code: CodeType) -> tuple[type, str, FunctionType] | None:
    """Return the class that has a method with this code, the method's name, and the function itself."""
    known = _methods.setdefault(cls, {})
    homes = cls.__mro__
    places = [known[code]] if code in known else []
    # What is known is looked at first, and the rest if a class was changed since.
    for index, name in itertools.chain(places, _attributes(homes)):
        for function in unwrapped(vars(homes[index]).get(name)):
            if function.__code__ is code:
                known[code] = index, name
                return homes[index], name, function
    return None


def _attributes(homes: Sequence[type]) -> Iterator[tuple[int, str]]:
    for index, home in enumerate(homes):
        if home is nn.Module:
            return
        for name in list(vars(home)):
            yield index, name


_methods: MutableMapping[type, dict[CodeType, tuple[int, str]]] = WeakKeyDictionary()
"""Where `find_method` has found what: the position of the class that defines it, and the name."""


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
    elif isinstance(attribute, property):
        yield from unwrapped(attribute.fget, depth)
    elif isinstance(attribute, (staticmethod, classmethod)):
        yield from unwrapped(attribute.__func__, depth)
    elif depth and not isinstance(attribute, (type, types.ModuleType, nn.Module)):
        # An object that a decorator has made, such as a `functools.cached_property`.
        for value in getattr(attribute, "__dict__", {}).values():
            if isinstance(value, FunctionType):
                yield from unwrapped(value, depth - 1)


def find_owner(caller: FrameType | None, within: nn.Module, names: Mapping[nn.Module, str]) -> nn.Module:
    """Return the module whose method makes a call, even past its own call, as in `self.part.encode(x)`.

    Args:
        caller: the Python frame where the search begins.
        within: the module whose call is under way; the answer if there is no other.
        names: all modules that count.
    """
    frame = caller
    while frame is not None and not _is_call_of(frame, within):
        code = frame.f_code
        if code.co_argcount and not code.co_filename.startswith(_HERE) and code.co_filename not in _TRANSPARENT:
            module = frame.f_locals.get(code.co_varnames[0])
            if isinstance(module, nn.Module) and module in names and find_method(type(module), code) is not None:
                return module
        frame = frame.f_back
    return within


def has_own_gradient(caller: FrameType | None) -> bool:
    """Return whether a call is written in the `forward` of a `torch.autograd.Function`, which brings its own gradient.

    What modules call within such a function, as within one that recomputes them, is another matter.
    """
    frame = caller
    while frame is not None and (
        frame.f_code.co_filename.startswith(_HERE) or frame.f_code.co_filename in _TRANSPARENT
    ):
        frame = frame.f_back
    if frame is None or frame.f_code.co_name != "forward":
        return False
    code = frame.f_code
    if code.co_argcount and isinstance(frame.f_locals.get(code.co_varnames[0]), nn.Module):
        return False
    classes: list[type] = [torch.autograd.Function]
    for cls in classes:
        if any(function.__code__ is code for function in unwrapped(vars(cls).get("forward"))):
            return True
        classes += cls.__subclasses__()
    return False


def find_hooked(caller: FrameType | None, within: CodeType | None = None) -> nn.Module | None:
    """Return the module that has the hook in which a call is made, and not a module's code; None for other calls.

    Args:
        caller: the Python frame where the search begins.
        within: code that is no hook, and calls none but through modules.
    """
    inside, frame = None, caller
    while frame is not None and id(frame.f_code) not in _CALLS:
        if frame.f_code is within:
            return None
        inside, frame = frame, frame.f_back
    if frame is None or inside is None:
        return None
    hook = frame.f_locals.get("hook")
    while isinstance(hook, functools.partial):
        hook = hook.func
    if not isinstance(hook, (FunctionType, MethodType)):
        hook = getattr(type(hook), "__call__", None)  # noqa: B004
    module = frame.f_locals.get("self")
    return module if getattr(hook, "__code__", None) is inside.f_code and isinstance(module, nn.Module) else None


def frame_of_call(caller: FrameType | None, module: nn.Module) -> FrameType | None:
    """Return the Python frame in which a module's own call is under way; None if it is not."""
    frame = caller
    while frame is not None and not _is_call_of(frame, module):
        frame = frame.f_back
    return frame


@dataclass
class _Written:
    """What is written in a file.

    Args:
        lines: the lines that it was read from.
        functions: the functions with the class around each, by name and first line; None for two in one line.
        lambdas: the lambdas that consist of a call, by the position where it ends.
    """

    lines: list[str]
    functions: dict[tuple[str, int], tuple[str, FunctionNode] | None] = field(default_factory=dict)
    lambdas: dict[Position, ast.Lambda] = field(default_factory=dict)


_written: dict[str, _Written] = {}


def _read(file: str) -> _Written:
    """Return what is written in a file."""
    lines = linecache.getlines(file)
    known = _written.get(file)
    if known is not None and known.lines is lines:
        return known
    written = _Written(lines)

    def search(node: ast.AST, owner: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                key = child.name, first
                written.functions[key] = None if key in written.functions else (owner, child)
            elif isinstance(child, ast.Lambda) and isinstance(child.body, ast.Call):
                written.lambdas[child.body.end_lineno, child.body.end_col_offset] = child
            search(child, child.name if isinstance(child, ast.ClassDef) else owner)

    try:
        search(ast.parse("".join(lines)), "")
    except SyntaxError:
        written = _Written(lines)
    while len(_written) >= _MOST_FILES:
        del _written[next(iter(_written))]
    _written[file] = written
    return written


def find_class_and_function(code: CodeType) -> tuple[str, FunctionNode] | None:
    """Return what is written of a function, and the name of the class around it; None if the source is not known."""
    return _read(code.co_filename).functions.get((code.co_name, code.co_firstlineno))


def find_function(code: CodeType) -> FunctionNode | None:
    """Return what is written of a function; None if the source is not known."""
    found = find_class_and_function(code)
    return None if found is None else found[1]


@functools.lru_cache(maxsize=_MOST_FUNCTIONS)
def calls_in(function: FunctionNode) -> tuple[ast.Call, ...]:
    """Return the calls that are written in a function's body, by the position of their closing parentheses."""
    calls = [node for part in function.body for node in ast.walk(part) if isinstance(node, ast.Call)]
    return tuple(sorted(calls, key=lambda call: (call.end_lineno or 0, call.end_col_offset or 0)))


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


@functools.lru_cache(maxsize=_MOST_FUNCTIONS)
def can_be_replaced(function: FunctionNode, call: ast.Call, receiver: bool) -> bool:
    """Return whether a call can be written anew: its input is known, and so is the module, by its usual name."""
    if input_of(call, receiver) is None or any(
        isinstance(node, ast.Call) for part in _rest(call) for node in ast.walk(part)
    ):
        return False
    first = first_argument(function)
    stored = (node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == first)
    if any(not isinstance(node.ctx, ast.Load) for node in stored):
        return False
    scope, looped = innermost_scope(function, call)
    inner = (node for node in ast.walk(function) if node is not function and isinstance(node, ast.arguments))
    shadowed = any(argument.arg == first for node in inner if node is not function.args for argument in node.args)
    return not shadowed and not (looped and isinstance(scope, ast.Lambda))


@functools.lru_cache(maxsize=_MOST_FUNCTIONS)
def is_fixed(function: FunctionNode, call: ast.Call, receiver: bool) -> bool:
    """Return whether a call calls the same function every time, as far as what is written shows.

    It may not where a variable of the method says what is called, such as an argument or what a loop goes through.
    """
    if receiver:
        return True
    first = first_argument(function)
    looped = innermost_scope(function, call)[1]
    stored = Counter(
        node.id for node in ast.walk(function) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    )
    given = {
        argument.arg
        for node in ast.walk(function)
        if isinstance(node, ast.arguments)
        for argument in (*node.posonlyargs, *node.args, *node.kwonlyargs, *filter(None, (node.vararg, node.kwarg)))
    }
    once = {
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.Name, ast.Attribute))
        for target in node.targets
        if isinstance(target, ast.Name) and stored[target.id] == 1
    }
    parts = (call.func, *(_rest(call) if looped else ()))
    read = {node.id for part in parts for node in ast.walk(part) if isinstance(node, ast.Name)} - {first}
    return not any(name in given or (stored[name] and (looped or name not in once)) for name in read)


def _rest(call: ast.Call) -> list[ast.expr]:
    """Return the arguments of a call beside its first."""
    return [*call.args[1:], *(keyword.value for keyword in call.keywords if keyword.arg != "input")]


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


def _innermost(caller: FrameType | None, owner: nn.Module, within: nn.Module) -> tuple[FrameType | None, bool]:
    """Return the frame that makes a call, outside of this library and of PyTorch's own plumbing, but within a module.

    Returns:
        The frame, and whether it makes the call through a module without a name.
    """
    frame = caller
    through_module = False
    while frame is not None and not _is_call_of(frame, owner) and not _is_call_of(frame, within):
        name = frame.f_code.co_filename
        if not name.startswith(_HERE) and (name not in _TRANSPARENT or _is_of(frame, owner)):
            return frame, through_module
        through_module |= frame.f_code is nn.Module._call_impl.__code__
        frame = frame.f_back
    return None, through_module


def _is_of(frame: FrameType, owner: nn.Module) -> bool:
    code = frame.f_code
    return code.co_argcount > 0 and frame.f_locals.get(code.co_varnames[0]) is owner


def _is_call_of(frame: FrameType, module: nn.Module) -> bool:
    return frame.f_code is nn.Module._call_impl.__code__ and frame.f_locals["self"] is module


def _method_frame(frame: FrameType | None, owner: nn.Module) -> FrameType | None:
    """Return the frame of the method that `frame` is, or is written in."""
    inner = frame
    while frame is not None and not _is_call_of(frame, owner):
        if _is_of(frame, owner):
            assert inner is not None
            return frame if _contains(frame.f_code, inner.f_code) else None
        frame = frame.f_back
    return None


def _read_helper(frame: FrameType, callee: Any, through_module: bool) -> _Helper | None:
    """Return the function that makes a call, if it does nothing but hand on one of its arguments and the result."""
    end = _end_of_call(frame)
    node: FunctionNode | ast.Lambda | None = find_function(frame.f_code)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
        call = body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None
    else:
        node = _read(frame.f_code.co_filename).lambdas.get(end or (None, None))
        call = None if node is None or frame.f_code.co_name != "<lambda>" else node.body
    if node is None or not isinstance(call, ast.Call) or (call.end_lineno, call.end_col_offset) != end:
        return None
    receiver = _is_receiver(call, callee, frame.f_locals, frame.f_globals, through_module)
    x = None if receiver is None else input_of(call, receiver)
    parameters = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    if not isinstance(x, ast.Name) or x.id not in parameters:
        return None
    return _Helper(frame.f_code, parameters.index(x.id))


def _contains(outer: CodeType, inner: CodeType) -> bool:
    return outer is inner or any(_contains(part, inner) for part in outer.co_consts if isinstance(part, CodeType))


def _end_of_call(frame: FrameType) -> Position | None:
    positions = getattr(frame.f_code, "co_positions", None)
    if positions is None:  # Python 3.10
        return None
    _, line, _, column = next(itertools.islice(positions(), frame.f_lasti // 2, None), (None,) * 4)
    return line, column


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
        callee = _evaluate(written, names, around)
        return False if call.args and (_hands_to(callee, func) or (through_module and func.index == 1)) else None
    if through_module:
        return False
    if isinstance(written, ast.Attribute) and isinstance(func, types.MethodDescriptorType):
        front = _evaluate(written.value, names, around)
        if written.attr == func.__name__ and (front is None or isinstance(front, Tensor)):
            return True
    callee = _evaluate(written, names, around)
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


def _evaluate(expression: ast.expr, names: Mapping[str, Any], around: dict[str, Any]) -> Any:
    """Return the value of a name, or of what is read from one; None for anything that would have to be called."""
    code = _readable(expression)
    try:
        return None if code is None else eval(code, around, names)
    except Exception:
        return None


@functools.lru_cache(maxsize=_MOST_FUNCTIONS)
def _readable(expression: ast.expr) -> CodeType | None:
    """Compile what is read from a name; None for anything that would have to be called."""
    parts = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.expr_context)
    for node in ast.walk(expression):
        is_getattr = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr"
        if not isinstance(node, parts) and not is_getattr:
            return None
    return compile(ast.Expression(expression), "<place>", "eval")
