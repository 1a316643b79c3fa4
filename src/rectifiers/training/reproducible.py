"""The same bits each time, whatever ran before in the process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from ..core.defaults import usual_defaults
from ..core.generators import generators_put_back
from ..kernels import dispatch, using
from .process_state import restoring, set_autocast


@contextmanager
def reproducible(threads: int, kernels: str = "reference", *, keep_defaults: bool = False) -> Iterator[None]:
    """Fix everything outside a trial that could change its bits, and put that and what it changes back afterwards.

    Args:
        threads: that PyTorch uses meanwhile.
        kernels: the provider whose kernels formulas run on.
        keep_defaults: leave PyTorch's default dtype and device, autocast, and how exactly matrices are multiplied, as
            the user's script has set them, for models of their own are made and called under them; by default all are
            the usual ones.

    Raises:
        ConfigError: there are no such kernels here.
    """
    threads_before, flushed_before = torch.get_num_threads(), flushes_denormals()
    # Chosen by name, whatever is usual on this machine: kernels round differently from the composites.
    dispatch.require(kernels)
    defaults = nullcontext() if keep_defaults else usual_defaults()
    # A script may have turned gradients off, after it looked at something.
    with (
        restoring(),
        generators_put_back(),
        using(kernels),
        defaults,
        torch.inference_mode(False),
        torch.enable_grad(),
    ):
        torch.set_num_threads(threads)
        if not keep_defaults:
            # Scripts let matrices be multiplied in bfloat16 or TF32, and PyTorch does so on CPUs too.
            torch.set_float32_matmul_precision("highest")
            set_autocast(())
        # Momentum of dead units decays into denormal numbers, which cost a hundred times the time of others.
        torch.set_flush_denormal(True)
        try:
            yield
        finally:
            torch.set_flush_denormal(flushed_before)
            torch.set_num_threads(threads_before)


def flushes_denormals() -> bool:
    """Whether this thread computes with zero in place of denormal numbers; PyTorch can set this, but not tell it.

    Example:
        >>> flushes_denormals()
        False
    """
    smallest = torch.tensor(torch.finfo(torch.float32).tiny, dtype=torch.float32, device="cpu")
    # Read as an integer, for a comparison would flush a denormal number too.
    return int((smallest / 2).view(torch.int32)) == 0
