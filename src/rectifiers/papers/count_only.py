"""The preset of tables that count parameters: networks are built, but not trained."""

from __future__ import annotations

from ..experiments.experiment import Preset

COUNT_ONLY = Preset(note="Counts without training: exact, in seconds.", seeds=1, comparable=True)
