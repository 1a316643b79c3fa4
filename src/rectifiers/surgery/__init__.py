"""Activations inside existing models: find them, choose among them, plan, change, and change back."""

from .persist import load, save
from .select import Where, select
from .sites import Site
from .state import base_state_dict
from .swap import NothingToSwapError, SwapReport, find_sites, plan_swap, swap

__all__ = [
    "NothingToSwapError",
    "Site",
    "SwapReport",
    "Where",
    "base_state_dict",
    "find_sites",
    "load",
    "plan_swap",
    "save",
    "select",
    "swap",
]
