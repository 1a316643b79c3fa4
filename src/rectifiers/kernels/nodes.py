"""Nodes of the graph in C++, which spare a call with a derivative the node in Python.

They need more of PyTorch than its stable ABI has, so they are compiled for its exact version, beside kernels that were
compiled here, and never come in a wheel. Where they cannot be had, the node in Python serves, with the same bits.
"""

from __future__ import annotations

from pathlib import Path

import torch

from . import build

_loaded = False


def find_or_build() -> Path | None:
    """Find the compiled nodes or build them; None where they cannot be had."""
    try:
        return build.find_or_build(build.NODES)[0]
    except build.BuildError:
        return None


def load(path: Path) -> None:
    """Load compiled nodes, whose operators have been declared."""
    global _loaded
    try:
        torch.ops.load_library(path)
    except OSError:
        return
    _loaded = True


def are_loaded() -> bool:
    """Whether calls on the processor make their nodes in C++."""
    return _loaded


def describe() -> str:
    """Where nodes are made."""
    return f"nodes in {'C++' if _loaded else 'Python'}"
