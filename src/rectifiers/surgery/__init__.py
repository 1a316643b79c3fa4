"""Activations inside existing models: find them, choose among them, plan, change, and change back."""

from .swap import NothingToSwapError, SwapReport, find_sites, plan_swap, swap

__all__ = ["NothingToSwapError", "SwapReport", "find_sites", "plan_swap", "swap"]
