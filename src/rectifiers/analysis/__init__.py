"""What a trained network does: its dead units, its learned parameters, and how two networks differ.

Each analysis works on any model and any batches, streams them, and gives numbers; `rectifiers.report` draws them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .activation_maps import feature_maps as feature_maps
    from .class_activation import grad_cam as grad_cam
    from .comparison import compare_models as compare_models
    from .correlation import outgoing_correlations as outgoing_correlations
    from .diagnosis import Diagnosis as Diagnosis
    from .doctor import diagnose as diagnose
    from .invariance import invariance_scores as invariance_scores
    from .pairing import filter_pairs as filter_pairs
    from .parameters import parameter_histograms as parameter_histograms
    from .rademacher import rademacher_bound as rademacher_bound
    from .reconstruction import reconstruct as reconstruct
    from .recovery import Recovery as Recovery
    from .recovery import compare_diagnoses as compare_diagnoses
    from .watch import History as History
    from .watch import Watch as Watch

_HOME = {
    "Diagnosis": "diagnosis",
    "History": "watch",
    "Recovery": "recovery",
    "Watch": "watch",
    "compare_diagnoses": "recovery",
    "compare_models": "comparison",
    "diagnose": "doctor",
    "feature_maps": "activation_maps",
    "filter_pairs": "pairing",
    "grad_cam": "class_activation",
    "invariance_scores": "invariance",
    "outgoing_correlations": "correlation",
    "parameter_histograms": "parameters",
    "rademacher_bound": "rademacher",
    "reconstruct": "reconstruction",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
