"""Activations inside existing models: find them, choose among them, plan, change, and change back."""

from .select import Where, select
from .sites import Site
from .swap import NothingToSwapError, SwapReport, find_sites, plan_swap, swap

__all__ = ["NothingToSwapError", "Site", "SwapReport", "Where", "find_sites", "plan_swap", "select", "swap"]
