"""How many results a folder holds, without reading them. Imports the standard library alone: listings need it."""

from __future__ import annotations

from pathlib import Path

CARD = "store.json"
"""Stands in every folder that keeps the runs of an experiment."""


LOG = "log.txt"
"""Stands beside it: what happened in the runs, line by line."""

LOOKS = "looks.json"
"""Stands beside the runs of a comparison: how often one has looked at it."""


def count_results(folder: Path) -> int:
    """How many results there are in the folder of an experiment's runs, in files of their own and packed.

    Example:
        >>> count_results(Path("nowhere"))
        0
    """
    packed = sum(path.read_bytes().count(b"\n") for path in folder.glob("*.jsonl"))
    return packed + sum(1 for _ in folder.glob("*/result.json"))


def count_all_results(results: Path) -> dict[str, int]:
    """How many results there are in each folder of runs below `results`, by the name of the folder."""
    return {card.parent.name: count_results(card.parent) for card in sorted(results.glob(f"*/{CARD}"))}
