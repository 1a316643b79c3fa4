"""What planning and applying a swap cost, measured on ResNet-152."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torchvision.models import resnet152

from rectifiers.surgery import plan_swap

from .result import Cost


def measure() -> Cost:
    """Measure time and memory of putting PVLU into ResNet-152."""
    model, x = resnet152().eval(), torch.randn(1, 3, 224, 224)
    times: dict[str, list[float]] = {"forward": [], "plan": [], "apply": []}
    for _ in range(3):
        with _clock(times["forward"]), torch.no_grad():
            model(x)
    peak = _largest_memory()
    for _ in range(3):
        with _clock(times["plan"]):
            plan = plan_swap(model, "pvlu", example=x, share="channel")
        with _clock(times["apply"]):
            applied = plan.apply(model)
        applied.revert()
    seconds = {name: statistics.median(rounds) for name, rounds in times.items()}
    return Cost(seconds, _largest_memory() - peak)


def _largest_memory() -> float:
    """Return the peak resident memory of this process in MiB; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def _clock(seconds: list[float]) -> Iterator[None]:
    """Append the processor time of the block; the wall clock would count what else the machine does."""
    start = time.process_time()
    yield
    seconds.append(time.process_time() - start)
