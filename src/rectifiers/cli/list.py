"""`rectifiers list`: what there is, by name. Imports no torch."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import papers
from ..core.registry import Registry
from . import completion
from .kinds import KINDS, check_kind
from .options import RESULTS, JsonOption, ResultsOption
from .output import print_json


def list_names(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND",
            help="activations, networks, datasets, experiments or papers; all by default.",
            autocompletion=completion.kinds,
            show_default=False,
        ),
    ] = None,
    results: ResultsOption = RESULTS,
    as_json: JsonOption = False,
) -> None:
    """List activations, networks, data sets, experiments and papers."""
    kinds = (*KINDS, "papers")
    if kind is not None:
        check_kind(kind, kinds)
        kinds = (kind,)
    listing = {kind: _papers() if kind == "papers" else _things(kind, KINDS[kind], results) for kind in kinds}
    if as_json:
        print_json(listing)
        return
    longest = max((len(thing["name"]) for things in listing.values() for thing in things), default=0)
    for place, (heading, things) in enumerate(listing.items()):
        print(f"\n{heading}" if place else heading)
        for thing in things:
            runs = f"  [runs in {results}: {thing['runs']}]" if thing.get("runs") else ""
            print(f"  {thing['name']:<{longest}}  {thing['summary']}{runs}")


def _things(kind: str, registry: Registry[Any], results: Path) -> list[dict[str, Any]]:
    things: list[dict[str, Any]] = [{"name": name, "summary": registry.summary(name)} for name in registry]
    if kind == "experiments":
        for thing in things:
            thing["runs"] = _runs(results, registry.facts(thing["name"]).get("runs") or thing["name"])
    return things


def _runs(results: Path, name: str) -> int:
    """How many results there are, of whatever preset."""
    return sum(1 for _ in (results / name.replace("/", "-")).glob("*/result.json"))


def _papers() -> list[dict[str, Any]]:
    """The papers that experiments come from, with their citations."""
    names = sorted({name.partition("/")[0] for name in papers.registry if "/" in name})
    packages = {name: importlib.import_module(f"{papers.__name__}.{name}") for name in names}
    return [{"name": name, "summary": package.PAPER} for name, package in packages.items()]
