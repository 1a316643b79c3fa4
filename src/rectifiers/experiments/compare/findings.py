"""What a comparison found, as a reader wants it: row by row, and what it comes to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from ...core.wording import plural
from ...speed.model_cost import ModelCost
from ...training.metrics import Measure
from ..result import Result
from ..statistics import PairedDifference, Summary, summarise
from .budget import Budget, seconds_of
from .campaign import Campaign, Course, Dropped, Outcomes, Stop
from .references import title
from .trial import OwnTrial
from .variants import Variant
from .verdict import Verdict, Words, judge


@dataclass(frozen=True)
class Row:
    """One variant, over its seeds.

    Args:
        variant: what was done to the model.
        summary: its scores.
        planned: how many runs it was to have.
        comparison: its difference from the baseline, oriented so that more is better; None for the baseline, and where
            the runs prove nothing.
        words: what is to be said of it; empty for the baseline.
        parameters: learnable numbers of the model; None if nothing was run.
        activation_parameters: those of its activations.
        seconds: of a run, on average; NaN if nothing was run.
    """

    variant: Variant
    summary: Summary
    planned: int
    comparison: PairedDifference | None
    words: str
    parameters: int | None
    activation_parameters: int | None
    seconds: float

    @property
    def label(self) -> str:
        """Of the variant."""
        return self.variant.label


@dataclass(frozen=True)
class Left:
    """A contender that screening left behind.

    Args:
        label: of the variant.
        words: on what, and by how much.
    """

    label: str
    words: str


@dataclass(frozen=True)
class Findings:
    """A comparison, read.

    Args:
        model: name of what makes the model.
        measure: what was measured.
        training: name of the user's training, which measured it; empty for the built-in loop.
        baseline: label of the first row.
        margin: difference that counts as none.
        rows: the baseline first.
        left: what screening left behind.
        screened_on: what screening looked at; empty where nothing was screened.
        verdict: what it comes to.
        code: the lines that put the winner in.
        notes: what else there is to know, in sentences without a full stop.
        taken: pairs at each look; empty without a budget.
        looks: how often one has looked in all, at other contenders too.
        stop: why it ended.
        budget: the limit, if there was one.
        seconds: of all runs together.
        runs: how many.
        costs: by label, the baseline's first; none where they were not measured.
    """

    model: str
    measure: Measure
    training: str
    baseline: str
    margin: float
    rows: tuple[Row, ...]
    left: tuple[Left, ...]
    screened_on: str
    verdict: Verdict
    code: str
    notes: tuple[str, ...]
    taken: tuple[int, ...]
    looks: int
    stop: Stop
    budget: Budget | None
    seconds: float
    runs: int
    costs: Mapping[str, ModelCost]

    @property
    def words(self) -> Words:
        """How its differences are worded."""
        return Words(self.measure, self.baseline, self.margin, max(0, len(self.rows) - 1), self.looks)

    @property
    def best(self) -> Variant:
        """What to use: the winner, or the model as it is."""
        return next((row.variant for row in self.rows if row.label == self.verdict.best), self.rows[0].variant)

    def rule(self) -> str:
        """How verdicts were reached, in a sentence that begins with what is better."""
        better = f"{'more' if self.measure.higher_is_better else 'less'} {self.measure.name} is better"
        paired = f"{better}; compared with {self.baseline}, paired by seed"
        within = f"equivalent if the difference lies within ±{self.words.margin}"
        if self.taken:
            looks = ", ".join(map(str, self.taken))
            return (
                f"{paired}, after {looks} pairs, by t-tests whose α of 5 % is spent over all looks: {within} (two "
                "one-sided tests, whose interval is narrower than the one shown); otherwise better or worse; "
                "otherwise inconclusive"
            )
        return (
            f"{paired}: {within} (90 % interval); otherwise better or worse if "
            "p < 0.05 after Holm's correction; otherwise inconclusive"
        )


def read_findings(
    campaign: Campaign,
    course: Course,
    common: OwnTrial,
    *,
    distrust: str = "",
    notes: Sequence[str] = (),
    example: str = "example",
    costs: Mapping[str, ModelCost] | None = None,
) -> Findings:
    """Read what a campaign found.

    Args:
        campaign: what was compared.
        course: how it went.
        common: what its trials share.
        distrust: why the runs prove nothing; empty if they do.
        notes: what else there is to know.
        example: the code of an example.
        costs: by label, the baseline's first.
    """
    results = course.results
    measure = results[0].measure if results else Measure("score")
    baseline = campaign.baseline.label
    shown = course.outcomes or course.screening
    scores = [result.value("final_epoch") for cell, result in shown if cell.row == baseline and result is not None]
    finite = [score for score in scores if math.isfinite(score)]
    margin = campaign.margin(finite, results[0]) if results else 0.0
    controls = [row.label for row in campaign.others if row.control]
    verdict = judge(course, measure, baseline, controls=controls, distrust=distrust, margin=margin)
    variants = {row.label: row for row in (campaign.baseline, *campaign.others)}
    present = [label for label in variants if any(cell.row == label for cell, _ in course.outcomes)]
    rows = tuple(
        _row(variants[label], course.outcomes, course, verdict, distrusted=bool(distrust)) for label in present
    )
    winner = variants.get(verdict.best, campaign.baseline)
    words = Words(measure, baseline, margin, len(course.comparisons), course.looks)
    return Findings(
        model=title(common.network),
        measure=measure,
        training=title(common.train) if common.train else "",
        baseline=baseline,
        margin=margin,
        rows=rows,
        left=tuple(Left(one.label, _left_behind(one, words, course.screened_on)) for one in course.dropped),
        screened_on=course.screened_on,
        verdict=verdict,
        code=winner.code("model", example),
        notes=(*notes, *_notes(course, shown)),
        taken=tuple(course.taken.values()),
        looks=course.looks,
        stop=course.stop,
        budget=campaign.budget,
        seconds=sum(map(seconds_of, results)),
        runs=len(results),
        costs=costs or {},
    )


def _left_behind(one: Dropped, words: Words, data: str) -> str:
    """On what a contender was left behind, by how much, and whether that was more than chance."""
    where = f"on {data} data after {plural(one.seeds, 'seed')}"
    if one.lost:
        return f"{one.lost} of its {plural(one.seeds, 'run')} diverged where the baseline did not, {where}"
    if math.isnan(one.behind):
        return f"no seed on which both it and the baseline finished {where}"
    if one.clearly:
        return f"clearly worse than {one.best} {where}, by {words.size(one.behind)}"
    if not one.behind:
        return f"level with {one.best} {where}; the rest of the budget went to the first of them"
    return (
        f"{words.size(one.behind)} behind {one.best} {where}, which may be chance; the rest of the budget went to one"
    )


def _row(variant: Variant, outcomes: Outcomes, course: Course, verdict: Verdict, *, distrusted: bool) -> Row:
    results = [result for cell, result in outcomes if cell.row == variant.label]
    found = [result for result in results if result is not None]
    values = [result.value("final_epoch") for result in found]
    return Row(
        variant=variant,
        summary=summarise([value for value in values if math.isfinite(value)], diverged=sum(map(_diverged, found))),
        planned=len(results),
        comparison=None if distrusted else course.comparisons.get(variant.label),
        words=verdict.rows.get(variant.label, ""),
        parameters=found[0].parameters if found else None,
        activation_parameters=found[0].activation_parameters if found else None,
        seconds=fmean(map(seconds_of, found)) if found else math.nan,
    )


def _diverged(result: Result) -> bool:
    return result.status == "diverged"


def _notes(course: Course, shown: Outcomes) -> list[str]:
    notes = []
    if course.screened_on == "test":
        notes.append(
            "screening looked at test data, because there are no validation data; what is reported comes from fresh "
            "seeds, but from the same test data"
        )
    diverged: dict[str, int] = {}
    for cell, result in shown:
        if result is not None and _diverged(result):
            diverged[cell.row] = diverged.get(cell.row, 0) + 1
    notes += [
        f"{label}: {count} of its runs diverged, or gave a metric that is not a number; they are left out of the means"
        for label, count in diverged.items()
    ]
    return notes
