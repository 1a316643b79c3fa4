"""`rectifiers check`: whether an activation of your own keeps what all others keep."""

from __future__ import annotations

from typing import Annotated

import typer

from . import completion
from .options import JsonOption, OwnOption, use_own
from .output import print_json


def check_thing(
    thing: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py:NAME",
            help="An activation, network, data set or augmentation of your own, or of a package (PACKAGE.MODULE:NAME); "
            "a formula such as 'x*tanh(x)'; or a registered name.",
            autocompletion=completion.activations,
            show_default=False,
        ),
    ],
    own: OwnOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check derivatives, dtypes, layouts, compilation, export and saving, and measure the cost beside ReLU."""
    use_own(own)
    from ..testing import check
    from .sketch import sketch

    found = check(thing)
    if as_json:
        print_json(found.to_dict())
    else:
        print(found)
        if found.kind == "activation":
            print(sketch(found.thing, found.name))
    if not found.ok:
        raise typer.Exit(1)
