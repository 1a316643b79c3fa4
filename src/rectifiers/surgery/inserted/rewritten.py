"""Classes whose methods call activations at certain places, instead of the functions that are written there.

The method's source is parsed, the calls at these places are replaced, and the result is compiled with the globals, free
variables, defaults and decorators of the original. What remains is ordinary Python: it is traced, compiled, exported,
recomputed and called from anywhere like the original. The new source is known to `linecache`, and so to tracebacks and
`inspect`. A place in a loop counts how often it has run in this call of the function.
"""

from __future__ import annotations
import __future__

import ast
import copy
import hashlib
import linecache
import types
from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import CodeType, FunctionType
from typing import Any

from torch import nn

from ...core.adapting import RECIPE
from ...core.errors import UnsupportedError
from ...watching.callers import unwrapped
from ...watching.places import EVERY, Place
from ...watching.replaced import CHILD, HIDDEN
from ...watching.source import (
    FunctionNode,
    calls_in,
    find_class_and_function,
    first_argument,
    innermost_scope,
    input_of,
)
from .derived import REWRITTEN, Derived, derive_class, goes_through_children, known_class

Table = tuple[tuple[Place, int], ...]
"""Places, each with the number of its activation."""

_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag


class _Rewritten(Derived):
    """The base that is put in front of a module's class, some of whose methods are rewritten."""

    _rectifiers_numbers: frozenset[int]


def rewritten_class(base: type[nn.Module], table: Table) -> type[nn.Module]:
    """Make the class of a module of class `base` that calls activations at the places in `table`.

    Raises:
        UnsupportedError: the source of a method is not known, or is not the one that the places are from.
    """
    known = known_class(base, rewritten_class, table)
    if known is not None:
        return known
    if _is_rewritten_already(base, table):
        # The places are those of the source that was there before, in which both are rewritten at once.
        _, original, earlier = vars(base)[RECIPE]
        return rewritten_class(original, tuple(sorted({*earlier, *table}, key=repr)))
    methods: dict[tuple[str, str], list[tuple[Place, int]]] = defaultdict(list)
    for place, number in table:
        methods[place.home, place.method].append((place, number))
    holder = HIDDEN if goes_through_children(base) else f"_modules[{CHILD!r}]"
    own: dict[str, Any] = {}
    inherited: dict[type, dict[str, Any]] = defaultdict(dict)
    renewed: dict[FunctionType, FunctionType] = {}
    for (home, method), entries in methods.items():
        _, function, node, around = _find(base, home, method, [place for place, _ in entries])
        new = _rewrite(function, node, around, entries, holder)
        # Other classes may have the same function under another name.
        for kin in base.__mro__[: base.__mro__.index(nn.Module)]:
            for name, attribute in list(vars(kin).items()):
                if any(each is function for each in unwrapped(attribute)):
                    bound = (own if kin is base else inherited[kin])[name] = rebind(attribute, function, new)
                    if isinstance(attribute, FunctionType) and isinstance(bound, FunctionType):
                        renewed[attribute] = bound
    # An inherited method goes in front of the class that defines it, where `super()` looks for it.
    order = sorted(inherited, key=base.__mro__.index)
    more = tuple(_in_front_of(cls, inherited[cls]) for cls in order)
    numbers = frozenset(number for place, number in table if not place.module)
    known_renewed = {"_rectifiers_numbers": numbers | _numbers_of(base), "_rectifiers_renewed": renewed}
    return derive_class(_Rewritten, base, rewritten_class, table, more_bases=more, members={**own, **known_renewed})


def _is_rewritten_already(base: type[nn.Module], table: Table) -> bool:
    """Return whether a class is rewritten in a method where these places are those of the source before."""
    if vars(base).get(RECIPE, (None,))[0] is not rewritten_class:
        return False
    methods: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for place, _ in table:
        methods[place.home, place.method].append(place)
    for (home, method), places in methods.items():
        newest = next(
            (vars(cls)[method] for cls in base.__mro__ if cls.__qualname__ == home and method in vars(cls)), None
        )
        try:
            _, function, _, _ = _find(base, home, method, places)
        except UnsupportedError:
            return False
        if all(each is not function for each in unwrapped(newest)):
            return True
    return False


def rewritten_numbers(module: nn.Module) -> frozenset[int]:
    """Return the numbers of the calls that the rewritten methods of a module make of activations."""
    return _numbers_of(type(module))


def _numbers_of(cls: type[nn.Module]) -> frozenset[int]:
    return cls._rectifiers_numbers if issubclass(cls, _Rewritten) else frozenset()


def _find(
    base: type[nn.Module], home: str, method: str, places: Iterable[Place]
) -> tuple[type, FunctionType, FunctionNode, str]:
    for cls in base.__mro__:
        attribute = vars(cls).get(method) if cls.__qualname__ == home else None
        for function in unwrapped(attribute):
            found = find_class_and_function(function.__code__)
            if found is None:
                continue
            calls = calls_in(found[1])
            if all(place.index < len(calls) and ast.unparse(calls[place.index]) == place.code for place in places):
                return cls, function, found[1], found[0]
    raise UnsupportedError(
        f"the source of {home}.{method} is not known, or is not the one that the swap was planned for; plan it anew"
    )


def _in_front_of(cls: type, methods: Mapping[str, Any]) -> type:
    # The class's own `__init_subclass__` must not run.
    quiet = type("_Quiet", (), {"__init_subclass__": classmethod(lambda cls, **unused: None)})
    named = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    made: type = type(cls)(cls.__name__, (quiet, cls), {**named, **methods})
    return made


def _rewrite(
    function: FunctionType, node: FunctionNode, around: str, entries: Iterable[tuple[Place, int]], holder: str
) -> FunctionType:
    name = function.__code__.co_name
    written = copy.deepcopy(node)
    written.decorator_list = []
    if hasattr(written, "type_params"):
        # Of `def forward[T]`, which would put a scope around the function; T is a free variable of it already.
        written.type_params = []
    _Replacer(written, entries, holder).visit(written)
    free = function.__code__.co_freevars
    body: ast.stmt = written
    if free:
        arguments = ast.arguments([], [ast.arg(variable) for variable in free], None, [], [], None, [])
        body = ast.FunctionDef("_free", arguments, [written], [], lineno=1)
        if hasattr(body, "type_params"):
            body.type_params = []
    if around:
        cls = ast.ClassDef(around, [], [], [body], [])
        if hasattr(cls, "type_params"):
            cls.type_params = []
        body = cls
    text = ast.unparse(ast.fix_missing_locations(ast.Module([body], []))) + "\n"
    file = f"{REWRITTEN}{function.__qualname__} {hashlib.sha256(text.encode()).hexdigest()[:12]}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    code = compile(text, file, "exec", flags=function.__code__.co_flags & _FUTURE, dont_inherit=True)
    compiled = _code_of(code, name, {"_free", around})
    cells = dict(zip(free, function.__closure__ or (), strict=True))
    closure = tuple(cells[variable] for variable in compiled.co_freevars)
    return _copy_function(function, compiled, closure)


def _copy_function(function: FunctionType, code: CodeType, closure: tuple[Any, ...]) -> FunctionType:
    new = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, closure)
    new.__kwdefaults__, new.__annotations__ = function.__kwdefaults__, function.__annotations__
    new.__doc__, new.__module__, new.__qualname__ = function.__doc__, function.__module__, function.__qualname__
    if hasattr(function, "__type_params__") and hasattr(new, "__type_params__"):
        new.__type_params__ = function.__type_params__
    new.__dict__.update(function.__dict__)
    return new


def _code_of(code: CodeType, name: str, through: set[str]) -> CodeType:
    for part in code.co_consts:
        if isinstance(part, CodeType) and part.co_name == name:
            return part
        if isinstance(part, CodeType) and part.co_name in through:
            return _code_of(part, name, through)
    raise AssertionError(name)


def rebind(attribute: Any, old: FunctionType, new: FunctionType) -> Any:
    """Return a method with `new` in the place of `old`, inside the same decorators."""
    if attribute is old:
        return new
    if not any(each is old for each in unwrapped(attribute)):
        return attribute
    if isinstance(attribute, property):
        return property(rebind(attribute.fget, old, new), attribute.fset, attribute.fdel, attribute.__doc__)
    if isinstance(attribute, (staticmethod, classmethod)):
        return type(attribute)(rebind(attribute.__func__, old, new))
    if not isinstance(attribute, FunctionType):
        copied = copy.copy(attribute)
        for name, value in vars(attribute).items():
            copied.__dict__[name] = rebind(value, old, new)
        return copied
    cells = []
    for cell in attribute.__closure__ or ():
        try:
            bound = rebind(cell.cell_contents, old, new)
        except ValueError:
            cells.append(cell)
            continue
        cells.append(cell if bound is cell.cell_contents else types.CellType(bound))
    wrapper = _copy_function(attribute, attribute.__code__, tuple(cells))
    if "__wrapped__" in wrapper.__dict__:
        wrapper.__dict__["__wrapped__"] = rebind(wrapper.__dict__["__wrapped__"], old, new)
    return wrapper


class _Replacer(ast.NodeTransformer):
    """Replaces the calls at certain places by calls of activations, the inner ones first."""

    def __init__(self, function: FunctionNode, entries: Iterable[tuple[Place, int]], holder: str) -> None:
        self.holder = holder
        calls = calls_in(function)
        self.module = first_argument(function)
        # By the call, and by the kind of the function where a value says what is called: the numbers by time.
        self.numbers: dict[ast.Call, dict[str, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
        self.receiver: dict[ast.AST, bool] = {}
        self.modules: set[ast.AST] = set()
        for place, number in entries:
            call = calls[place.index]
            self.numbers[call][place.kind][place.time] = number
            self.receiver[call] = place.receiver
            if place.module:
                self.modules.add(call)
        self.scope = {call: innermost_scope(function, call) for call in self.numbers}
        used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        self.counter = next(name for name in (f"_ran{n}" for n in range(len(used) + 1)) if name not in used)
        self.counted: dict[ast.AST, int] = defaultdict(int)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Replace a call."""
        self.generic_visit(node)
        if node not in self.numbers:
            return node
        x = input_of(node, self.receiver[node])
        assert x is not None
        new: ast.expr = node
        for kind, times in self.numbers[node].items():
            made = self._call_module(node, x, times) if node in self.modules else self._call(node, x, kind, times, new)
            new = made
        return new

    def _call_module(self, node: ast.Call, x: ast.expr, times: Mapping[int, int]) -> ast.expr:
        """Return the call of a reused module with the number of the call."""
        scope, looped = self.scope[node]
        number: ast.expr = ast.Constant(times[0])
        if looped:
            number = _expression(f"{ast.unparse(node.func)}.run{self._count(scope, times)}")
        return ast.Call(node.func, [x], [ast.keyword("call", number)])

    def _call(self, node: ast.Call, x: ast.expr, kind: str, times: Mapping[int, int], otherwise: ast.expr) -> ast.expr:
        """Return the call of an activation in the place of a function."""
        scope, looped = self.scope[node]
        holder = f"{self.module}.{self.holder}"
        conditions = [f"{holder}.takes({ast.unparse(node.func)}, {kind!r})"] if kind else []
        activation = f"{holder}._modules[{str(times.get(EVERY, times.get(0)))!r}]"
        if looped and EVERY not in times:
            count = self._count(scope, times)
            conditions.append(f"{holder}.advance{count}")
            activation = f"{holder}.current{count}"
        call = ast.Call(_expression(activation), [copy.deepcopy(x)], [])
        return ast.IfExp(_expression(" and ".join(conditions)), call, otherwise) if conditions else call

    def _count(self, scope: ast.AST, times: Mapping[int, int]) -> str:
        """Let a function count the runs of a call; return the arguments that say where, and which numbers they have."""
        index = self.counted[scope]
        self.counted[scope] += 1
        return f"({self.counter}, {index}, {tuple(times.get(time) for time in range(max(times) + 1))!r})"

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Let a function count what runs in a loop."""
        self._visit_function(node)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        """Let a function count what runs in a loop."""
        self._visit_function(node)
        return node

    def _visit_function(self, node: FunctionNode) -> None:
        self.generic_visit(node)
        if self.counted[node]:
            after = 1 if ast.get_docstring(node, clean=False) is not None else 0
            (start,) = ast.parse(f"{self.counter} = {[0] * self.counted[node]!r}").body
            node.body.insert(after, start)


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
