"""The generators that a user's code may draw from, seeded and remembered together.

They are PyTorch's, of the CPU and of GPUs, NumPy's and Python's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy
import torch


def seed_all(seed: int) -> None:
    """Seed all of them.

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
    """Where all of them are; GPUs that nothing was done on yet are left out."""
    on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return torch.get_rng_state(), random.getstate(), numpy.random.get_state(), on_gpus  # noqa: NPY002


def restore(remembered: Any) -> None:
    """Put all of them back to where they were."""
    torch.set_rng_state(remembered[0])
    random.setstate(remembered[1])
    numpy.random.set_state(remembered[2])  # noqa: NPY002
    if remembered[3]:
        torch.cuda.set_rng_state_all(remembered[3])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed all of them for the length of a `with`, and put them back afterwards."""
    outside = states()
    seed_all(seed)
    try:
        yield
    finally:
        restore(outside)
