"""Identify what a user brings by code and content, so that a comparison never shows results of other code or data.

Of functions and classes the source counts, with that of what they use of the same project; of installed packages the
name alone. What a function only reads of the names around it counts by value: constants, settings in dictionaries,
lists and objects, and what it names of modules. What it writes to does not, because a run leaves it changed.
"""

from __future__ import annotations

import argparse
import ast
import dis
import enum
import functools
import hashlib
import importlib
import importlib.util
import inspect
import sys
import sysconfig
import textwrap
import types
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Any

import numpy
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

from ...watching.source import is_written
from .generators import seeded

DIGITS = 12
"""Of a digest: hexadecimal ones."""

_INSTALLED = tuple(
    str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platstdlib", "purelib", "platlib")
)

_USED = (types.FunctionType, type, str, int, float, tuple, functools.partial, Tensor, DataLoader, Dataset)
_CODE = (types.FunctionType, types.MethodType, type, functools.partial, Tensor, DataLoader, Dataset)
_CONSTANTS = (bool, int, float, complex, str, bytes)
_WORDS = (PurePath, enum.Enum, torch.dtype, torch.device, range, slice)
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME")
_HELD = (Mapping, list, Set, nn.Module, types.MethodType, *_WORDS)

_CHANGES = frozenset(
    [
        *("add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "remove"),
        *("setdefault", "sort", "update"),
    ]
)
"""Methods by which code writes to what a name stands for."""


def digest(thing: Any) -> str:
    """Identify code and content.

    Of functions and classes the source counts, with that of what they use of the same project; of installed packages
    the name alone. Of tensors and arrays the content counts; of a model its weights, its parts and their attributes; of
    a data set its length, three samples, and the tensors, arrays, lists and data sets that it holds; of a loader its
    data set and its first batch.

    Example:
        >>> digest(torch.zeros(2)) == digest(torch.zeros(2)), digest(torch.zeros(2)) == digest(torch.ones(2))
        (True, False)
    """
    sha = hashlib.sha256()
    _Visit(sha.update).see(thing)
    return sha.hexdigest()[:DIGITS]


def as_torch_takes_it(array: numpy.ndarray[Any, Any]) -> numpy.ndarray[Any, Any]:
    """An array that is not read backwards, in the order of bytes of this machine."""
    if not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="))
    return array.copy() if any(stride < 0 for stride in array.strides) else array


class _Visit:
    """Goes through code and content once, and tells what it sees."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.write = write
        self.seen: set[int] = set()
        self.asked: set[tuple[int, int]] = set()
        self.kept: list[Any] = []

    def tell(self, *words: object) -> None:
        self.write("\0".join(map(str, words)).encode() + b"\0")

    def see(self, thing: Any) -> None:
        """Tell all that counts of a thing."""
        if thing is None or isinstance(thing, _CONSTANTS):
            self.tell(type(thing).__name__, repr(thing))
            return
        if isinstance(thing, Tensor):
            self._tensor(thing)
            return
        if not self._is_new(thing):
            return
        if isinstance(thing, types.ModuleType):
            self.tell("module", thing.__name__)
        elif isinstance(thing, functools.partial):
            for part in (thing.func, thing.args, thing.keywords):
                self.see(part)
        elif isinstance(thing, types.MethodType):
            self.see(thing.__func__)
            self.see(thing.__self__)
        elif isinstance(thing, types.FunctionType):
            self._function(thing)
        elif isinstance(thing, type):
            self._class(thing)
        elif isinstance(thing, Mapping):
            for key in sorted(thing, key=str):
                self.see(key)
                self.see(thing[key])
        elif isinstance(thing, list | tuple):
            self.tell(len(thing))
            for item in thing:
                self.see(item)
        elif isinstance(thing, set | frozenset):
            self.see(sorted(map(repr, thing)))
        else:
            self._object(thing)

    def _is_new(self, thing: Any) -> bool:
        """Whether a thing was not seen yet."""
        new = id(thing) not in self.seen
        self.seen.add(id(thing))
        # Ids are told apart as long as the things live.
        self.kept.append(thing)
        return new

    def _tensor(self, tensor: Tensor) -> None:
        plain = tensor.detach().cpu().contiguous()
        self.tell(plain.dtype, tuple(plain.shape))
        self.write(plain.flatten().view(torch.uint8).numpy().tobytes() if plain.numel() else b"")

    def _array(self, array: numpy.ndarray[Any, Any]) -> None:
        try:
            self._tensor(torch.as_tensor(as_torch_takes_it(array)))
        except TypeError:  # of texts, or of objects
            self.see(array.tolist())

    def _function(self, function: types.FunctionType) -> None:
        installed = _is_installed(function)
        self.tell(*((function.__module__, function.__qualname__) if installed else (_source(function),)))
        for part in (function.__defaults__, function.__kwdefaults__):
            self.see(part)
        for cell in function.__closure__ or ():
            try:
                self.see(cell.cell_contents)
            except ValueError:  # a name that is not bound yet
                self.tell("empty")
        if not installed:
            self._used(function.__code__, function.__globals__, _written(function))

    def _used(self, code: types.CodeType, names: Mapping[str, Any], written: Collection[str]) -> None:
        """What code uses of the names around it: code, constants and data; not what it may write to meanwhile."""
        loaded = {step.argval for step in _steps(code) if step.opname in _LOADS}
        for name in sorted(set(code.co_names)):
            used = names.get(name)
            if name in loaded or isinstance(used, _USED):
                self._use(name, used, code, written)
        for module in _imported(code, names):
            self._use(module.__name__, module, code, written)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._used(constant, names, written)

    def _use(self, name: str, used: Any, code: types.CodeType, written: Collection[str]) -> None:
        """What code uses of what a name stands for."""
        if isinstance(used, _USED) or type(used).__module__ == "numpy":
            self.see(used)
        elif isinstance(used, types.ModuleType):
            if _is_own(used) and (id(used), id(code)) not in self.asked:
                self.asked.add((id(used), id(code)))
                for attribute in sorted(set(code.co_names)):
                    self._use(attribute, vars(used).get(attribute), code, written)
        elif isinstance(used, types.BuiltinFunctionType):
            if used.__name__ != name:  # the name tells what it is, unless it is an alias
                self._word(used)
        elif name not in written and (_holds_settings(used) or isinstance(used, _HELD)) and not _is_filled(name, used):
            held = vars(used) if _holds_settings(used) else {}
            read = _attributes(code, name) or {""}
            if held and read <= held.keys():
                self.see(type(used))
                self._settings({key: held[key] for key in read if key not in written})
            else:
                self._settings(used)

    def _settings(self, thing: Any) -> None:
        """Tell what is fixed of a thing: constants, code and content; of anything else the class."""
        if thing is None or isinstance(thing, (*_CONSTANTS, *_CODE, nn.Module)) or hasattr(thing, "__array__"):
            self.see(thing)
        elif not self._is_new(thing):
            return
        elif isinstance(thing, Mapping):
            for key in sorted(thing, key=str):
                self.tell(key)
                self._settings(thing[key])
        elif isinstance(thing, list | tuple):
            self.tell(len(thing))
            for item in thing:
                self._settings(item)
        elif isinstance(thing, Set):
            self.tell(*sorted(repr(item) for item in thing if isinstance(item, _CONSTANTS)))
        elif _holds_settings(thing):
            self.see(type(thing))
            changed = _written_by(type(thing))
            self._settings({key: value for key, value in _public(thing).items() if key not in changed})
        else:
            self.tell(type(thing).__module__, type(thing).__qualname__)
            self._word(thing)

    def _word(self, thing: Any) -> None:
        """Tell a thing that a word stands for: a path, a dtype, a function that is written in C."""
        if isinstance(thing, types.BuiltinFunctionType):
            self.tell(thing.__module__, thing.__qualname__)
        elif isinstance(thing, _WORDS):
            self.tell(repr(thing))

    def _class(self, cls: type) -> None:
        if _is_installed(cls):
            self.tell(cls.__module__, cls.__qualname__)
            return
        self.tell(_source(cls))
        for base in cls.__bases__:
            self.see(base)
        for name in sorted(vars(cls)):
            member = vars(cls)[name]
            inner = getattr(member, "__func__", getattr(member, "fget", member))
            if isinstance(inner, types.FunctionType):
                self.see(inner)

    def _object(self, thing: Any) -> None:
        self.see(type(thing))
        if isinstance(thing, nn.Module):
            self._module(thing)
        elif hasattr(thing, "__array__"):
            self._array(numpy.asarray(thing))
        elif isinstance(thing, DataLoader):
            self.see([thing.batch_size, thing.drop_last, _first_batch(thing)])
            self.see(thing.dataset)
        elif hasattr(thing, "__getitem__") and hasattr(thing, "__len__") and not isinstance(thing, IterableDataset):
            self._rows(thing)
        else:
            self.see({key: value for key, value in getattr(thing, "__dict__", {}).items() if not key.startswith("_")})
            self._word(thing)

    def _module(self, module: nn.Module) -> None:
        """The weights of a module, its parts, and what their attributes fix, such as the share of a dropout."""
        self.see(module.state_dict())
        self.tell(*(name for name, weight in module.named_parameters() if not weight.requires_grad))
        for name, part in module.named_modules():
            self.tell(name, type(part).__module__, type(part).__qualname__)
            self.see(type(part))
            self._settings({key: value for key, value in _public(part).items() if key != "training"})

    def _rows(self, rows: Any) -> None:
        """What has a length and entries by number: three of them, and what it holds of them all."""
        self.see(len(rows))
        for place in {0, len(rows) // 2, len(rows) - 1} if len(rows) else ():
            with seeded(0):
                self.see(rows[place])
        held = vars(rows) if hasattr(rows, "__dict__") else {}
        self.see({key: value for key, value in held.items() if isinstance(value, Tensor | list | tuple)})
        self.see({key: value for key, value in held.items() if hasattr(value, "__array__")})
        inner = {key: value for key, value in held.items() if isinstance(value, Dataset) or _is_columns(value, rows)}
        if inner:
            self.see(inner)


def _is_columns(held: Any, rows: Any) -> bool:
    """Whether a dictionary holds what a data set gives, by columns, and is not what it remembers."""
    return isinstance(held, Mapping) and bool(held) and all(_length(column) == len(rows) for column in held.values())


def _length(column: Any) -> int | None:
    return len(column) if hasattr(column, "__len__") and not (isinstance(column, Tensor) and not column.dim()) else None


def _public(thing: Any) -> dict[str, Any]:
    return {key: value for key, value in vars(thing).items() if not key.startswith("_")}


def _holds_settings(thing: Any) -> bool:
    """Whether a thing is one of attributes: arguments of a command line, or an object of a class of the user's."""
    if isinstance(thing, argparse.Namespace | types.SimpleNamespace):
        return True
    plain = not isinstance(thing, (type, nn.Module, Mapping, list, tuple, Set, enum.Enum, *_CODE))
    return plain and hasattr(thing, "__dict__") and not _is_installed(type(thing))


def _steps(code: types.CodeType) -> list[dis.Instruction]:
    return [step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG"]


def _is_filled(name: str, held: Any) -> bool:
    """Whether code is put into what a name stands for as modules are imported, which are others in another process."""
    values = held.values() if isinstance(held, Mapping) else held if isinstance(held, list | Set) else ()
    if not any(isinstance(value, types.FunctionType | type) for value in values):
        return False
    homes = [vars(module) for module in list(sys.modules.values()) if getattr(module, "__dict__", {}).get(name) is held]
    code = [value for home in homes for value in home.values() if isinstance(value, types.FunctionType)]
    return any(name in _written(function) for function in code if not _is_installed(function))


def _written_by(cls: type) -> set[str]:
    """Names of what the methods of a class write to once an object is made."""
    methods = [value for name, value in vars(cls).items() if name not in ("__init__", "__post_init__")]
    return {name for method in methods if isinstance(method, types.FunctionType) for name in _written(method)}


def _attributes(code: types.CodeType, name: str) -> set[str]:
    """The attributes that code reads of what a name stands for; none where it uses it otherwise, too."""
    found = set[str]()
    steps = _steps(code)
    for step, after in pairwise(steps):
        if step.argval == name and step.opname in _LOADS:
            if after.opname in ("LOAD_ATTR", "LOAD_METHOD"):
                found.add(after.argval)
            elif after.opname not in ("STORE_ATTR", "DELETE_ATTR"):
                return set()
    return found


def _written(function: types.FunctionType) -> set[str]:
    """Names of what a function writes to: `x` in `x[0] = 1`, `x += 1`, `a.x.append(1)` and `a.x = 1`."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, ValueError):  # without a source, or a lambda within a line
        return set()
    targets: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            targets.append(node.value)
        elif isinstance(node, ast.AugAssign):
            targets.append(node.target)
        elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            targets.append(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
            targets.append(node.func.value)
    found = set[str]()
    for target in targets:
        while isinstance(target, ast.Subscript):
            target = target.value
        if isinstance(target, ast.Name):
            found.add(target.id)
        elif isinstance(target, ast.Attribute):
            found.add(target.attr)
    return found


def _imported(code: types.CodeType, names: Mapping[str, Any]) -> Iterator[types.ModuleType]:
    """The modules of the user's that code imports when it runs."""
    steps = _steps(code)
    for place, step in enumerate(steps):
        if step.opname != "IMPORT_NAME":
            continue
        level, wanted = steps[place - 2].argval, steps[place - 1].argval
        try:
            if not level and not _is_own_place(step.argval):
                continue
            __import__(step.argval, dict(names), None, wanted, level)
            yield sys.modules[importlib.util.resolve_name("." * level + step.argval, names.get("__package__"))]
        except (Exception, SystemExit):  # the run will tell
            continue


def _first_batch(loader: DataLoader[Any]) -> Any:
    generator = loader.generator
    before = generator.get_state() if generator is not None else None
    with seeded(0):
        if generator is not None:
            generator.manual_seed(0)
        try:
            return next(iter(loader), None)
        finally:
            if generator is not None and before is not None:
                generator.set_state(before)


def _is_installed(thing: Any) -> bool:
    """Whether code belongs to an installed package: its name says which it is, and its version is in each result."""
    module = sys.modules.get(thing.__module__)
    file = getattr(module, "__file__", None)
    if file is None:
        return thing.__module__ != "__main__" and not hasattr(thing, "__code__")
    return _lies_in_package(thing.__module__, file)


def _is_own(module: types.ModuleType) -> bool:
    """Whether a module is of the user's project; one without a file may be a folder of such."""
    file = getattr(module, "__file__", None)
    places = [file] if file else list(getattr(module, "__path__", ()))
    return bool(places) and not any(_lies_in_package(module.__name__, place) for place in places)


def _is_own_place(name: str) -> bool:
    """The same of a module that may not be imported yet."""
    spec = importlib.util.find_spec(name.partition(".")[0])
    if spec is None:
        return False
    places = [spec.origin] if spec.has_location and spec.origin else list(spec.submodule_search_locations or ())
    return bool(places) and not any(_lies_in_package(name, place) for place in places)


def _lies_in_package(name: str, file: str) -> bool:
    if name.partition(".")[0] == __package__.partition(".")[0]:
        return True
    place = str(Path(file).resolve())
    return place.startswith(_INSTALLED) or "site-packages" in place


def _source(thing: Any) -> str:
    code = getattr(thing, "__code__", None)
    try:
        source = inspect.getsource(thing)
    except (OSError, TypeError):
        return f"{thing.__module__}:{thing.__qualname__}" if code is None else _described(code)
    if code is not None and not is_written(code):  # the file was edited since it was imported
        return _described(code)
    # The source of a lambda is that of its line, on which there may be others.
    if code is not None and code.co_name == "<lambda>" and source.count("lambda") > 1:
        source += _described(code)
    return source


def _described(code: types.CodeType) -> str:
    """What code does, where its source does not tell: its steps, and the names and constants in them."""
    # The order of a set differs from one process to the next.
    constants = [
        _described(one)
        if isinstance(one, types.CodeType)
        else repr(sorted(map(repr, one)) if isinstance(one, frozenset) else one)
        for one in code.co_consts
    ]
    return repr((code.co_code, code.co_names, constants))
