"""Activations inside existing models: find the sites, swap and revert; anneal them to ReLU, and fold them away."""

from ..watching import Site, find_sites
from .adapters import Adapters
from .annealing import Annealing, anneal
from .carry.names import base_state_dict
from .carry.saving import load, save
from .folding import fold, plan_fold
from .select import Where, select
from .swap import NothingToSwapError, SwapReport, plan_swap, swap

__all__ = [
    "Adapters",
    "Annealing",
    "NothingToSwapError",
    "Site",
    "SwapReport",
    "Where",
    "anneal",
    "base_state_dict",
    "find_sites",
    "fold",
    "load",
    "plan_fold",
    "plan_swap",
    "save",
    "select",
    "swap",
]
