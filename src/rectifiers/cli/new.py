"""`rectifiers new`: a file to begin with, and its test."""

from __future__ import annotations

import shlex
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
    reference = shlex.quote(f"{file}:{title}")
    print(f"{file}\n{test}\n\nnext:\n  rectifiers check {reference}\n  pytest {shlex.quote(str(test))}")
    setting = "" if kind == "activation" else f" --set {kind}={title}"
    print(f"  rectifiers run quickstart --with {reference}{setting}")
