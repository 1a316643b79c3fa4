"""Lazy tables of names: one mechanism for activations, networks, data sets and experiments.

A table maps a name to "module:attribute", and the module is imported when the name is first used, so that listing and
completing names takes milliseconds and does not load PyTorch. What a listing shows beside the name (the summary line,
the literal fields of a spec) is read from the source text.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from .errors import ConfigError, UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """The names of things of one kind, and what they stand for.

    Args:
        kind: the kind, as errors word it: "activation", "data set".
        package: package of the modules in `table`; also the entry-point group for third parties.
        table: "module:attribute" by name, with modules relative to `package`.
        adopt: makes of a third party's thing, its name and where it comes from what is to stand in the table; None
            takes things as they are.
    """

    def __init__(
        self,
        kind: str,
        package: str,
        table: Mapping[str, str],
        adopt: Callable[[Any, str, str], T] | None = None,
    ) -> None:
        self.kind = kind
        self.package = package
        self.table = dict(table)
        self._adopt = adopt
        self._added: dict[str, T] = {}
        self._announced: dict[str, T] = {}

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def names(self) -> list[str]:
        """Return all names, sorted: built in, registered, and announced by installed packages."""
        return sorted({*self.table, *self._added, *self._plugins()})

    def get(self, name: str) -> T:
        """Return what `name` stands for.

        Raises:
            UnknownNameError: the name is not known.
            ConfigError: an installed package announces it, and it cannot be loaded.
        """
        if name in self._added:
            return self._added[name]
        if name in self.table:
            module, attribute = self.table[name].split(":")
            thing: T = getattr(importlib.import_module(f"{self.package}.{module}"), attribute)
            return thing
        if self.is_announced(name):
            if name not in self._announced:
                self._announced[name] = self._load(name)
            return self._announced[name]
        raise UnknownNameError(self.kind, name, self.names())

    def is_announced(self, name: str) -> bool:
        """Return whether `name` stands for what an installed package announces."""
        return name not in self._added and name not in self.table and name in self._plugins()

    def adopt(self, thing: Any, name: str, origin: str) -> T:
        """Make of a third party's thing what is to stand in the table.

        Args:
            thing: what it is.
            name: what it is called.
            origin: where it comes from, for errors.
        """
        made: T = thing if self._adopt is None else self._adopt(thing, name, origin)
        return made

    def register(self, name: str) -> Callable[[T], T]:
        """Make a decorator that registers what it decorates under `name`.

        Raises:
            ConfigError: the name is taken.
        """

        def add(thing: T) -> T:
            if name in self:
                raise ConfigError(f"{self.kind} {name!r} is registered already; choose another name")
            self._added[name] = thing
            return thing

        return add

    def remove(self, name: str) -> None:
        """Forget what was registered under `name`; what is built in or announced by a package stays."""
        self._added.pop(name, None)

    def added_in(self, module: str) -> list[str]:
        """Names of what a module has registered, such as `__main__`, the user's script or notebook."""
        return [name for name, thing in self._added.items() if getattr(thing, "__module__", None) == module]

    def summary(self, name: str) -> str:
        """Return the first line of the documentation of what `name` stands for; built-in things are not imported.

        Of what cannot be loaded, it is the reason.
        """
        if name in self.table:
            return _documentation(self._source(name), self.table[name].split(":")[1])
        try:
            thing = self.get(name)
        except ConfigError as error:
            return str(error)
        return ((getattr(thing, "__doc__", None) or "").strip().splitlines() or [""])[0]

    def facts(self, name: str) -> dict[str, Any]:
        """Return the literal fields of a class's `spec`, or of the call that makes a thing that is not a class.

        Built-in things are not imported; their source is read.
        """
        if name in self.table:
            return _spec_fields(self._source(name), self.table[name].split(":")[1])
        spec = getattr(self.get(name), "spec", None)
        return dict(vars(spec)) if spec is not None else {}

    def _source(self, name: str) -> Path:
        package = importlib.util.find_spec(self.package)
        assert package is not None
        assert package.submodule_search_locations
        base = Path(package.submodule_search_locations[0])
        return base.joinpath(*self.table[name].split(":")[0].split(".")).with_suffix(".py")

    def _load(self, name: str) -> T:
        origin = self._plugins()[name].value
        try:
            thing = self._plugins()[name].load()
        except Exception as error:
            raise ConfigError(
                f"{self.kind} {name!r}, which an installed package announces as {origin}, cannot be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error
        return self.adopt(thing, name, origin)

    def _plugins(self) -> Mapping[str, Any]:
        return _entry_points(self.package)


@cache
def _entry_points(group: str) -> dict[str, Any]:
    return {point.name: point for point in entry_points(group=group)}


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _definition(path: Path, attribute: str) -> ast.AST | None:
    for node in _parse(path).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute:
            return node
    return None


def _documentation(path: Path, attribute: str) -> str:
    node = _definition(path, attribute)
    text = ast.get_docstring(node) if isinstance(node, ast.ClassDef | ast.FunctionDef) else None
    text = text or ast.get_docstring(_parse(path)) or ""
    return (text.splitlines() or [""])[0]


def _spec_fields(path: Path, attribute: str) -> dict[str, Any]:
    node = _definition(path, attribute)
    body, name = (node.body, "spec") if isinstance(node, ast.ClassDef) else (_parse(path).body, attribute)
    for statement in body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Call):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return _literals(statement.value)
    return {}


def _literals(call: ast.Call) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            continue
        try:
            fields[keyword.arg] = ast.literal_eval(keyword.value)
        except ValueError:
            if isinstance(keyword.value, ast.Tuple):  # parameters=(ParameterSpec(…), …)
                fields[keyword.arg] = tuple(
                    _literals(item) for item in keyword.value.elts if isinstance(item, ast.Call)
                )
    return fields
