"""Nodes of the graph in C++, which spare a call with a derivative the node in Python, and functions that spare it more.

They need more of PyTorch than its stable ABI has, so they are compiled for its exact version, beside kernels that were
compiled here, and never come in a wheel. Where they cannot be had, the node in Python serves, with the same bits.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from . import build

_loaded = False
_library: ctypes.PyDLL | None = None


def find_or_build(patience: float | None = None) -> Path | None:
    """Find the compiled nodes or build them; None where they cannot be had.

    Args:
        patience: as for `build.find_or_build`.
    """
    try:
        return build.find_or_build(build.NODES, patience=patience)[0]
    except build.BuildError:
        return None


def load(path: Path) -> None:
    """Load compiled nodes, whose operators have been declared."""
    global _loaded, _library
    try:
        torch.ops.load_library(path)
    except OSError:
        return
    _loaded = True
    _library = ctypes.PyDLL(str(path))


def function(
    name: str,
    options: tuple[int, ...],
    keeps: int,
    along: bool,
    most: int,
    listed: tuple[bool, ...],
    counts: tuple[int, ...],
) -> Callable[..., Any] | None:
    """What runs a formula on an input, its parameters and a `channel_dim`, or returns NotImplemented.

    It does what `ElementwiseFormula.run` does for tensors of the processor. None where nodes are made in Python, or
    where the compiler found no headers of Python.

    Args:
        name: of the formula.
        options: their values.
        keeps: what the derivative is computed from, as a number.
        along: whether its axis is always a dimension, and the parameters are the layer's.
        most: how many coefficients all parameters may have together; 0 for any number.
        listed: whether the first axis of a parameter counts coefficients.
        counts: how many of these a parameter must have; 0 for any number.
    """
    make = getattr(_library, "rectifiers_function", None) if _library else None
    if make is None:
        return None
    make.restype, make.argtypes = ctypes.py_object, (ctypes.py_object,)
    made: Callable[..., Any] = make((name, options, keeps, along, most, listed, counts))
    return made


def are_loaded() -> bool:
    """Whether calls on the processor make their nodes in C++."""
    return _loaded


def describe() -> str:
    """Where nodes are made."""
    return f"nodes in {'C++' if _loaded else 'Python'}"
