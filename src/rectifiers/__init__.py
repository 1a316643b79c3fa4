"""Rectifier activation functions that learn: use them, swap them into a model, prove whether they help.

The functions' modules stand here by class name, `rectifiers.AReLU`, beside the names below. All are imported at
first use, so that the command line can answer `--help` without loading torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .core.version import __version__ as __version__

if TYPE_CHECKING:
    from . import functional as functional
    from . import lab as lab
    from . import testing as testing
    from .activations import create as create
    from .activations import list_activations as list_activations
    from .activations import register_activation as register_activation
    from .activations.classes import *  # noqa: F403
    from .analysis import diagnose as diagnose
    from .core.errors import RectifiersError as RectifiersError
    from .core.param_groups import param_groups as param_groups
    from .lab.comparing import compare as compare
    from .lab.comparison import Comparison as Comparison
    from .lab.costing import cost as cost
    from .surgery import Adapters as Adapters
    from .surgery import anneal as anneal
    from .surgery import base_state_dict as base_state_dict
    from .surgery import fold as fold
    from .surgery import load as load
    from .surgery import plan_swap as plan_swap
    from .surgery import save as save
    from .surgery.swap import swap as swap
    from .testing import check as check
    from .watching import find_sites as find_sites
    from .written import elementwise as elementwise

_HOME = {
    "Adapters": "surgery",
    "Comparison": "lab.comparison",
    "RectifiersError": "core.errors",
    "anneal": "surgery",
    "base_state_dict": "surgery",
    "check": "testing",
    "compare": "lab.comparing",
    "cost": "lab.costing",
    "create": "activations",
    "diagnose": "analysis",
    "elementwise": "written",
    "find_sites": "watching",
    "fold": "surgery",
    "list_activations": "activations",
    "load": "surgery",
    "param_groups": "core.param_groups",
    "plan_swap": "surgery",
    "register_activation": "activations",
    "save": "surgery",
    "swap": "surgery",
}
_MODULES = ("functional", "lab", "testing")


if not TYPE_CHECKING:  # A misspelt name is an error to type checkers, too.

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return importlib.import_module(f".{name}", __name__)
        if name in _HOME:
            return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
        if name == "__all__":
            return sorted([*_HOME, *_MODULES, *_classes()])
        if not name.startswith("_") and name in _classes():
            return getattr(importlib.import_module(".activations", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES, *_classes()})


def _classes() -> dict[str, str]:
    classes: dict[str, str] = importlib.import_module(".activations", __name__).CLASSES
    return classes
