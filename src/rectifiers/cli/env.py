"""`rectifiers env`: what a run would find on this machine."""

from __future__ import annotations

from .options import DATA, RESULTS, DataOption, JsonOption, ResultsOption
from .output import print_json


def show_environment(
    data_dir: DataOption = DATA, results: ResultsOption = RESULTS, as_json: JsonOption = False
) -> None:
    """Show versions, devices, kernels, which data are there, and how many results."""
    from ..lab import describe_environment

    facts = describe_environment(data_dir, results)
    if as_json:
        print_json(facts)
        return
    for place, (heading, table) in enumerate(facts.items()):
        print(f"\n{heading}" if place else heading)
        longest = max(map(len, table))
        for key, value in table.items():
            print(f"  {key:<{longest}}  {', '.join(value) or 'none' if isinstance(value, list) else value}")
