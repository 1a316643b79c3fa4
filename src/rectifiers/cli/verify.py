"""`rectifiers verify`: what is damaged in a folder of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import JsonOption
from .output import print_json


def verify_folder(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Folder of runs, of one experiment or of all.",
            show_default=False,
        ),
    ],
    mend: Annotated[
        bool, typer.Option("--mend", help="Set damaged files aside, so that the next run makes them again.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read everything in a folder of runs and name what is damaged; the exit code is 1 if any damage remains."""
    from ..lab import verify

    found = verify(folder, mend=mend)
    if as_json:
        print_json([{"path": str(one.path), "problem": one.problem, "remedy": one.remedy} for one in found])
    else:
        print("\n".join(map(str, found)) or f"{folder}: nothing is damaged")
    if found and not mend:
        raise typer.Exit(1)
