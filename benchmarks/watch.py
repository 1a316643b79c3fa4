"""What `rectifiers.analysis.Watch` adds to training, in processor time.

    python benchmarks/watch.py [--rounds 12]

Steps without a watch, with one that skips the batch and with one that examines it alternate, so that a machine that
slows down slows all three. A watched batch costs what the last takes more than the first; by default one batch in 50
is watched.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator

import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from rectifiers.analysis import Watch

EVERY = 50


def models() -> Iterator[tuple[str, nn.Module, tuple[int, ...]]]:
    """Nets of few and of many layers, cheap and dear, with the shape of a batch."""
    conv = [
        layer
        for inputs, outputs in ((3, 32), (32, 64), (64, 64))
        for layer in (nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    ]
    yield "three convolutions", nn.Sequential(*conv, nn.Flatten(), nn.Linear(1024, 10)), (64, 3, 32, 32)
    yield "ResNet-18", torchvision.models.resnet18(num_classes=10), (16, 3, 64, 64)
    hidden = [nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU()]
    yield "perceptron", nn.Sequential(*hidden, nn.Linear(512, 10)), (128, 784)


def measure(net: nn.Module, shape: tuple[int, ...], rounds: int) -> tuple[float, float, float]:
    """Median seconds of a step: unwatched, looked away from, watched."""
    inputs, labels = torch.randn(shape), torch.randint(10, shape[:1])
    optimizer = torch.optim.SGD(net.parameters(), 0.01)

    def step() -> float:
        start = time.process_time()
        optimizer.zero_grad()
        F.cross_entropy(net(inputs), labels).backward()
        optimizer.step()
        return time.process_time() - start

    times: tuple[list[float], list[float], list[float]] = ([], [], [])
    for _ in range(rounds):
        times[0].append(step())
        with Watch(net, every=2):
            # The first look finds the sites.
            step()
            times[1].append(step())
            times[2].append(step())
    return tuple(map(statistics.median, times))  # type: ignore[return-value]


def main() -> None:
    """Measure, and print a line for each net."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    for name, net, shape in models():
        plain, away, watched = measure(net, shape, rounds)
        cost = (watched - plain) / plain
        print(
            f"{name}: {1e3 * plain:.1f} ms a step, {1e3 * away:.1f} looked away from, {1e3 * watched:.1f} watched; one "
            f"in {EVERY} costs {100 * cost / EVERY:.2f} %"
        )


if __name__ == "__main__":
    main()
