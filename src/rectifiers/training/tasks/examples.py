"""Which task a data set sets."""

from __future__ import annotations

from ...datasets.examples import Examples
from ...datasets.numbers import Numbers
from ...datasets.slices import Slices
from .classification import Classification
from .regression import Regression
from .segmentation import Segmentation
from .task import Task


def task_of(examples: Examples, patches: int = 1) -> Task:
    """The task that a split sets: masks are segmented, numbers are answered, labels are guessed."""
    if isinstance(examples, Numbers):
        return Regression(measure="explained variance")
    return Segmentation() if isinstance(examples, Slices) else Classification(patches)
