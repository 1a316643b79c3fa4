"""`rectifiers list`: what there is, by name. Imports no torch, but for the states of the papers' entries."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import papers
from ..core.registry import Registry
from . import completion
from .kinds import KINDS, check_kind
from .options import DATA, RESULTS, DataOption, JsonOption, ResultsOption
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
    data_dir: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """List activations, networks, data sets, experiments and papers.

    With KIND papers, every table and figure says whether it can run here, and whether it was run.
    """
    kinds = (*KINDS, "papers")
    if kind is not None:
        check_kind(kind, kinds)
        kinds = (kind,)
    listing = {kind: _papers() if kind == "papers" else _things(kind, KINDS[kind], results) for kind in kinds}
    if kind == "papers":
        for paper in listing[kind]:
            paper["entries"] = _entries(paper["name"], data_dir, results)
    if as_json:
        print_json(listing)
        return
    longest = max((len(thing["name"]) for things in listing.values() for thing in things), default=0)
    for place, (heading, things) in enumerate(listing.items()):
        print(f"\n{heading}" if place else heading)
        for thing in things:
            runs = f"  [runs in {results}: {thing['runs']}]" if thing.get("runs") else ""
            print(f"  {thing['name']:<{longest}}  {thing['summary']}{runs}")
            for entry in thing.get("entries", ()):
                count = f"{entry['runs']} runs in {results}" if entry["runs"] else "never run"
                print(f"    {entry['name']}  {entry['summary']}\n      {count}; {entry['state']}")
            if thing.get("entries") and thing["drawings"]:
                print(f"    {thing['drawings']}")


def _things(kind: str, registry: Registry[Any], results: Path) -> list[dict[str, Any]]:
    things: list[dict[str, Any]] = [{"name": name, "summary": registry.summary(name)} for name in registry]
    if kind == "experiments":
        for thing in things:
            thing["runs"] = _runs(results, registry.facts(thing["name"]).get("runs") or thing["name"])
    return things


def _runs(results: Path, name: str) -> int:
    """How many results there are, of whatever preset, in files of their own and packed."""
    folder = results / name.replace("/", "-")
    packed = sum(path.read_bytes().count(b"\n") for path in folder.glob("*.jsonl"))
    return packed + sum(1 for _ in folder.glob("*/result.json"))


def _papers() -> list[dict[str, Any]]:
    """The papers that experiments come from, with their citations."""
    names = sorted({name.partition("/")[0] for name in papers.registry if "/" in name})
    packages = [(name, importlib.import_module(f"{papers.__name__}.{name}")) for name in names]
    return [{"name": name, "summary": package.PAPER, "drawings": package.DRAWINGS} for name, package in packages]


def _entries(paper: str, data_dir: Path, results: Path) -> list[dict[str, Any]]:
    """The tables and figures of a paper, each with its state."""
    from ..papers.state import state

    return [
        {
            "name": name,
            "summary": papers.registry.summary(name),
            "state": state(experiment, data_dir),
            "lacking": experiment.lacking,
            "gpu": experiment.gpu,
            "runs": _runs(results, experiment.folder),
        }
        for name in papers.registry
        if name.startswith(f"{paper}/")
        for experiment in [papers.registry.get(name)]
    ]
