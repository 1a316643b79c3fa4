"""What a report says about the runs: their settings, and where they were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from ..core.wording import plural
from ..experiments.experiment import Arm
from ..experiments.result import Result
from ..experiments.trial import Trial

FEW = 4
"""Up to this many different values are listed one by one."""


@dataclass(frozen=True)
class SharedSetting:
    """A setting that all trials share.

    Args:
        name: field of the trial.
        value: its value, in words.
        meaning: what the field is.
    """

    name: str
    value: str
    meaning: str


@dataclass(frozen=True)
class ProvenanceFact:
    """One thing that the runs recorded about where and how they were made.

    Args:
        name: key; nested keys are joined by dots.
        values: the different values, each with the number of runs that have it, the most frequent first.
    """

    name: str
    values: Sequence[tuple[str, int]]

    @property
    def is_shared(self) -> bool:
        """Whether all runs have the same value."""
        return len(self.values) == 1

    @property
    def text(self) -> str:
        """The value, or the values with their counts; a range where there are many.

        Example:
            >>> ProvenanceFact("threads", [("1", 38), ("2", 2)]).text
            '1 (38 runs), 2 (2 runs)'
        """
        if self.is_shared:
            return self.values[0][0]
        if len(self.values) <= FEW:
            return ", ".join(f"{value} ({plural(count, 'run')})" for value, count in self.values)
        ordered = sorted((value for value, _ in self.values), key=_order)
        return f"{len(ordered)} different values, from {ordered[0]} to {ordered[-1]}"


def shared_settings(trials: Sequence[Trial]) -> list[SharedSetting]:
    """List the fields in which all trials agree, in the order of their definition."""
    if not trials:
        return []
    first = trials[0]
    values = first.model_dump(mode="json")
    return [
        SharedSetting(name, words(values[name]), (field.description or "").replace("`", ""))
        for name, field in type(first).model_fields.items()
        if len(set(map(attrgetter(name), trials))) == 1
    ]


def arm_settings(arms: Iterable[Arm], labels: Iterable[str]) -> list[tuple[str, str]]:
    """Give label and settings of each arm that takes part."""
    taking_part = set(labels)
    return [
        (arm.label, ", ".join(f"{name} = {words(value)}" for name, value in arm.settings.items()))
        for arm in arms
        if arm.label in taking_part
    ]


def provenance(results: Iterable[Result]) -> list[ProvenanceFact]:
    """Merge everything that the runs recorded about where and how they were made."""
    found: dict[str, list[str]] = {}
    for result in results:
        _collect(result.provenance, "", found)
    return [ProvenanceFact(name, Counter(values).most_common()) for name, values in found.items()]


def words(value: Any) -> str:
    """Write a setting's value as a reader expects it.

    Example:
        >>> words(None), words(True), words(1e-05), words({"alpha": 0.9}), words([])
        ('none', 'yes', '1e-05', 'alpha = 0.9', 'none')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {words(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(words, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _collect(facts: Mapping[str, Any], prefix: str, found: dict[str, list[str]]) -> None:
    """Add the facts of a run to those of the others, in words, by their names."""
    for name, value in facts.items():
        if isinstance(value, dict):
            _collect(value, f"{prefix}{name}.", found)
        else:
            found.setdefault(prefix + name, []).append(value if isinstance(value, str) else words(value))


def _order(value: str) -> tuple[int, float, str]:
    """Sort numbers by size, and the rest after them by text."""
    try:
        return 0, float(value), ""
    except ValueError:
        return 1, 0.0, value
