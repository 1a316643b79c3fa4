"""Tensors are float32 on the processor where nobody says otherwise, whatever a script of the user's has set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch


@contextmanager
def usual_defaults() -> Iterator[None]:
    """Make float32 on the processor the default, and put back afterwards what it was.

    Example:
        >>> torch.set_default_dtype(torch.float64)
        >>> with usual_defaults():
        ...     torch.zeros(1).dtype
        torch.float32
        >>> torch.zeros(1).dtype
        torch.float64
        >>> torch.set_default_dtype(torch.float32)
    """
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    # As a mode it would cost time, and keep calls from the kernels, so it is one only where it has to be.
    place = nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu")
    try:
        with place:
            yield
    finally:
        torch.set_default_dtype(dtype)
