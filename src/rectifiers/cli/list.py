"""`rectifiers list`: what there is, by name. Imports no torch, but for the states of the papers' entries."""

from __future__ import annotations

from typing import Annotated

import typer

from ..core.wording import plural
from ..lab.kinds import KINDS
from ..lab.listing import PAPERS, list_kind
from . import completion
from .options import DATA, RESULTS, DataOption, JsonOption, OwnOption, ResultsOption, use_own
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
    own: OwnOption = None,
    results: ResultsOption = RESULTS,
    data_dir: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """List activations, networks, data sets, experiments and papers.

    With KIND papers, every table and figure says whether it can run here, and whether it was run.
    """
    use_own(own)
    kinds = (*KINDS, PAPERS) if kind is None else (kind,)
    listing = {one: list_kind(one, results, data_dir, states=kind is not None) for one in kinds}
    if as_json:
        print_json(listing)
        return
    longest = max((len(thing["name"]) for things in listing.values() for thing in things), default=0)
    for place, (heading, things) in enumerate(listing.items()):
        print(f"\n{heading}" if place else heading)
        for thing in things:
            runs = f"  [{plural(thing['runs'], 'run')} in {results}]" if thing.get("runs") else ""
            print(f"  {thing['name']:<{longest}}  {thing['summary']}{runs}")
            for entry in thing.get("entries", ()):
                count = f"{plural(entry['runs'], 'run')} in {results}" if entry["runs"] else "never run"
                print(f"    {entry['name']}  {entry['summary']}\n      {count}; {entry['state']}")
            if thing.get("entries") and thing["drawings"]:
                print(f"    {thing['drawings']}")
