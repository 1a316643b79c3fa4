"""Which functions an agent still learns with that plays one game after another: docs/examples/compare_agents.py.

    python -m benchmarks.agents [--seeds 10] [--runs runs] [--page]

It needs the extras `lab` and `rl`, and half a minute for each of six runs a seed. Runs are kept in `--runs`, from which
it continues; what they come to goes into `benchmarks/results/agents.json`, and from there into docs/plasticity.md.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .marks import replace_between

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "agents.json"
PAGE = ROOT / "docs" / "plasticity.md"

TITLES = {
    "as it is": "ReLU",
    "crelu": "CReLU",
    "prelu": "PReLU",
    "arelu": "AReLU",
    "pvlu": "PVLU",
    "tanh": "Tanh",
}
"""What the page calls the rows."""


def measure(seeds: int, runs: Path) -> dict[str, Any]:
    """Let the agents play; return what the example's own statistics make of it."""
    sys.path.insert(0, str(ROOT / "docs" / "examples"))
    agents = importlib.import_module("compare_agents")
    rows: dict[str, Any] = agents.summarise(agents.compare(seeds, results=runs))
    return rows


def table(rows: dict[str, Any]) -> Iterator[str]:
    """The lines of the page."""
    first = next(iter(rows))
    yield "| | runs | interquartile mean | better than ReLU, % of pairs |"
    yield "|:--|--:|--:|--:|"
    for label, row in rows.items():
        better = "" if label == first else _interval(row["better"], 0)
        yield f"| {TITLES[label]} | {len(row['scores'])} | {_interval(row['middle'], 2)} | {better} |"


def _interval(numbers: Sequence[float], digits: int) -> str:
    middle, low, high = (f"{number:.{digits}f}" for number in numbers)
    return f"{middle} [{low}, {high}]"


def page(text: str, rows: dict[str, Any]) -> str:
    """The page with the table in its place."""
    return replace_between(text, "agents", "\n".join(table(rows)) + "\n")


def main() -> None:
    """Measure, keep what was measured, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs", help="where the runs are kept")
    parser.add_argument("--page", action="store_true", help="only write the page from the results")
    options = parser.parse_args()
    if not options.page:
        RESULTS.write_text(json.dumps(measure(options.seeds, options.runs), indent=1) + "\n")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), json.loads(RESULTS.read_text())), encoding="utf-8")


if __name__ == "__main__":
    main()
