"""What the papers claim, judged by the published results: as a page, and as the package carries it."""

from __future__ import annotations

import importlib
import json
from functools import cache
from typing import Any

from rectifiers.core.wording import duration
from rectifiers.lab.claims import Judged, judge_claims
from rectifiers.papers import registry
from rectifiers.papers.claims import SNAPSHOT as SNAPSHOT
from rectifiers.papers.claims import count_statuses
from rectifiers.report.analyses.section import from_dict

from .published import DOCS, RESULTS, read_measured

PAGE = DOCS / "claims.md"

INTRODUCTION = """\
# What the papers claim, and what holds

<!-- Written by `make docs` from the papers' `claims.toml` and the published results; edit those. -->

**{statuses}.**

This page lists what the four papers claim, whether it holds, and what that answer rests on: runs in
[results](../results/README.md), analyses in [the gallery](gallery.md), or a test. `rectifiers list claims` prints the
same, with `--json` for programs; `rectifiers list claims --results runs` judges by your own runs.

- **reproduced**: run as published, and the 95 % interval of the difference, paired by seed, lies wholly on the
  claimed side of zero. For a claim that two functions are level, the 90 % interval lies within the experiment's
  margin.
- **contradicted**: run as published, and the 95 % interval lies wholly on the other side; for "level", wholly outside
  the margin.
- **at small scale only**: run at a smaller size, or in an experiment of ours: one that was made to decide the claim on
  small machines, or one whose network and training we chose, where the paper names neither. That settles nothing, but
  the table says which way it leans.
- **open**: not run, or run as published with an interval that leaves both answers possible.

How to read the table:

- **The direction** is what is judged: on which side of zero a difference lies, not whether it is as large as printed.
- **Mathematics and counting** are settled by a test.
- **An experiment of ours** also speaks against a claim if its interval excludes half of the published difference and
  everything beyond.
- **What is inside networks** is judged by the gallery: it speaks for a claim if the 95 % interval of every layer lies
  where the claim has it, and against it if that of any layer lies on the other side. That layers are level can be
  refuted in this way, but not shown. The numbers are in the units of the gallery.
- **Other data** than the claim's are named.
- **The command** repeats the runs that are shown. The cost beside it is always that of the published size, which
  would settle the claim. Where the paper has a single run of each kind, which has no interval, it takes more seeds.
- **Assumptions:** where a paper does not state its protocol, "as published" includes those listed with [its
  entry](papers.md).
- **Kernels:** runs with the kernels in C++, which round differently from the reference, count as well, and are named.
- **Ahead of all:** a row is ahead of several others only if it is ahead of each. What is shown is the best of them,
  picked after the runs, or the first that leaves the answer open. Chance favours the best of several, which works
  against a lead, and for being behind.
- **Many claims:** each is judged by itself; the intervals are not corrected for the number of claims.
"""


@cache
def judged() -> list[Judged]:
    """Judge the papers' claims by the published results and the gallery."""
    measured = read_measured("paper_presets")
    costs = {name: _cost(name, one["seconds"]) for name, one in measured.items()}
    analyses = {name: from_dict(found) for name, found in read_measured("gallery").items()}
    return judge_claims(RESULTS, analyses, costs)


def _cost(name: str, seconds: float) -> str:
    """What the published size of an entry takes: time, and the trained weights that it starts from."""
    weights = sorted({cell.trial.pretrained for cell in registry.get(name).cells("paper") if cell.trial.pretrained})
    time = f"about {duration(seconds)} with two workers"
    return f"{time}, from the weights {' and '.join(weights)}" if weights else time


def statuses() -> str:
    """How many claims have which status."""
    return count_statuses(one.to_dict() for one in judged())


def page() -> str:
    """The register of claims as a page."""
    parts = [INTRODUCTION.format(statuses=statuses())]
    for paper in dict.fromkeys(one.claim.paper for one in judged()):
        package = importlib.import_module(f"rectifiers.papers.{paper}")
        parts += [
            f"## {package.PAPER}\n",
            "| Claim | Status | What was found | Place, printed | Shown or settled by |",
            "|---|---|---|---|---|",
        ]
        parts += [_row(one) for one in judged() if one.claim.paper == paper] + [""]
    return "\n".join(parts)


def _row(one: Judged) -> str:
    claim = one.claim
    printed = f"{claim.place}: {claim.printed}" if claim.printed else claim.place
    how = f"`{one.command}`" + (f"; {one.cost}" if one.cost else "")
    cells = (claim.says, f"**{one.status}**", one.finding, printed, how)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def snapshot() -> str:
    """The register as the package carries it: one claim per line, numbers as far as all machines agree on them."""
    lines = ",\n".join(json.dumps(_rounded(one.to_dict()), ensure_ascii=False) for one in judged())
    return f"[\n{lines}\n]\n"


def _rounded(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in facts.items()}
