"""Measure what the call of a swapped function costs beside the plain call, where the code tells it apart and where not.

    python benchmarks/calls.py

The activation is this library's ReLU, so that what is measured is the way to it. Each net calls it twenty times on
eight numbers; times are medians of rounds that take turns, of one thread, in microseconds of processor time per call.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rectifiers

BLOCKS, CALLS, ROUNDS = 20, 50, 41


class Plain(nn.Module):
    """Calls the function in a line of its own, which a swap writes anew."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Call the function."""
        return F.relu(self.layer(x))


class Counted(Plain):
    """Lets something else call the function, so that its calls are counted."""

    def forward(self, x: Tensor) -> Tensor:
        """Have the function called."""
        return next(map(F.relu, (self.layer(x),)))


class Module(Plain):
    """Has the activation as a child."""

    def __init__(self) -> None:
        super().__init__()
        self.act = rectifiers.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Call the child."""
        y: Tensor = self.act(self.layer(x))
        return y


def build(block: Callable[[], nn.Module], *, swapped: bool) -> nn.Module:
    """Build a net, and swap its functions if asked to."""
    net = nn.Sequential(*(block() for _ in range(BLOCKS))).eval()
    if swapped:
        rectifiers.swap(net, "relu", example=torch.randn(1, 8))
    return net


def per_call(net: nn.Module, x: Tensor) -> float:
    """Return the microseconds of processor time that one block takes."""
    start = time.process_time()
    for _ in range(CALLS):
        net(x)
    return (time.process_time() - start) / (CALLS * BLOCKS) * 1e6


def main() -> None:
    torch.set_num_threads(1)
    x = torch.randn(1, 8)
    nets = {
        "function": build(Plain, swapped=False),
        "module in its place": build(Module, swapped=False),
        "swapped, by its place": build(Plain, swapped=True),
        "function, called by map": build(Counted, swapped=False),
        "swapped, counted": build(Counted, swapped=True),
    }
    times: dict[str, list[float]] = {name: [] for name in nets}
    with torch.no_grad():
        for _ in range(ROUNDS):
            for name, net in nets.items():
                times[name].append(per_call(net, x))
    for name, values in times.items():
        base = statistics.median(times["function, called by map" if name == "swapped, counted" else "function"])
        print(f"{name:24} {statistics.median(values):6.2f} µs  {statistics.median(values) - base:+6.2f}")


if __name__ == "__main__":
    main()
