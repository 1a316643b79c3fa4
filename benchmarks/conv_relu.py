"""ConvReLU beside ReLU followed by a convolution: time of a forward and a backward pass.

    python benchmarks/conv_relu.py [--rounds 15] [--threads 2] [--cpu-time] [--output FILE]

Every result is first compared with the composite in float64. Then ReLU + convolution, contiguous and channels_last,
and ConvReLU take turns, so that a machine that slows down slows all; a row's ratio is ConvReLU's median over that of
the faster of the other two. `--cpu-time` counts the process's own processor seconds, on one thread, for a machine
that is not idle. `--output` keeps the numbers; a measurement with the same clock and threads replaces the older one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rectifiers.experiments.provenance import provenance
from rectifiers.kernels import conv_threshold, using

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Shape:
    """N samples of `channels` × `sides`, to `outputs` channels by a kernel of `taps` per axis."""

    batch: int
    channels: int
    outputs: int
    taps: int
    padding: int
    sides: tuple[int, ...]
    goal: str = "≤ 1.1"

    def __str__(self) -> str:
        size, kernel = ("×".join(map(str, axes)) for axes in (self.sides, (self.taps,) * len(self.sides)))
        return f"{self.batch}×{self.channels}→{self.outputs}, {size}, kernel {kernel}"


SHAPES = (
    Shape(64, 24, 12, 3, 1, (32, 32), "< 1.0"),
    Shape(64, 48, 12, 3, 1, (32, 32), "< 1.0"),
    Shape(64, 324, 48, 1, 0, (32, 32), "< 1.0"),
    Shape(64, 64, 64, 3, 1, (32, 32)),
    Shape(128, 128, 128, 3, 1, (16, 16)),
    Shape(128, 256, 256, 3, 1, (8, 8)),
    Shape(32, 256, 256, 7, 0, (334,)),
)


def arms(shape: Shape) -> tuple[list[Tensor], dict[str, tuple[Callable[[], Tensor], list[Tensor]]]]:
    """The tensors of ConvReLU, and what competes: how to compute it, and what is differentiated."""
    dims = len(shape.sides)
    convolution = F.conv1d if dims == 1 else F.conv2d
    kernel = (shape.taps,) * dims
    x = torch.randn(shape.batch, shape.channels, *shape.sides)
    weight = torch.randn(shape.outputs, shape.channels, *kernel) / (shape.channels * shape.taps**dims) ** 0.5
    threshold, bias = torch.randn(shape.channels, *kernel) / 4, torch.randn(shape.outputs)
    margins, ones = [(shape.padding, shape.padding)] * dims, (1,) * dims

    def plain(layout: torch.memory_format) -> tuple[Callable[[], Tensor], list[Tensor]]:
        leaves = [t.clone(memory_format=layout).requires_grad_() for t in (x, weight)]
        leaves.append(bias.clone().requires_grad_())
        return lambda: convolution(F.relu(leaves[0]), *leaves[1:], padding=shape.padding), leaves

    ours = [tensor.clone().requires_grad_() for tensor in (x, weight, threshold, bias)]
    found = {
        "contiguous": plain(torch.contiguous_format),
        "convrelu": (lambda: conv_threshold.convolve(*ours, ones, margins, ones, 1), ours),
    }
    if dims == 2:
        found["channels_last"] = plain(torch.channels_last)
    return ours, found


def check(shape: Shape, tensors: list[Tensor], compute: Callable[[], Tensor]) -> None:
    """Compare value and gradients with the composite in float64.

    Raises:
        SystemExit: they are off.
    """
    dims = len(shape.sides)
    settings = ((1,) * dims, (shape.padding,) * 2 * dims, (1,) * dims, 1)
    exact = [tensor.detach().double().requires_grad_() for tensor in tensors]
    out, expected = compute(), conv_threshold.composite(*exact, *settings)
    grad = torch.randn_like(out)
    found = [out.detach(), *torch.autograd.grad(out, tensors, grad)]
    truth = [expected.detach(), *torch.autograd.grad(expected, exact, grad.double())]
    worst = max(float((one - other).norm() / other.norm()) for one, other in zip(found, truth, strict=True))
    if not worst < TOLERANCE:
        raise SystemExit(f"{shape}: off by {worst:.1e}, expected less than {TOLERANCE:.0e}; nothing was timed")


def measure(shape: Shape, rounds: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Seconds of each arm's forward and backward pass, round by round."""
    tensors, competitors = arms(shape)
    check(shape, tensors, competitors["convrelu"][0])
    seconds: dict[str, list[float]] = {name: [] for name in competitors}
    grads = {name: torch.randn_like(compute().detach()) for name, (compute, _) in competitors.items()}
    for _ in range(rounds):
        for name, (compute, leaves) in competitors.items():
            start = clock()
            torch.autograd.grad(compute(), leaves, grads[name])
            seconds[name].append(clock() - start)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cpu-time", action="store_true")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    threads = 1 if options.cpu_time else options.threads
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    machine = {**provenance(), "load": load}
    rows = []
    clock = time.process_time if options.cpu_time else time.perf_counter
    with using("cpu"):
        heads = (("milliseconds, medians", -42), ("contiguous", 12), ("channels_last", 15), ("convrelu", 10))
        columns = (*heads, ("ratio", 8), ("spread", 14))
        print("".join(f"{head:<{-width}}" if width < 0 else f"{head:>{width}}" for head, width in columns))
        for shape in SHAPES:
            seconds = measure(shape, options.rounds, clock)
            ours, middle = seconds.pop("convrelu"), {}
            for name, values in seconds.items():
                middle[name] = statistics.median(values)
            yardstick = min(middle, key=lambda name: middle[name])
            ratios = sorted(one / other for one, other in zip(ours, seconds[yardstick], strict=True))
            quarter = len(ratios) // 4
            times = "".join(
                f"{1e3 * middle[name]:{width}.1f}" if name in middle else f"{'–':>{width}}"
                for name, width in (("contiguous", 12), ("channels_last", 15))
            )
            median = statistics.median(ours)
            print(
                f"{shape!s:42}{times}{1e3 * median:10.1f}{median / middle[yardstick]:8.2f}"
                f"{f'{ratios[quarter]:.2f}–{ratios[-1 - quarter]:.2f}':>14}",
                flush=True,
            )
            rows.append(
                {
                    "shape": str(shape),
                    "goal": shape.goal,
                    "milliseconds": {name: round(1e3 * value, 2) for name, value in middle.items()},
                    "convrelu": round(1e3 * median, 2),
                    "ratio": round(median / middle[yardstick], 3),
                    "quartiles": [round(ratios[quarter], 3), round(ratios[-1 - quarter], 3)],
                }
            )
    if options.output:
        run = {"clock": "CPU" if options.cpu_time else "wall", "threads": threads, "machine": machine, "rows": rows}
        keep(options.output, run)


def keep(path: Path, run: dict[str, Any]) -> None:
    """Add a run to those in a file, in the place of one with the same clock and threads."""
    others = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    runs = [other for other in others if (other["clock"], other["threads"]) != (run["clock"], run["threads"])] + [run]
    runs.sort(key=lambda run: (-run["threads"], run["clock"]))
    path.write_text(json.dumps(runs, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
