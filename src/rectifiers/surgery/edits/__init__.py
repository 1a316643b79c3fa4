"""The elementary alterations that a swap plan consists of, by the kind that its JSON names."""

from __future__ import annotations

from .absorb import AbsorbAffine, AbsorbOffset
from .calls import Distribute, Intercept
from .edit import Edit, Undo
from .fold import Fold
from .halve import Halve
from .plain import PutPlain
from .replace import Replace
from .rescale import Rescale
from .widen import Widen

__all__ = ["EDITS", "Edit", "Undo"]

_ALL: tuple[type[Edit], ...] = (Replace, Distribute, Intercept, Fold, Widen, Halve, Rescale)
_ALL += (PutPlain, AbsorbAffine, AbsorbOffset)
EDITS: dict[str, type[Edit]] = {edit.kind: edit for edit in _ALL}
