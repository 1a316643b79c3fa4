"""What is run for a comparison, in which order, and when it ends.

Without a budget every variant gets the same seeds. With one:

1. *Screening*, where there are several contenders: all are run on a few seeds, the better half on twice as many, until
   one is left. Who goes on is decided on validation data.
2. *Confirmation*: the contender that is left, and the baseline, on fresh seeds, so that what is reported of it is not
   what it was chosen for. Seeds go on, by the rule in `sequential`, until it is decided or the budget is spent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ...core.errors import ConfigError
from ..experiment import Cell
from ..result import Result
from ..statistics import FEWEST, PairedDifference, compare, compare_family
from .budget import Budget
from .sequential import compare_family_sequentially, looks
from .trial import OwnTrial
from .variants import Variant

FRESH = 1_000
"""First seed of the confirmation; screening and tuning use smaller ones."""

FIRST_RUNG = 2
"""Seeds of every contender in the first round of the screening."""

COLUMN = "test"
"""Label of the column that a comparison's table has."""

Stop = Literal["seeds", "decided", "budget"]
Outcomes = list[tuple[Cell, Result | None]]
Make = Callable[[Variant, int], OwnTrial]
Execute = Callable[[Sequence[OwnTrial]], None]
Read = Callable[[OwnTrial], Result | None]


@dataclass(frozen=True)
class Dropped:
    """A contender that did not come to the confirmation.

    Args:
        label: of the variant.
        seeds: on how many it was run.
        difference: on average from the baseline, in the direction that is better.
        comparison: the same with its interval, on the data that screening looks at.
        place: among the contenders of its last round, from 1.
        of: how many these were.
    """

    label: str
    seeds: int
    difference: float
    comparison: PairedDifference
    place: int
    of: int


@dataclass
class Course:
    """How a comparison went.

    Args:
        before: runs that prepared it.
        outcomes: the runs that its table shows.
        comparisons: of each row with the baseline, oriented so that more is better.
        dropped: contenders that screening left behind.
        screened_on: what screening looked at: "validation" or "test"; empty where nothing was screened.
        screening: runs of the screening.
        taken: seeds at each look of the confirmation; empty without a budget.
        stop: why it ended.
    """

    before: Outcomes = field(default_factory=list)
    outcomes: Outcomes = field(default_factory=list)
    comparisons: dict[str, PairedDifference] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    screened_on: str = ""
    screening: Outcomes = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    stop: Stop = "seeds"

    @property
    def results(self) -> list[Result]:
        """All runs that finished."""
        return [result for _, result in (*self.before, *self.screening, *self.outcomes) if result is not None]


@dataclass(frozen=True)
class Campaign:
    """What is compared, and by which rule it ends.

    Args:
        baseline: what the others are compared with.
        others: the other rows.
        make: the trial of a variant and a seed.
        execute: runs trials that the store does not have yet.
        read: what the store has of a trial.
        seeds: how many without a budget; with one, how many before the first look.
        budget: a limit; None for a fixed number of seeds.
        workers: runs at a time.
        margin: difference that counts as equivalent, from the scores of the baseline.
        confidence: of the intervals.
        most: seeds of the confirmation at most.
    """

    baseline: Variant
    others: tuple[Variant, ...]
    make: Make
    execute: Execute
    read: Read
    seeds: int
    budget: Budget | None
    workers: int
    margin: Callable[[Sequence[float], Result], float]
    confidence: float = 0.95
    most: int = 200

    def go(self, before: Outcomes) -> Course:
        """Run everything, or what the budget allows; what was run earlier counts, and is not run again.

        Args:
            before: runs that were needed to prepare the comparison, and count for its budget.

        Raises:
            ConfigError: the budget is too small for anything.
        """
        course = Course(before=before)
        if self.budget is not None and self._least > self.budget.runs:
            raise ConfigError(
                f"a budget of {self.budget} is too small: screening and confirmation take {self._least} runs at least"
            )
        return self._fixed(course) if self.budget is None else self._confirm(self._screen(course))

    @property
    def _least(self) -> int:
        """Runs of the first round of the screening, if there is one, and of the smallest confirmation."""
        contenders = sum(not row.control for row in self.others)
        controls = len(self.others) - contenders
        screening = FIRST_RUNG * (1 + contenders) if contenders > 1 else 0
        return screening + FEWEST * (2 + controls)

    def _fixed(self, course: Course) -> Course:
        rows = (self.baseline, *self.others)
        self.execute([self.make(row, seed) for seed in range(self.seeds) for row in rows])
        course.outcomes = self._outcomes(rows, range(self.seeds))
        values = self._values(course.outcomes)
        course.comparisons = compare_family(
            values, self.baseline.label, self._margin(course.outcomes), confidence=self.confidence
        )
        return course

    def _screen(self, course: Course) -> Course:
        """Halve the contenders until one is left, or half of the budget is spent."""
        alive = [row for row in self.others if not row.control]
        count = FIRST_RUNG
        while len(alive) > 1:
            rows = (self.baseline, *alive)
            trials = [self.make(row, seed) for seed in range(count) for row in rows]
            if course.screening and self._lacking(trials) > self._left(course) / 2:
                self._halve(course, alive, count // 2, keep=1)
                break
            self.execute(trials)
            course.screening = self._merge(course.screening, self._outcomes(rows, range(count)))
            alive = self._halve(course, alive, count, keep=len(alive) // 2)
            count *= 2
        return course

    def _halve(self, course: Course, alive: Sequence[Variant], count: int, *, keep: int) -> list[Variant]:
        """The better ones, the best first."""
        outcomes = self._outcomes((self.baseline, *alive), range(count))
        course.screened_on = "validation" if _has_validation(outcomes) else "test"
        values = self._values(outcomes, validation=course.screened_on == "validation")
        margin = self._margin(outcomes)
        found = {row.label: compare(values[row.label], values[self.baseline.label], margin=margin) for row in alive}

        def rank(row: Variant) -> float:
            difference = found[row.label].difference
            return -math.inf if math.isnan(difference) else difference

        ordered = sorted(alive, key=rank, reverse=True)
        kept = ordered[:keep]
        for place, row in enumerate(ordered, start=1):
            if row not in kept:
                comparison = found[row.label]
                course.dropped.append(Dropped(row.label, count, comparison.difference, comparison, place, len(ordered)))
        return kept

    def _confirm(self, course: Course) -> Course:
        """Run what is left on fresh seeds until it is decided."""
        gone = {one.label for one in course.dropped}
        rows = (self.baseline, *(row for row in self.others if row.label not in gone))
        seeds: list[int] = []
        course.stop = "budget"
        for count in looks(self.seeds, most=self.most):
            trials = self._fresh(rows, count)
            if course.results and self._lacking(trials) > self._left(course):
                # A first look at fewer seeds is better than none.
                count = int(self._left(course) // len(rows))
                if course.taken or count < FEWEST:
                    break
                trials = self._fresh(rows, count)
            self.execute(trials)
            seeds = [FRESH + number for number in range(count)]
            course.taken.append(count)
            course.outcomes = self._outcomes(rows, seeds)
            course.comparisons = compare_family_sequentially(
                self._values(course.outcomes),
                self.baseline.label,
                seeds=seeds,
                taken=course.taken,
                margin=self._margin(course.outcomes),
                confidence=self.confidence,
            )
            if all(one.verdict != "inconclusive" for one in course.comparisons.values()):
                course.stop = "decided"
                break
        return course

    def _fresh(self, rows: Sequence[Variant], count: int) -> list[OwnTrial]:
        return [self.make(row, FRESH + number) for number in range(count) for row in rows]

    def _lacking(self, trials: Sequence[OwnTrial]) -> int:
        """How many of these were not run yet."""
        return sum(self.read(trial) is None for trial in trials)

    def _left(self, course: Course) -> float:
        assert self.budget is not None
        return self.budget.left(course.results, self.workers)

    def _outcomes(self, rows: Sequence[Variant], seeds: Sequence[int]) -> Outcomes:
        trials = [(row.label, self.make(row, seed)) for seed in seeds for row in rows]
        return [(Cell(label, COLUMN, trial), self.read(trial)) for label, trial in trials]

    def _merge(self, before: Outcomes, more: Outcomes) -> Outcomes:
        return list({cell.trial: (cell, result) for cell, result in (*before, *more)}.values())

    def _values(self, outcomes: Outcomes, *, validation: bool = False) -> dict[str, dict[int, float]]:
        """Row → seed → score, turned so that more is better."""
        values: dict[str, dict[int, float]] = {}
        for cell, result in outcomes:
            values.setdefault(cell.row, {})[cell.trial.seed] = oriented(result, validation=validation)
        return values

    def _margin(self, outcomes: Outcomes) -> float:
        found = [result for cell, result in outcomes if cell.row == self.baseline.label and result is not None]
        scores = [result.value("final_epoch") for result in found]
        return self.margin([score for score in scores if math.isfinite(score)], found[0]) if found else 0.0


def oriented(result: Result | None, *, validation: bool = False) -> float:
    """The last score of a run, with the sign that makes more of it better; NaN where there is none."""
    if result is None or result.status == "diverged" or not result.epochs:
        return math.nan
    last = result.epochs[-1]
    score = last.validation_score if validation else last.test_score
    return math.nan if score is None else score if result.measure.higher_is_better else -score


def _has_validation(outcomes: Outcomes) -> bool:
    found = [result for _, result in outcomes if result is not None and result.status == "done"]
    return bool(found) and all(result.epochs[-1].validation_score is not None for result in found)
