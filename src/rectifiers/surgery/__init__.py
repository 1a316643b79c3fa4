"""Activations inside existing models: find them, choose among them, plan, change, and change back."""

from ..watching import Site, find_sites
from .carry.names import base_state_dict
from .carry.saving import load, save
from .select import Where, select
from .swap import NothingToSwapError, SwapReport, plan_swap, swap

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
