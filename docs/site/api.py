"""The public names of the package, a page per module, from their docstrings."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from sphinx.ext.autodoc.mock import mock

import rectifiers
from rectifiers.activations import registry

# Room → what its page is called. What a module exports stands in its `__all__`, or in the `_HOME` by which it loads.
MODULES = {
    "rectifiers": "The front door",
    "rectifiers.lab": "The laboratory",
    "rectifiers.surgery": "Swaps",
    "rectifiers.watching": "What a model calls",
    "rectifiers.analysis": "Looking inside",
    "rectifiers.testing": "Checks of an activation",
    "rectifiers.kernels": "Kernels",
    "rectifiers.hf": "Hugging Face",
}

# What some of these modules extend; the site is built without it.
NOT_INSTALLED = ["timm", "transformers"]


def public_names(module: str) -> list[str]:
    """What a module exports, less modules and the functions' own classes, which have their pages."""
    with mock(NOT_INSTALLED):
        loaded = importlib.import_module(module)
    functions = {registry.get(name).__name__ for name in registry} if loaded is rectifiers else set()
    names = (
        getattr(loaded, "__all__", None)
        or getattr(loaded, "_HOME", None)
        or [
            name
            for name, thing in vars(loaded).items()
            if getattr(thing, "__module__", "") == module and name[0] != "_"
        ]
    )
    return [name for name in names if name not in functions and not isinstance(getattr(loaded, name), ModuleType)]


def write_pages(folder: Path) -> None:
    """Write `index.md`, and a page per module."""
    folder.mkdir(parents=True, exist_ok=True)
    seen: dict[int, str] = {}
    lines = [
        "# Python\n",
        "The functions' modules and plain functions stand on [their own pages](../functions/index.md).\n",
    ]
    for module, title in MODULES.items():
        lines.append(f"- [{title}: `{module}`]({module}.rst)")
        (folder / f"{module}.rst").write_text("\n".join(_page(module, title, seen)), encoding="utf-8")
    (folder / "index.md").write_text("\n".join([*lines, ""]), encoding="utf-8")


def _page(module: str, title: str, seen: dict[int, str]) -> Iterator[str]:
    """One module; what another page has already is linked there."""
    heading = f"{title}: ``{module}``"
    yield f"{heading}\n{'=' * len(heading)}\n"
    yield f".. automodule:: {module}\n"
    things = {name: getattr(sys.modules[module], name) for name in public_names(module)}
    elsewhere = [seen[id(thing)] for thing in things.values() if id(thing) in seen]
    if elsewhere:
        yield f"On other pages: {', '.join(f':py:obj:`{name}`' for name in elsewhere)}.\n"
    for name, thing in things.items():
        if id(thing) not in seen:
            seen[id(thing)] = f"{module}.{name}"
            if inspect.isclass(thing):
                yield f".. autoclass:: {module}.{name}\n   :members:\n"
            else:
                yield f".. auto{'function' if callable(thing) else 'data'}:: {module}.{name}\n"
