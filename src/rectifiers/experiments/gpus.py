"""Several GPUs of one machine: each worker sees one of them, so that trials on `cuda` do not all take the first."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from .trial import Trial

VARIABLE = "CUDA_VISIBLE_DEVICES"


def spare_gpus(trials: Sequence[Trial]) -> list[str]:
    """The GPUs that workers are to be spread over, as CUDA names them; none where trials leave no choice.

    A trial on `cuda` takes whichever GPU there is; one on `cuda:1` means that one, and then nothing is spread.

    Example:
        >>> spare_gpus([])
        []
    """
    devices = {trial.device for trial in trials}
    if "cuda" not in devices or any(device.startswith("cuda:") for device in devices):
        return []
    # Counting does not occupy a GPU, as long as nothing is put there.
    count = torch.cuda.device_count()
    named = [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
    return (named or [str(number) for number in range(count)])[:count]


@contextmanager
def seeing(gpu: str | None) -> Iterator[None]:
    """Let processes that are started meanwhile see one GPU alone; None changes nothing."""
    if gpu is None:
        yield
        return
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = gpu
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
