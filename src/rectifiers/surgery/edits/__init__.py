"""The elementary alterations that a plan is made of, by the kind that stands in its JSON."""

from __future__ import annotations

from .calls import Distribute, Intercept
from .edit import Edit, Undo
from .fold import Fold
from .halve import Halve
from .replace import Replace
from .rescale import Rescale
from .widen import Widen

__all__ = ["EDITS", "Edit", "Undo"]

EDITS: dict[str, type[Edit]] = {
    edit.kind: edit for edit in (Replace, Distribute, Intercept, Fold, Widen, Halve, Rescale)
}
