"""`rectifiers export`: what it writes, and what it says of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .conftest import Cli


def test_files_are_written_and_counted(cli: Cli, tmp_path: Path) -> None:
    told = cli("export", "out", "--results", "nowhere").out.splitlines()
    assert told[0] == "out: croissant.json describes"
    assert told[1].startswith("published.csv   1,")
    assert told[2:4] == [
        "cells.csv       0 rows: A cell of a table that was run, with statistics over its seeds",
        "runs.csv        0 rows: A run in its cell",
    ]
    assert " ".join(told[5:]).startswith(
        "There are no runs of the papers' experiments in nowhere, so cells and runs are"
    )
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "published.csv",
        "cells.csv",
        "runs.csv",
        "claims.csv",
        "croissant.json",
    }


def test_a_place_that_is_none(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "file" in refused("export", "file", "--results", "nowhere")
