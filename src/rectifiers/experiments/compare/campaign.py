"""What is run for a comparison, in which order, and when it ends.

Without a budget every variant gets the same seeds. With one:

1. *Screening*, where there are several contenders: all are run on a few seeds; those that are not clearly worse than
   the best, by the rule in `racing`, on twice as many; until one is left, or another round would take more than half of
   what is left of the budget, and the best so far is taken. Validation data decide.
2. *Confirmation*: the contender that is left, and the baseline, on fresh seeds, so that what is reported of it is not
   what it was chosen for. Seeds go on, by the rule in `sequential`, until it is decided or the budget is spent.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Literal, Protocol

from ...core.errors import ConfigError
from ...core.wording import duration, plural
from ..experiment import Cell
from ..result import Result
from ..statistics import FEWEST, PairedDifference, compare, compare_family
from .budget import Budget, seconds_of
from .diverging import count_diverging
from .looked import Look, Looked
from .racing import clearly_worse
from .scores import oriented
from .sequential import compare_family_sequentially, looks
from .trial import OwnTrial
from .variants import Variant

FRESH = 1_000
"""First seed of the confirmation; screening and tuning use smaller ones."""

MOST_PAIRS = 200
"""At the last look at most."""

FIRST_RUNG = 2
"""Seeds of every contender in the first round of the screening."""

COLUMN = "test"
"""Label of the column that a comparison's table has."""

Stop = Literal["seeds", "decided", "budget"]
Outcomes = list[tuple[Cell, Result | None]]


class Make(Protocol):
    """Makes the trial of a variant and a seed; `chooses` says that it is there to choose by."""

    def __call__(self, variant: Variant, seed: int, *, chooses: bool = False) -> OwnTrial:
        """Make it."""


Execute = Callable[[Sequence[OwnTrial], float, str], None]
"""Runs trials, and begins none that would not end within that many seconds; the words say what they are for."""
Read = Callable[[OwnTrial], Result | None]


@dataclass(frozen=True)
class Dropped:
    """A contender that did not come to the confirmation.

    Args:
        label: of the variant.
        seeds: on how many it was run.
        difference: on average from the baseline, in the direction that is better.
        comparison: the same with its interval, on the data that screening looks at.
        best: the contender that it was compared with.
        behind: how far its mean was behind the best's, at least 0; NaN where none finished on a seed of the baseline's.
        clearly: whether that was more than chance.
        lost: on how many of these seeds it diverged and the baseline did not; 0 where others were no steadier.
    """

    label: str
    seeds: int
    difference: float
    comparison: PairedDifference
    best: str
    behind: float
    clearly: bool
    lost: int = 0


@dataclass
class Course:
    """How a comparison went.

    Args:
        before: runs that prepared it, or that earlier calls made of other contenders.
        outcomes: the runs that its table shows.
        comparisons: of each row with the baseline, oriented so that more is better.
        dropped: contenders that screening left behind.
        screened_on: what screening looked at: "validation" or "test"; empty where nothing was screened.
        screening: runs of the screening.
        taken: pairs at each look at what is confirmed, by the look's number; empty without a budget.
        looks: how often one has looked in all, in earlier calls and at other contenders too.
        stop: why it ended.
    """

    before: Outcomes = field(default_factory=list)
    outcomes: Outcomes = field(default_factory=list)
    comparisons: dict[str, PairedDifference] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    screened_on: str = ""
    screening: Outcomes = field(default_factory=list)
    taken: dict[int, int] = field(default_factory=dict)
    looks: int = 0
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
        paces: seconds of a run by label, where they were measured before.
        spent: seconds of the clock that are spent, from the runs that there are.
        confidence: of the intervals.
        most: seeds of the confirmation at most.
        looked: the looks of earlier calls.
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
    paces: Mapping[str, float] = field(default_factory=dict)
    spent: Callable[[Sequence[Result]], float] | None = None
    confidence: float = 0.95
    most: int = MOST_PAIRS
    looked: Looked = field(default_factory=Looked)

    def check(self, preparing: int = 0) -> None:
        """Make sure that the budget is enough for a verdict.

        Args:
            preparing: runs that are needed before.

        Raises:
            ConfigError: it is not.
        """
        if self.budget is None:
            return
        least = self.least + preparing
        if least > self.budget.runs:
            tuning = "the choice of learning rates, " if preparing else ""
            raise ConfigError(
                f"a budget of {self.budget} is too small: {tuning}screening and confirmation take {least} runs at "
                "least; give more, or compare fewer activations"
            )
        paces = [pace for pace in self.paces.values() if not math.isnan(pace)]
        seconds = least * fmean(paces) / self.workers if paces else 0.0
        # What an earlier call ran was paid for there.
        gone = self.spent(()) if self.spent is not None and self.read(self.first) is None else 0.0
        if seconds > self.budget.seconds - gone:
            preparations = f", and {duration(gone)} went into preparing them" if seconds <= self.budget.seconds else ""
            raise ConfigError(
                f"a budget of {self.budget} is too small: screening and confirmation take {least} runs at least, which "
                f"is about {duration(seconds)} here{preparations}; give more, take fewer epochs, or compare fewer "
                "activations"
            )

    def go(self, before: Outcomes) -> Course:
        """Run everything, or what the budget allows; what was run earlier counts, and is not run again.

        Args:
            before: runs that were needed to prepare the comparison, and count for its budget.

        Raises:
            ConfigError: the budget is too small for anything.
        """
        self.check()
        course = Course(before=before)
        return self._fixed(course) if self.budget is None else self._confirm(self._screen(course))

    @property
    def first(self) -> OwnTrial:
        """The trial that is run first."""
        contenders = sum(not row.control for row in self.others)
        if self.budget is None:
            return self.make(self.baseline, 0)
        return self.make(self.baseline, 0, chooses=True) if contenders > 1 else self.make(self.baseline, FRESH)

    @property
    def least(self) -> int:
        """Runs of the first round of the screening, if there is one, and of the smallest confirmation."""
        contenders = sum(not row.control for row in self.others)
        controls = len(self.others) - contenders
        screening = FIRST_RUNG * (1 + contenders) if contenders > 1 else 0
        return screening + FEWEST * (2 + controls)

    def _fixed(self, course: Course) -> Course:
        rows = (self.baseline, *self.others)
        self.execute([self.make(row, seed) for seed in range(self.seeds) for row in rows], math.inf, "")
        course.outcomes = self._outcomes(rows, range(self.seeds))
        values = self._values(course.outcomes)
        course.comparisons = compare_family(
            values, self.baseline.label, self._margin(course.outcomes), confidence=self.confidence
        )
        return course

    def _screen(self, course: Course) -> Course:
        """Leave out what is clearly worse until one is left, or a round would take too much of the budget."""
        alive = [row for row in self.others if not row.control]
        count = FIRST_RUNG
        while len(alive) > 1:
            rows = (self.baseline, *alive)
            trials = [self.make(row, seed, chooses=True) for seed in range(count) for row in rows]
            share = 0.5 if course.screening else 1.0
            if not self.affords(course, trials, share=share):
                if course.screening:
                    self._leave(course, alive, count // 2, one=True)
                break
            words = f"screening of {len(alive)} on {plural(count, 'seed')}"
            self.execute(trials, self._seconds_left(course, share=share), words)
            whole = self._whole(rows, range(count), chooses=True)
            course.screening = self._merge(course.screening, self._outcomes(rows, range(whole), chooses=True))
            if whole < count:
                # The time was up within the round; what it has in whole seeds counts.
                if whole >= FIRST_RUNG:
                    self._leave(course, alive, whole, one=True)
                break
            alive = self._leave(course, alive, count)
            count *= 2
        return course

    def _leave(self, course: Course, alive: Sequence[Variant], count: int, *, one: bool = False) -> list[Variant]:
        """Leave out what is clearly worse than the best after that many seeds, or all but the best.

        Where some diverged no more often than the baseline, the best is one of these, and the others are left out: they
        would be confirmed, and then not be recommended.
        """
        baseline = self.baseline.label
        outcomes = self._outcomes((self.baseline, *alive), range(count), chooses=True)
        validation = _has_validation(outcomes)
        course.screened_on = "validation" if validation else "test"
        values = self._values(outcomes, validation=validation)
        found = {row.label: compare(values[row.label], values[baseline], margin=0.0) for row in alive}
        means = {label: comparison.difference for label, comparison in found.items()}
        runs = {row.label: count_diverging(outcomes, row.label, baseline, validation=validation) for row in alive}
        steady = [row for row in alive if runs[row.label].alone <= runs[row.label].spared] or alive
        worse = clearly_worse(values, {row.label: means[row.label] for row in steady})
        best = max(steady, key=lambda row: -math.inf if math.isnan(means[row.label]) else means[row.label])
        kept = [row for row in steady if (row is best if one else row.label not in worse)] or [best]
        for row in alive:
            if row not in kept:
                label = row.label
                behind = max(means[best.label] - means[label], 0.0)
                course.dropped.append(
                    Dropped(
                        label,
                        count,
                        means[label],
                        found[label],
                        best.label,
                        behind,
                        clearly=label in worse,
                        lost=0 if row in steady else runs[label].alone,
                    )
                )
        return kept

    def _confirm(self, course: Course) -> Course:
        """Run what is left on fresh seeds until it is decided."""
        gone = {one.label for one in course.dropped}
        rows = (self.baseline, *(row for row in self.others if row.label not in gone))
        course.stop = "budget"
        if sum(not row.control for row in rows[1:]) > 1:  # the budget ended in the first round
            return course
        labels = tuple(row.label for row in rows)
        past = self.looked.past(self._key)
        course.looks = len(past)
        course.before = [*course.before, *self._confirmed_before(past, labels)]
        mine = {number: look.pairs for number, look in enumerate(past, start=1) if look.rows == labels}
        latest = max(mine.values(), default=0)
        new = ((0, pairs) for pairs in looks(self.seeds, most=self.most, after=latest))
        for known, planned in (*mine.items(), *new):
            # A first look at fewer seeds is better than none.
            counts = [planned] if known or course.taken else range(planned, FEWEST - 1, -1)
            count = next((one for one in counts if self.affords(course, self._fresh(rows, one))), 0)
            if not count:
                break
            self.execute(self._fresh(rows, count), self._seconds_left(course), f"confirmation, {plural(count, 'pair')}")
            whole = self._whole(rows, range(FRESH, FRESH + count))
            if whole < count and (known or course.taken or whole < FEWEST):
                break
            number = known or self.looked.note(self._key, Look(labels, whole))
            course.looks = max(course.looks, number)
            seeds = [FRESH + place for place in range(whole)]
            course.taken[number] = whole
            course.outcomes = self._outcomes(rows, seeds)
            course.comparisons = compare_family_sequentially(
                self._values(course.outcomes),
                self.baseline.label,
                seeds=seeds,
                taken=course.taken,
                margin=self._margin(course.outcomes),
                confidence=self.confidence,
            )
            if self._is_decided(course):
                course.stop = "decided"
                break
            if whole < planned:
                break
        else:
            course.stop = "seeds"  # there is no further look, whatever is left of the budget
        return course

    def _is_decided(self, course: Course) -> bool:
        """Whether more seeds would change nothing: a row that is better has to be so with its diverged runs, too."""
        return all(
            one.verdict in ("worse", "equivalent")
            or (one.verdict == "better" and not self._is_doubtful(course.outcomes, label))
            for label, one in course.comparisons.items()
        )

    def _is_doubtful(self, outcomes: Outcomes, label: str) -> bool:
        found, significance = count_diverging(outcomes, label, self.baseline.label), 1 - self.confidence
        return found.is_doubtful(significance) and not found.is_frequent(significance)

    def _confirmed_before(self, past: Sequence[Look], labels: Sequence[str]) -> Outcomes:
        """Runs of contenders that earlier calls confirmed and this one does not: they count for the budget, too."""
        rows = [row for row in self.others if row.label not in labels]
        pairs = {row.label: max((one.pairs for one in past if row.label in one.rows), default=0) for row in rows}
        return [pair for row in rows for pair in self._outcomes([row], range(FRESH, FRESH + pairs[row.label]))]

    @property
    def _key(self) -> str:
        """What stands for this comparison, whatever its budget."""
        ids = sorted(self.make(row, FRESH).id for row in (self.baseline, *self.others))
        return hashlib.sha256(" ".join(ids).encode()).hexdigest()[:16]

    def _fresh(self, rows: Sequence[Variant], count: int) -> list[OwnTrial]:
        return [self.make(row, FRESH + number) for number in range(count) for row in rows]

    def affords(self, course: Course, trials: Sequence[OwnTrial], *, share: float = 1.0) -> bool:
        """Whether a share of what is left of the budget is enough for those of these trials that were not run yet."""
        if self.budget is None:
            return True
        lacking = [trial for trial in trials if self.read(trial) is None]
        if not lacking:
            return True
        if not math.isfinite(self.budget.seconds):
            return len(lacking) <= share * (self.budget.runs - len(course.results))
        paces = self._paces(course)
        if not paces:
            return True
        usual = fmean(paces.values())
        needed = sum(paces.get(_kind(trial), usual) for trial in lacking) / self.workers
        return needed <= self._seconds_left(course, share=share)

    def _paces(self, course: Course) -> dict[Any, float]:
        """Seconds of a run, by what is run: as they were measured before, or as runs took."""
        rows = {row.label: _kind(self.make(row, 0)) for row in (self.baseline, *self.others)}
        paces = {rows[label]: pace for label, pace in self.paces.items() if not math.isnan(pace)}
        taken: dict[Any, list[float]] = {}
        for result in course.results:
            assert isinstance(result.trial, OwnTrial)
            taken.setdefault(_kind(result.trial), []).append(seconds_of(result))
        return paces | {kind: fmean(seconds) for kind, seconds in taken.items()}

    def _seconds_left(self, course: Course, *, share: float = 1.0) -> float:
        """Seconds of the clock that a share of what is left of the budget has."""
        assert self.budget is not None
        if not math.isfinite(self.budget.seconds):
            return math.inf
        spent = (
            sum(map(seconds_of, course.results)) / self.workers if self.spent is None else self.spent(course.results)
        )
        return share * (self.budget.seconds - spent)

    def _whole(self, rows: Sequence[Variant], seeds: Sequence[int], *, chooses: bool = False) -> int:
        """How many of these seeds, from the first on, were run for all rows."""
        return next(
            (
                place
                for place, seed in enumerate(seeds)
                if any(self.read(self.make(row, seed, chooses=chooses)) is None for row in rows)
            ),
            len(seeds),
        )

    def _outcomes(self, rows: Sequence[Variant], seeds: Sequence[int], *, chooses: bool = False) -> Outcomes:
        trials = [(row.label, self.make(row, seed, chooses=chooses)) for seed in seeds for row in rows]
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


def _has_validation(outcomes: Outcomes) -> bool:
    found = [result for _, result in outcomes if result is not None and result.status == "done"]
    return bool(found) and all(result.epochs[-1].validation_score is not None for result in found)


def _kind(trial: OwnTrial) -> tuple[Any, ...]:
    """What decides how long a run takes."""
    return trial.swaps, trial.change, trial.trained, trial.epochs
