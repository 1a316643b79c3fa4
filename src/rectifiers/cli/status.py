"""`rectifiers status`: how far runs are, and who is at work on them."""

from __future__ import annotations

from .options import RESULTS, JsonOption, ResultsOption
from .output import print_json


def show_status(results: ResultsOption = RESULTS, as_json: JsonOption = False) -> None:
    """Show how far the runs of each experiment are, which processes are at work, and what each is doing."""
    from ..lab import status

    found = status(results)
    if as_json:
        print_json([one.to_dict() for one in found])
    else:
        print("\n".join(map(str, found)) or f"no runs in {results}")
