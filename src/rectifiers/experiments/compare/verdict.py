"""What a comparison comes to, in plain words: use it, do not, or cannot tell yet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ...core.wording import plural
from ...training.metrics import Measure
from ..statistics import FEWEST, PairedDifference, fewest_alike, more_pairs
from .campaign import Course
from .diverging import Diverging, count_diverging
from .sequential import share

Decision = Literal["use it", "do not", "cannot tell yet"]


@dataclass(frozen=True)
class Verdict:
    """What to do.

    Args:
        decision: in three words at most.
        best: label of the variant to use; empty where there is none.
        text: the reason, in a sentence or two.
        rows: label → what is to be said of it.
    """

    decision: Decision
    best: str
    text: str
    rows: Mapping[str, str]


def judge(
    course: Course,
    measure: Measure,
    baseline: str,
    *,
    controls: Sequence[str] = (),
    distrust: str = "",
    margin: float,
    significance: float = 0.05,
) -> Verdict:
    """Say what a comparison comes to.

    Args:
        course: how it went.
        measure: what was measured.
        baseline: label of the row that the others are compared with.
        controls: labels of rows that are there to be compared with.
        distrust: why the runs prove nothing; empty if they do.
        margin: difference that counts as equivalent.
        significance: the α of the tests.
    """
    words = Words(measure, baseline, margin, len(course.comparisons), course.looks, significance)
    rows = {label: words.row(one) for label, one in course.comparisons.items()}
    if distrust:
        return Verdict("cannot tell yet", "", distrust, {})
    contenders = {label: one for label, one in course.comparisons.items() if label not in controls}
    if not contenders:
        return Verdict("cannot tell yet", "", _too_little(course), rows)
    runs = {label: count_diverging(course.outcomes, label, baseline) for label in contenders}
    unreliable = {label: one for label, one in runs.items() if one.is_frequent(significance)}
    better = {label: one for label, one in contenders.items() if one.verdict == "better" and label not in unreliable}
    if better:
        sure = [label for label in better if not runs[label].is_doubtful(significance)]
        label = max(sure or better, key=lambda name: better[name].difference)
        rival = _strongest(course, controls)
        if rival and course.comparisons[rival].difference >= better[label].difference:
            text = (
                f"{label} is better than {baseline}, but {rival} alone gives as much: "
                f"{words.signed(course.comparisons[rival].difference)} against {words.signed(better[label].difference)}"
            )
            return Verdict("do not", "", text, rows)
        text = f"{label} is {rows[label]}"
        if runs[label].alone:
            text = f"{text}; but {runs[label].describe(baseline)}"
        if not sure:
            text = f"{text}, which leaves room for chance; more seeds would tell, and a smaller learning rate may help"
            return Verdict("cannot tell yet", "", text, rows)
        return Verdict("use it", label, text, rows)
    if not unreliable and all(not one.n for one in contenders.values()):
        return Verdict("cannot tell yet", "", "no variant has a run that finished where the baseline's did", rows)
    # What cannot be better by more than the margin is not worth more seeds.
    open_ones = {
        label: one
        for label, one in contenders.items()
        if label not in unreliable
        and (one.n < FEWEST or (one.verdict == "inconclusive" and (one.alike or not one.high <= margin)))
    }
    if not open_ones:
        if len(contenders) == 1:
            (label,) = contenders
            one = contenders[label]
            if label in unreliable:
                text = _unreliable(label, unreliable[label], one, words)
            elif one.verdict == "inconclusive":
                text = f"{label} is not better than {baseline} by more than {words.margin}: {words.found(one)}"
            else:
                text = f"{label} is {rows[label]}"
            return Verdict("do not", "", text, rows)
        text = f"none of {len(contenders)} is better than {baseline} by more than {words.margin}"
        if unreliable:
            told = [_unreliable(label, found, contenders[label], words) for label, found in unreliable.items()]
            text = "; ".join([f"{text} without diverging more often", *told])
        return Verdict("do not", "", text, rows)
    label = max(open_ones, key=lambda name: _difference(open_ones[name]))
    return Verdict("cannot tell yet", "", f"{label}: {rows[label]}", rows)


@dataclass(frozen=True)
class Words:
    """How differences of a measure are worded.

    Args:
        measure: what was measured.
        baseline: label of the row that the others are compared with.
        tolerance: difference that counts as none.
        family: how many rows are compared with it.
        looks: how often one has looked; 0 without a sequential rule.
        significance: the α of the tests.
    """

    measure: Measure
    baseline: str
    tolerance: float
    family: int
    looks: int
    significance: float = 0.05

    @property
    def unit(self) -> str:
        """Of a difference, with a blank before it."""
        return " points" if self.measure.unit == "%" else f" {self.measure.unit}" if self.measure.unit else ""

    @property
    def margin(self) -> str:
        """The difference that counts as none."""
        return f"{self.tolerance:.3g}{self.unit}"

    def number(self, value: float) -> str:
        """A score."""
        return f"{value:.2f}" if self.measure.unit == "%" else f"{value:.3g}"

    def signed(self, value: float) -> str:
        """A difference that was oriented, in the direction of the measure."""
        turned = value if self.measure.higher_is_better else -value
        text = f"{turned:+.2f}" if self.measure.unit == "%" else f"{turned:+.3g}"
        return text.replace("-", "−") + self.unit

    def size(self, value: float) -> str:
        """How large a difference is."""
        return self.number(value) + self.unit

    def interval(self, one: PairedDifference) -> str:
        """The interval of a difference."""
        ends = sorted(value if self.measure.higher_is_better else -value for value in (one.low, one.high))
        texts = [(f"{end:+.2f}" if self.measure.unit == "%" else f"{end:+.3g}").replace("-", "−") for end in ends]
        return f"[{texts[0]}, {texts[1]}]"

    def found(self, one: PairedDifference) -> str:
        """A difference, its interval, and from how many pairs."""
        return f"{self.signed(one.difference)} {self.interval(one)} of {self.measure.name}, {plural(one.n, 'pair')}"

    def row(self, one: PairedDifference) -> str:
        """What is to be said of one row."""
        if one.n < FEWEST:
            return f"{plural(one.n, 'pair')} of finished runs, too few to judge; {FEWEST} are the least"
        found = self.found(one)
        if one.verdict in ("better", "worse"):
            return f"{one.verdict} than {self.baseline}: {found}"
        if one.verdict == "equivalent":
            return f"no different from {self.baseline} by more than {self.margin}: {found}"
        if one.alike and abs(one.difference) < self.tolerance:
            least = fewest_alike(self.significance * self._spent)
            return f"{found}, all with the same difference: too few to judge; {least} are the least"
        return f"{found}; {self._why(one)}{self._more(one)}"

    def _why(self, one: PairedDifference) -> str:
        if one.low > 0 or one.high < 0:
            if self.family > 1:
                return (
                    f"the interval excludes 0, but {self.family} rows were compared, and corrected for that (Holm) p "
                    f"is {one.adjusted_p:.2g}"
                )
            over = "over all looks " if self.looks else ""
            return f"the interval excludes 0, but {over}p is {one.adjusted_p:.2g}"
        return "this may be chance"

    @property
    def _spent(self) -> float:
        """Which share of α the next look spends; all of it without a sequential rule."""
        return share(self.looks + 1) if self.looks else 1.0

    def _more(self, one: PairedDifference) -> str:
        """How many more seeds would show what."""
        more = more_pairs(one, self.tolerance, level=self.significance * self._spent / max(1, self.family))
        if more is None:
            return ""
        if more.pairs is None:
            return "; no number of seeds that one could run would show it"
        return f"; {plural(more.pairs, 'more seed')} would show a difference of {self.size(more.difference)}"


def _unreliable(label: str, runs: Diverging, one: PairedDifference, words: Words) -> str:
    """What to say of a contender that diverges more often than the baseline."""
    where = f"; where both finished: {words.found(one)}" if one.n >= FEWEST else ""
    return f"{label}: {runs.describe(words.baseline)}, which is more than chance{where}"


def _difference(one: PairedDifference) -> float:
    return -math.inf if math.isnan(one.difference) else one.difference


def _strongest(course: Course, controls: Sequence[str]) -> str:
    found = [label for label in controls if label in course.comparisons]
    return max(found, key=lambda label: _difference(course.comparisons[label]), default="")


def _too_little(course: Course) -> str:
    runs = plural(len(course.results), "run")
    return (
        f"the budget was spent before the best of the screening could be confirmed on fresh seeds ({runs}); give more"
    )
