"""PyTorch's generators of random numbers, put back after something was drawn from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def generators_put_back() -> Iterator[None]:
    """Put the processor's generator back afterwards, and those of the GPUs if any GPU is in use.

    By itself, `torch.random.fork_rng` starts all GPUs that there are, whether anybody computes on them or not: each
    process then holds memory on them, and several bring a warning. Generators of GPUs that nobody has started have the
    processor's seed, as `torch.manual_seed` gives it to all, and get that back.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> with generators_put_back():
        ...     drawn = torch.rand(1)
        >>> torch.equal(torch.rand(1), drawn)
        True
    """
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is None:
        with torch.random.fork_rng(devices=()):
            yield
        return
    gpus: Any = torch.get_device_module(accelerator)
    # That of MPS is there without a start.
    started = not hasattr(gpus, "is_initialized") or gpus.is_initialized()
    try:
        with torch.random.fork_rng(range(gpus.device_count()) if started else (), device_type=accelerator.type):
            yield
    finally:
        if not started:
            gpus.manual_seed_all(torch.initial_seed())
