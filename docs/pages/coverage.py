"""What the published results cover, as the package carries it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

from rectifiers.lab.coverage import SNAPSHOT as SNAPSHOT
from rectifiers.lab.coverage import Coverage, begun, count_cells
from rectifiers.papers import registry

from .published import RESULTS, has_cells, read_cells


def snapshot() -> str:
    """What the published results cover, as the package carries it: one table or figure per line."""
    lines = [
        f"{json.dumps(name)}: {json.dumps([asdict(one) for one in covered])}"
        for name in registry
        if (covered := begun(count_cells(registry.get(name), RESULTS) + _in_tables(name)))
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _in_tables(name: str) -> list[Coverage]:
    """The same of an experiment whose runs are too large to publish: its cells alone are, as CSV."""
    if not has_cells(name):
        return []
    published = {(cell.preset, cell.row, cell.column): cell.n for cell in read_cells(name)}
    experiment, found = registry.get(name), []
    for preset in experiment.presets:
        planned = experiment.cells(preset)
        wanted = Counter((cell.row, cell.column) for cell in planned)
        runs = {cell: published.get((preset, *cell), 0) for cell in wanted}
        whole = sum(runs[cell] >= wanted[cell] for cell in wanted)
        in_part = sum(map(bool, runs.values())) - whole
        # Columns show several measures of one run.
        rows: dict[str, int] = {}
        for (row, _column), n in runs.items():
            rows[row] = max(rows.get(row, 0), n)
        trials = len({cell.trial for cell in planned})
        found.append(Coverage(preset, len(wanted), whole, in_part, sum(rows.values()), trials))
    return found
