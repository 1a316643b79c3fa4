"""Which part of a network a training trains."""

from __future__ import annotations

from typing import Literal

# Apart from what freezes the rest, since trials are read without PyTorch.
Trained = Literal[
    "all",
    "activations",
    "activations and norms",
    "activations, norms and head",
    "activations and head",
    "norms",
    "norms and head",
    "biases",
    "biases and head",
    "adapter",
    "adapter and head",
    "head",
]
