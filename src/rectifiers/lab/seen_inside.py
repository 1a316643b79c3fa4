"""How what was seen inside of networks bears on a claim: by the intervals of each layer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ..core.wording import plural
from ..papers.claims import Bearing, Shown
from ..report.analyses.section import Section, SeedMean

ROUNDING = 1e-6
"""Smaller numbers of an analysis are those of single precision."""


def find_entries(sections: Sequence[Section], shows: Shown) -> list[SeedMean]:
    """The numbers of an analysis that bear on a claim: those of more than one network."""
    grids = (grid for section in sections if section.heading.startswith(shows.heading) for grid in section.grids)
    found = []
    for grid in grids:
        if shows.column in grid.head:
            index = grid.head.index(shows.column)
            rows = [row for row in grid.rows if not shows.rows or row[0] in shows.rows]
            found += [entry for row in rows if isinstance(entry := row[index], SeedMean) and entry.n > 1]
    return found


def judge_entries(entries: Sequence[SeedMean], shows: Shown) -> Bearing:
    """How the intervals of an analysis bear on a claim: all have to lie where it has them, and one can refute it."""
    above, below = (sum(side) for side in _sides(entries, shows))
    if shows.holds == "falling":
        first, last = entries[0], entries[-1]
        if first.high < last.low:
            return "against"
        falls = all(later.mean < earlier.mean for earlier, later in itertools.pairwise(entries))
        return "for" if falls and last.high < first.low else "undecided"
    if shows.holds == "level":
        return "against" if above or below else "undecided"
    here, there = (above, below) if shows.holds == "above" else (below, above)
    return "against" if there else "for" if here == len(entries) else "undecided"


def _sides(entries: Sequence[SeedMean], shows: Shown) -> tuple[list[bool], list[bool]]:
    return [entry.low > shows.than for entry in entries], [entry.high < shows.than for entry in entries]


def describe_entries(entries: Sequence[SeedMean], shows: Shown) -> str:
    """What an analysis shows, in words."""
    first, last = entries[0], entries[-1]
    networks = plural(min(entry.n for entry in entries), "network")
    if len(entries) == 1:
        return f"{shows.column}: {_interval(first)}, {networks}"
    places = f"{len(entries)} layers"
    if shows.holds == "falling":
        return f"{shows.column}: {_interval(first)} in the first of {places}, {_interval(last)} in the last, {networks}"
    above, below = (sum(side) for side in _sides(entries, shows))
    means = [entry.mean for entry in entries]
    return (
        f"{shows.column}: above {shows.than:g} in {above} of {places}, below it in {below}; "
        f"means from {_number(min(means))} to {_number(max(means))}, {networks}"
    )


def _interval(entry: SeedMean) -> str:
    return f"{_number(entry.mean)} [{_number(entry.low)}, {_number(entry.high)}]"


def _number(value: float) -> str:
    """A number of an analysis, in its unit; what is nothing but rounding is 0."""
    return f"{0.0 if abs(value) < ROUNDING else value:.3g}".replace("-", "−")
