"""What the papers claim, read from `claims.toml` beside each paper's tables.

place    where the paper says it
says     the claim, in our words
printed  the numbers it rests on, as printed
entry    the experiment that can settle it, with
row      the row that leads, or falls behind
over     the rows that it is held against; "*" stands for all others, of which the best counts; a row that only the
         paper has counts by its printed number
column   where
metric   what is compared, if it is not what the entry is read by
decide   an experiment of ours that was made to decide it on small machines, where the entry is too large: a table
         of its entry, row, over and column, and of a note where it differs in more than size
holds    "above" (the default), "below" or "level": how `row` stands to `over` if the claim is true
analysis instead of an entry: the entry whose analysis in `docs/gallery.md` bears on it, with
shows    what a table of the analysis shows, in each of its rows, if the claim is true; see `Shown`
tests    instead of both: the tests that check it, where it is a matter of mathematics or counting
bears    for tests: "for" (the default) or "against"
note     what a reader has to know about the answer
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Self

from ..core.errors import ConfigError
from ..core.wording import plural
from ..experiments.explain import explain
from ..experiments.result import Metric
from ..experiments.toml import read_toml

Holds = Literal["above", "below", "level"]
Bearing = Literal["for", "against", "undecided"]
Trend = Literal["above", "below", "level", "falling"]
Status = Literal["reproduced", "contradicted", "at small scale only", "open"]
STATUSES: tuple[Status, ...] = get_args(Status)

ALL = "*"
PAPERS = ("arelu", "convrelu", "crelu", "pvlu")
FILE = "claims.toml"
SNAPSHOT = Path(__file__).with_name("claims.json")
"""What the published results said about each claim when the documentation was last built."""


class Comparison(BaseModel):
    """A row of an experiment, what it is held against, and where; the top of this module says what the fields are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entry: str = Field(min_length=1)
    row: str = Field(min_length=1)
    over: tuple[str, ...] = Field(min_length=1)
    column: str = Field(min_length=1)
    metric: Metric | None = None


class Decision(Comparison):
    """A comparison in an experiment of ours; `note` says how it differs from the paper's in more than size."""

    note: str = ""


class Shown(BaseModel):
    """What a table of an analysis shows, in each of its rows, if a claim is true.

    Args:
        column: head of the column that counts.
        holds: where the 95 % intervals lie, "above" or "below" a number; "level", if none leaves it out; or "falling",
            if the means fall from row to row and the last interval lies below the first.
        than: the number.
        rows: labels of the rows that count; none means all.
        heading: of the section that has the table, where an analysis has several.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str = Field(min_length=1)
    holds: Trend = "above"
    than: float = 0.0
    rows: tuple[str, ...] = ()
    heading: str = ""


class Claim(BaseModel):
    """One claim of a paper; the top of this module says what its fields are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paper: Literal["arelu", "convrelu", "crelu", "pvlu"]
    place: str = Field(min_length=1)
    says: str = Field(min_length=1)
    printed: str = ""
    entry: str = ""
    row: str = ""
    over: tuple[str, ...] = ()
    column: str = ""
    metric: Metric | None = None
    decide: Decision | None = None
    holds: Holds = "above"
    analysis: str = ""
    shows: Shown | None = None
    tests: tuple[str, ...] = ()
    bears: Literal["for", "against"] = "for"
    note: str = ""

    @model_validator(mode="after")
    def _one_kind_of_evidence(self) -> Self:
        if sum(map(bool, (self.entry, self.analysis, self.tests))) != 1:
            raise ValueError("a claim has one of entry, analysis and tests")
        if bool(self.entry) != bool(self.row and self.over and self.column):
            raise ValueError("row, over and column go with an entry")
        if self.decide and not self.entry:
            raise ValueError("decide goes with an entry")
        if self.metric and not self.entry:
            raise ValueError("metric goes with an entry")
        if bool(self.analysis) != bool(self.shows):
            raise ValueError("an analysis goes with what it shows if the claim is true")
        return self

    @property
    def comparison(self) -> Comparison:
        """What is compared in the paper's entry."""
        return Comparison(entry=self.entry, row=self.row, over=self.over, column=self.column, metric=self.metric)


def load_claims(paper: str) -> list[Claim]:
    """Load the claims of a paper, in the order of its text.

    Raises:
        ConfigError: the file is not TOML, or a claim in it lacks something.

    Example:
        >>> load_claims("pvlu")[0].entry
        'pvlu/shallow'
    """
    path = Path(__file__).parent / paper / FILE
    tables: list[dict[str, Any]] = read_toml(path).get("claim", [])
    try:
        return [Claim(paper=paper, **table) for table in tables]  # type: ignore[arg-type]
    except (ValidationError, TypeError) as error:
        told = explain(error, FILE) if isinstance(error, ValidationError) else str(error)
        raise ConfigError(f"{path}: {told}") from None


def published_claims() -> list[dict[str, Any]]:
    """Read the register of claims as of the results that are published with this version.

    Returns:
        The fields of each claim, its status, what was found, the effect with its 95 % interval in percentage points,
        the number of pairs of runs, the command that shows it or would settle it, and what that takes.

    Example:
        >>> {claim["paper"] for claim in published_claims()} == set(PAPERS)
        True
    """
    listed: list[dict[str, Any]] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    return listed


def count_statuses(claims: Iterable[Mapping[str, Any]]) -> str:
    """Say how many claims there are, how many of each status, and how many of those a test settles.

    Example:
        >>> count_statuses([{"status": "reproduced"}, {"status": "reproduced", "tests": ["test"]}, {"status": "open"}])
        '3 claims: 2 reproduced (1 of them by tests), 0 contradicted, 0 at small scale only, 1 open'
    """
    found = [(claim["status"], bool(claim.get("tests"))) for claim in claims]

    def told(status: Status) -> str:
        by_tests, others = found.count((status, True)), found.count((status, False))
        how = "" if not by_tests else f" ({by_tests} of them by tests)" if others else " (by tests)"
        return f"{by_tests + others} {status}{how}"

    return f"{plural(len(found), 'claim')}: {', '.join(map(told, STATUSES))}"
