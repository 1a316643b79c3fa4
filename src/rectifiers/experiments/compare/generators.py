"""The generators that a user's code may draw from: PyTorch's, NumPy's and Python's, seeded and remembered together."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy
import torch


def seed_all(seed: int) -> None:
    """Seed all three.

    Example:
        >>> seed_all(3)
        >>> first = random.random(), float(torch.rand(()))
        >>> seed_all(3)
        >>> (random.random(), float(torch.rand(()))) == first
        True
    """
    torch.manual_seed(seed)
    random.seed(seed)
    numpy.random.seed(seed % 2**32)  # noqa: NPY002 - what users' code draws from


def states() -> tuple[Any, ...]:
    """Where all three are."""
    return torch.get_rng_state(), random.getstate(), numpy.random.get_state()  # noqa: NPY002


def restore(remembered: Any) -> None:
    """Put all three back to where they were."""
    torch.set_rng_state(remembered[0])
    random.setstate(remembered[1])
    numpy.random.set_state(remembered[2])  # noqa: NPY002


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed all three for the length of a `with`, and put them back afterwards."""
    outside = states()
    seed_all(seed)
    try:
        yield
    finally:
        restore(outside)
