"""Which task a data set sets."""

from __future__ import annotations

from ...datasets.examples import Examples
from ...datasets.slices import Slices
from .classification import Classification
from .segmentation import Segmentation
from .task import Task


def task_of(examples: Examples, patches: int = 1) -> Task:
    """The task that a split sets: masks are segmented, labels are guessed."""
    return Segmentation() if isinstance(examples, Slices) else Classification(patches)
