"""Who imports whom among the kernels' files: no circles, and dispatch names no provider."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from rectifiers import kernels

FOLDER = Path(kernels.__file__).parent
PACKAGE = kernels.__name__


def modules() -> dict[str, Path]:
    """All modules of the package, by full name; packages by theirs."""
    found = {}
    for path in FOLDER.rglob("*.py"):
        parts = [part for part in path.relative_to(FOLDER).with_suffix("").parts if part != "__init__"]
        found[".".join((PACKAGE, *parts))] = path
    return found


def imported(name: str, path: Path, known: set[str]) -> Iterator[str]:
    """The modules of the package that a file imports, wherever in it; a submodule does not count as its parent."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join((*above, *([node.module] if node.module else [])))
            for alias in node.names:
                found = f"{source}.{alias.name}"
                if found in known or source in known:
                    yield found if found in known else source


def arrows() -> dict[str, set[str]]:
    """Per module, those that it imports."""
    every = modules()
    return {name: set(imported(name, path, set(every))) for name, path in every.items()}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module, or of one that imports itself (Tarjan, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(component) > 1 or node in graph[node]:
                found.append(sorted(component))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [["b", "c"]]
    assert circles({"a": {"a"}}) == [["a"]]
    assert not circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_arrows_are_seen_wherever_they_stand() -> None:
    graph = arrows()
    assert f"{PACKAGE}.dispatch" in graph[f"{PACKAGE}.elementwise"]
    assert f"{PACKAGE}.triton.operators" in graph[f"{PACKAGE}.triton.loading"]  # within a function
    assert f"{PACKAGE}.two_slopes" in graph[f"{PACKAGE}.triton.two_slopes"]


def test_no_circles() -> None:
    assert not circles(arrows())


def test_dispatch_names_no_provider() -> None:
    assert arrows()[f"{PACKAGE}.dispatch"] == {f"{PACKAGE}.provider"}
