"""Analyses of trained networks.

`doctor` finds what is wrong with the activations of a model on data (dead units, saturation, gradients) and says what
to do about it. `inside` shows what a network learned: parameters, filters, maps, invariance, and how two networks
differ. An analysis takes any model and any batches, reads them one by one, and returns numbers; `rectifiers.report`
draws them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .doctor.diagnosis import Diagnosis as Diagnosis
    from .doctor.examine import diagnose as diagnose
    from .doctor.recovery import Recovery as Recovery
    from .doctor.recovery import compare_diagnoses as compare_diagnoses
    from .doctor.watch import History as History
    from .doctor.watch import Watch as Watch
    from .inside.activation_maps import feature_maps as feature_maps
    from .inside.class_activation import grad_cam as grad_cam
    from .inside.comparison import compare_models as compare_models
    from .inside.correlation import outgoing_correlations as outgoing_correlations
    from .inside.invariance import invariance_scores as invariance_scores
    from .inside.pairing import filter_pairs as filter_pairs
    from .inside.parameters import parameter_histograms as parameter_histograms
    from .inside.rademacher import rademacher_bound as rademacher_bound
    from .inside.reconstruction import reconstruct as reconstruct

_HOME = {
    "Diagnosis": "doctor.diagnosis",
    "History": "doctor.watch",
    "Recovery": "doctor.recovery",
    "Watch": "doctor.watch",
    "compare_diagnoses": "doctor.recovery",
    "compare_models": "inside.comparison",
    "diagnose": "doctor.examine",
    "feature_maps": "inside.activation_maps",
    "filter_pairs": "inside.pairing",
    "grad_cam": "inside.class_activation",
    "invariance_scores": "inside.invariance",
    "outgoing_correlations": "inside.correlation",
    "parameter_histograms": "inside.parameters",
    "rademacher_bound": "inside.rademacher",
    "reconstruct": "inside.reconstruction",
}


if not TYPE_CHECKING:  # A misspelt name is an error to type checkers, too.

    def __getattr__(name: str) -> Any:
        if name in _HOME:
            return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
