"""The formulas as PyTorch operators, `torch.ops.rectifiers`; providers bring the code behind them.

`NAME` is the operator with its derivative. `NAME_forward` computes the same and has none: a node of the graph calls it,
and is spared a second round through the dispatcher. Elementwise operators take the input, the parameters, the options,
and the axis that the parameters belong to (−1: one value for all; −2: one per element of a sample).
"""

from __future__ import annotations

import threading
from functools import cache

import torch

from .elementwise import ElementwiseFormula
from .formulas import VARIANTS

_library = torch.library.Library("rectifiers", "DEF")
_lock = threading.Lock()
_defined = False


def define() -> None:
    """Declare all operators, once."""
    global _defined
    with _lock:
        if _defined:
            return
        _defined = True
        for first, *_ in VARIANTS.values():
            for schema in first.schemas():
                _library.define(schema)
        for variants in VARIANTS.values():
            variants[0].register(_library, variants)


@cache
def define_for_nodes() -> None:
    """Declare what nodes in C++ need; once, before they are loaded."""
    for variants in VARIANTS.values():
        if isinstance(first := variants[0], ElementwiseFormula):
            for schema in first.node_schemas():
                _library.define(schema)
            first.register_composite(_library, variants)


def prepare_for_nodes() -> None:
    """Let formulas know of their nodes, once these are loaded."""
    for variants in VARIANTS.values():
        for variant in variants:
            if isinstance(variant, ElementwiseFormula):
                variant.prepare()
