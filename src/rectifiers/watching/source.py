"""What is written in the source of a function: its calls, and which of them can be written anew."""

from __future__ import annotations

import ast
import functools
import linecache
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Position = tuple[int | None, int | None]
"""Where a call ends in its file: the line, and the bytes in front in that line."""
MOST_FUNCTIONS = 1024
"""How many functions of a kind are remembered."""
_MOST_FILES = 64


@dataclass
class _Written:
    """What is written in a file.

    Args:
        lines: the lines that it was read from.
        functions: the functions with the class around each, by name and first line; None for two in one line.
        lambdas: the lambdas that consist of a call, by the position where it ends.
        codes: what the lines compile to; None where what runs may be something else that was made of them.
    """

    lines: list[str]
    functions: dict[tuple[str, int], tuple[str, FunctionNode] | None] = field(default_factory=dict)
    lambdas: dict[Position, ast.Lambda] = field(default_factory=dict)
    codes: frozenset[CodeType] | None = None

    def has(self, code: CodeType) -> bool:
        """Whether the lines are those of code that runs, as far as that can be told."""
        return self.codes is None or code in self.codes


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
                written.lambdas[end_of(child.body)] = child
            search(child, child.name if isinstance(child, ast.ClassDef) else owner)

    try:
        tree = ast.parse("".join(lines))
        search(tree, "")
        if _is_imported_as_written(file):
            written.codes = frozenset(_codes(compile(tree, file, "exec", dont_inherit=True)))
    except (SyntaxError, ValueError):  # of a null byte
        written = _Written(lines, codes=frozenset())
    while len(_written) >= _MOST_FILES:
        del _written[next(iter(_written))]
    _written[file] = written
    return written


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _is_imported_as_written(file: str) -> bool:
    """Return whether Python itself has imported a file, and not a hook that changes code as it is imported."""
    known = [vars(module) for module in [*sys.modules.values()] if isinstance(module, ModuleType)]
    loaders = [names.get("__loader__") for names in known if names.get("__file__") == file]
    return bool(loaders) and all(type(loader) is SourceFileLoader for loader in loaders)


def _read_for(code: CodeType) -> _Written | None:
    """Return what is written in the file of code that runs; None if it was edited since, and not imported anew."""
    written = _read(code.co_filename)
    if not written.has(code):
        # It may have been imported anew, and was read before.
        linecache.checkcache(code.co_filename)
        written = _read(code.co_filename)
    return written if written.has(code) else None


def is_written(code: CodeType) -> bool:
    """Return whether a file still says what runs: False after it was edited, and not imported anew.

    True as well where that cannot be told, as for code that an import hook has changed.
    """
    return _read_for(code) is not None


def find_class_and_function(code: CodeType) -> tuple[str, FunctionNode] | None:
    """Return what is written of a function, and the name of the class around it.

    None if the source is not known, or is not that of what runs any more.
    """
    written = _read_for(code)
    return written.functions.get((code.co_name, code.co_firstlineno)) if written else None


def find_function(code: CodeType) -> FunctionNode | None:
    """Return what is written of a function; None if the source is not known."""
    found = find_class_and_function(code)
    return None if found is None else found[1]


def find_lambda(code: CodeType, end: Position | None) -> ast.Lambda | None:
    """Return the lambda that consists of the call which ends there; None if the source is not known, or has none."""
    if end is None:
        return None
    written = _read_for(code)
    return written.lambdas.get(end) if written else None


def end_of(call: ast.Call) -> Position:
    """Return where a call ends."""
    return call.end_lineno, call.end_col_offset


@functools.lru_cache(maxsize=MOST_FUNCTIONS)
def calls_in(function: FunctionNode) -> tuple[ast.Call, ...]:
    """Return the calls that are written in a function's body, by the position of their closing parentheses."""
    calls = [node for part in function.body for node in ast.walk(part) if isinstance(node, ast.Call)]
    return tuple(sorted(calls, key=lambda call: (call.end_lineno or 0, call.end_col_offset or 0)))


def first_argument(function: FunctionNode) -> str:
    """Return the name that a method gives its module."""
    return [*function.args.posonlyargs, *function.args.args][0].arg


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


@functools.lru_cache(maxsize=MOST_FUNCTIONS)
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


@functools.lru_cache(maxsize=MOST_FUNCTIONS)
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


def reads(expression: ast.expr, name: str) -> bool:
    """Return whether a variable's name is in what is written."""
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(expression))


def input_of(call: ast.Call, receiver: bool) -> ast.expr | None:
    """Return what is written for a call's input; None if that cannot be told."""
    if receiver:
        return call.func.value if isinstance(call.func, ast.Attribute) else None
    if call.args:
        return None if isinstance(call.args[0], ast.Starred) else call.args[0]
    return next((keyword.value for keyword in call.keywords if keyword.arg == "input"), None)


def _rest(call: ast.Call) -> list[ast.expr]:
    """Return the arguments of a call beside its first."""
    return [*call.args[1:], *(keyword.value for keyword in call.keywords if keyword.arg != "input")]


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


def read_value(expression: ast.expr, names: Mapping[str, Any], around: dict[str, Any]) -> Any:
    """Return the value of a name, or of what is read from one; None for anything that would have to be called.

    Args:
        expression: what is written.
        names: the values of local variables.
        around: the values of global ones.
    """
    code = _readable(expression)
    try:
        return None if code is None else eval(code, around, names)
    except Exception:
        return None


@functools.lru_cache(maxsize=MOST_FUNCTIONS)
def _readable(expression: ast.expr) -> CodeType | None:
    """Compile what is read from a name; None for anything that would have to be called."""
    parts = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.expr_context)
    for node in ast.walk(expression):
        is_getattr = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr"
        if not isinstance(node, parts) and not is_getattr:
            return None
    return compile(ast.Expression(expression), "<place>", "eval")
