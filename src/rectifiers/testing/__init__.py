"""The checks that every activation passes, as a library: for those of this package and for a user's own."""

from __future__ import annotations

from .checking import check
from .report import CheckReport, Outcome, Price

__all__ = ["CheckReport", "Outcome", "Price", "check"]
