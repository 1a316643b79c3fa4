"""`rectifiers export`: all results beside all published numbers, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import RESULTS, ResultsOption, read_folder


def export_results(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder to write the files to.", parser=read_folder("FOLDER"))
    ],
    results: ResultsOption = RESULTS,
) -> None:
    """Write all results, published numbers and claims of the papers as CSV files, described in Croissant."""
    from .. import lab

    print(lab.export(folder, results))
