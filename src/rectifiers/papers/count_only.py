"""The size of tables that count parameters: networks are built and not trained."""

from __future__ import annotations

from ..experiments.experiment import Preset

COUNT_ONLY = Preset(note="Counted, not trained: exact, in seconds.", seeds=1, comparable=True)
