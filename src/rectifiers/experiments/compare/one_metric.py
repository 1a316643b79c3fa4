"""All runs of a comparison are judged by one metric: a user's training may return others from one run to the next."""

from __future__ import annotations

from ...core.errors import ConfigError
from ..result import Result
from .own_training import run_of
from .references import title
from .trial import OwnTrial


class OneMetric:
    """Holds the runs of a comparison to the metric of the first one that is seen, wherever and whenever they were made.

    Our own loop measures what the trial says, and is left out.
    """

    def __init__(self) -> None:
        self._first: Result | None = None

    def check(self, result: Result) -> None:
        """Make sure that a run has the metric of those before.

        Raises:
            ConfigError: it has another one.
        """
        trial = result.trial
        if not isinstance(trial, OwnTrial) or not trial.train:
            return
        self._first = first = self._first or result
        wanted, found = first.measure.name, result.measure.name
        if found != wanted:
            assert isinstance(first.trial, OwnTrial)
            raise ConfigError(
                f"{title(trial.train)} returned {found} in the run of {run_of(trial)}, and {wanted} in that of "
                f"{run_of(first.trial)}: runs are compared by one metric; return the same from every run, or say which "
                f"counts with metric={wanted!r}"
            )
