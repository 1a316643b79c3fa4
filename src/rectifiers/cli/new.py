"""`rectifiers new`: a file to begin with, and its test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def write_template(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="activation, network or dataset.", show_default=False)],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the file, such as my_act.", show_default=False)],
    folder: Annotated[Path, typer.Option("--folder", help="Where to write it.")] = Path(),
) -> None:
    """Write an activation, network or data set of your own, and its test; both pass as they are."""
    from ..lab.templates import new

    file, test = new(kind, name, folder)
    title = next(
        line.split()[1].partition("(")[0]
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith("class ")
    )
    print(f"{file}\n{test}\n\nnext:\n  rectifiers check {file}:{title}\n  pytest {test}")
    if kind == "activation":
        print(f"  rectifiers run quickstart --with {file}:{title}")
    else:
        setting = f"{'network' if kind == 'network' else 'dataset'}={title}"
        print(f"  rectifiers run quickstart --with {file}:{title} --set {setting}")
