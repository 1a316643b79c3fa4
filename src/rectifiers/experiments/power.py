"""The power calculation of an experiment, written down before it runs."""

from __future__ import annotations

from dataclasses import dataclass

from .statistics import POWER, detectable_in_spreads, pairs_needed


@dataclass(frozen=True)
class Power:
    """What an experiment must be able to see, and what that takes.

    Args:
        effect: the published difference between two rows, in percentage points.
        spread: standard deviation of the differences between paired runs that is expected, in percentage points.
        source: where that expectation comes from.
    """

    effect: float
    spread: float
    source: str

    def detectable(self, pairs: int) -> float:
        """The smallest true difference that this many pairs find with 80 % power, in percentage points.

        Example:
            >>> round(Power(1.0, 0.5, "a guess").detectable(10), 2)
            0.5
        """
        return detectable_in_spreads(pairs) * self.spread

    def suffices(self, pairs: int) -> bool:
        """Whether that many pairs would find half of the published difference."""
        return self.detectable(pairs) <= self.effect / 2

    def describe(self, pairs: int) -> list[str]:
        """Say what that many pairs can find, and how many would find half of the published difference.

        Example:
            >>> Power(1.0, 0.5, "a guess").describe(10)[1]
            'the published difference is 1.00 points; half of it takes 10 pairs'
        """
        needed = pairs_needed(self.effect / 2, self.spread)
        takes = "more pairs than anybody runs" if needed is None else f"{needed:,} pairs"
        return [
            f"{pairs} pairs find a difference of {self.detectable(pairs):.2f} points with {100 * POWER:g} % power, if "
            f"paired differences spread by {self.spread:g} points ({self.source})",
            f"the published difference is {self.effect:.2f} points; half of it takes {takes}",
        ]
