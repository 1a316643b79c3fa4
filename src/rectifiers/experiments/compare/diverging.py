"""Whether a row may be called better although runs of it diverged, which the means leave out.

A run that diverges is the worst outcome there is. So two sign tests are asked, seed by seed: whether the row diverges
more often than the baseline; and whether it is still better if each seed counts as won or lost, the diverged ones too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...core.wording import plural
from ..experiment import Cell
from ..result import Result
from ..statistics import sign_test
from .scores import oriented


@dataclass(frozen=True)
class Diverging:
    """How the runs of a row ended beside those of the baseline with the same seeds.

    Args:
        alone: seeds on which the row diverged, and the baseline did not.
        spared: seeds on which the baseline diverged, and the row did not.
        won: seeds on which the row was better, `spared` among them.
        lost: seeds on which it was worse, `alone` among them.
        runs: of the row.
    """

    alone: int
    spared: int
    won: int
    lost: int
    runs: int

    def is_frequent(self, significance: float) -> bool:
        """Whether the row diverges more often than the baseline, by more than chance.

        Example:
            >>> Diverging(5, 0, 0, 5, 5).is_frequent(0.05), Diverging(1, 0, 4, 1, 5).is_frequent(0.05)
            (True, False)
        """
        return sign_test(self.alone, self.spared) < significance

    def is_doubtful(self, significance: float) -> bool:
        """Whether a row that is better where it finished may not be so if the runs that diverged count, too.

        Example:
            >>> Diverging(1, 0, 4, 1, 5).is_doubtful(0.05), Diverging(1, 0, 19, 1, 20).is_doubtful(0.05)
            (True, False)
        """
        return self.alone > self.spared and not sign_test(self.won, self.lost) < significance

    def describe(self, baseline: str) -> str:
        """How many of its runs diverged where the baseline did not."""
        return f"{self.alone} of its {plural(self.runs, 'run')} diverged where {baseline} did not"


def count_diverging(
    outcomes: Sequence[tuple[Cell, Result | None]], label: str, baseline: str, *, validation: bool = False
) -> Diverging:
    """Count how the runs of a row ended beside the baseline's.

    Args:
        outcomes: the runs of a comparison.
        label: of the row.
        baseline: label of the row that it is compared with.
        validation: whether scores on validation data count, and not those on test data.
    """
    known = ((cell, result) for cell, result in outcomes if result is not None)
    scores = {(cell.row, cell.trial.seed): oriented(result, validation=validation) for cell, result in known}
    pairs = [(score, scores.get((baseline, seed))) for (row, seed), score in scores.items() if row == label]
    both = [(ours, theirs) for ours, theirs in pairs if theirs is not None]
    alone = sum(not math.isfinite(ours) and math.isfinite(theirs) for ours, theirs in both)
    spared = sum(math.isfinite(ours) and not math.isfinite(theirs) for ours, theirs in both)
    return Diverging(
        alone=alone,
        spared=spared,
        won=spared + sum(ours > theirs for ours, theirs in both),
        lost=alone + sum(ours < theirs for ours, theirs in both),
        runs=len(pairs),
    )
