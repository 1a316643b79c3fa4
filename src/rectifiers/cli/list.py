"""`rectifiers list`: what there is, by name. Imports no torch, but for the states of the papers' entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from ..core.wording import plural
from ..lab.kinds import KINDS
from ..lab.listing import CLAIMS, PAPERS, list_claims, list_kind
from . import completion
from .options import DATA, RESULTS, DataOption, JsonOption, OwnOption, ResultsOption, use_own
from .output import print_json


def list_names(
    ctx: typer.Context,
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND",
            help="activations, networks, datasets, experiments, papers or claims. By default all but the claims.",
            autocompletion=completion.kinds,
            show_default=False,
        ),
    ] = None,
    own: OwnOption = None,
    results: ResultsOption = RESULTS,
    data_dir: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """List activations, networks, data sets, experiments, papers and their claims.

    `list papers` says of every table and figure how much of it was run, in the published results and in --results, and
    whether it can run here. `list claims` says of every claim in the papers what is known about it, from the published
    results or from those in --results.
    """
    use_own(own)
    if kind == CLAIMS:
        source = ctx.get_parameter_source("results")
        claims = list_claims(None if source is not None and source.name == "DEFAULT" else results)
        print_json({CLAIMS: claims}) if as_json else _print_claims(claims)
        return
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
                print(f"    {entry['name']}  {entry['summary']}\n      {entry['coverage']}; {entry['state']}")
            if thing.get("entries") and thing["drawings"]:
                print(f"    {thing['drawings']}")


def _print_claims(claims: Sequence[Mapping[str, Any]]) -> None:
    from ..papers.claims import count_statuses  # brings pydantic, which other commands do not wait for

    paper = ""
    for claim in claims:
        if claim["paper"] != paper:
            print(f"\n{claim['paper']}" if paper else claim["paper"])
            paper = claim["paper"]
        printed = f", {claim['printed']}" if claim.get("printed") else ""
        cost = f"; {claim['cost']}" if claim["cost"] else ""
        print(f"  {claim['status']}: {claim['says']} ({claim['place']}{printed})")
        print(f"    {claim['finding']}; {claim['command']}{cost}")
    print(f"\n{count_statuses(claims)}")
