"""Time and memory of the rectifiers' kernels, as ratios to `nn.ReLU`.

    python benchmarks/kernels.py [--threads 1 2] [--rounds 15] [--json FILE]

One call is forward and backward. Every function is first compared with its composite in float64; then all take
turns, round by round, so that a machine that slows down slows all, and the median of the rounds' ratios is printed
with its quartiles. `copy` is a plain copy of the input: what memory alone costs. Bytes are what a call keeps for its
derivative beyond its output, per element of the input. CReLU's ratio is per element of its doubled output.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from rectifiers import activations, kernels

SIZES = {"8": (2, 4), "128x10x12x12": (128, 10, 12, 12), "128x64x32x32": (128, 64, 32, 32)}
FUNCTIONS = ("arelu", "elsa", "prelu", "leaky_relu", "adarelu", "crelu", "apl_arelu", "vlu", "pvlu", "sinerelu", "pau")
GOALS = {
    **dict.fromkeys(("arelu", "adarelu", "crelu", "apl_arelu", "prelu", "leaky_relu"), 1.1),
    **dict.fromkeys(("vlu", "pvlu"), 1.5),
    "pau": 2.0,
}


def build(channels: int) -> dict[str, nn.Module]:
    """The functions for layers and channels, and the yardsticks."""
    modules: dict[str, nn.Module] = {"nn.ReLU": nn.ReLU(), "nn.PReLU": nn.PReLU()}
    for name in FUNCTIONS:
        for share in ("layer", "channel") if activations.registry.get(name).spec.parameters else ("layer",):
            label = name if share == "layer" else f"{name}, channel"
            modules[label] = activations.create(name, share=share, channels=channels)
    return modules


def derive(module: nn.Module, x: Tensor, grad: Tensor) -> list[Tensor]:
    """Output and all gradients."""
    leaf = x.detach().requires_grad_()
    out = module(leaf)
    return [out.detach(), *torch.autograd.grad(out, [leaf, *module.parameters()], grad)]


def check(name: str, module: nn.Module, x: Tensor) -> None:
    """Compare with the composite in float64; the benchmark ends here if they differ."""
    grad = torch.randn_like(module(x))
    with kernels.using("reference"):
        expected = derive(deepcopy(module).double(), x.double(), grad.double())
    for found, truth in zip(derive(module, x, grad), expected, strict=True):
        scale = float(truth.abs().max().clamp(min=1))
        if not float((found - truth).abs().max()) <= 1e-5 * scale:
            raise SystemExit(f"{name} is wrong at {tuple(x.shape)}")


def bytes_kept(module: nn.Module, x: Tensor) -> float:
    """Bytes per element of the input kept for the derivative beyond the output itself."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        out = module(x)
    kept.pop(out.data_ptr(), None)
    return sum(kept.values()) / x.numel()


def stopwatch(module: nn.Module, x: Tensor, grad: Tensor, calls: int) -> Callable[[], float]:
    """A function that returns the seconds of one forward and backward pass."""
    leaves = [x, *module.parameters()]

    def seconds() -> float:
        elapsed = 0.0
        for _ in range(calls):
            for leaf in leaves:
                leaf.grad = None
            start = time.perf_counter()
            module(x).backward(grad)
            elapsed += time.perf_counter() - start
        return elapsed / calls

    return seconds


def measure(
    shape: tuple[int, ...], memory_format: torch.memory_format, rounds: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Seconds of every round, and bytes kept, per function."""
    x = torch.randn(shape).contiguous(memory_format=memory_format).requires_grad_()
    calls = max(1, min(200, 2_000_000 // x.numel()))
    watches: dict[str, Callable[[], float]] = {}
    kept = {}
    for name, module in build(shape[1]).items():
        check(name, module, x.detach())
        kept[name] = bytes_kept(module, x)
        watches[name] = stopwatch(module, x, torch.randn_like(module(x)), calls)

    def copy() -> float:
        start = time.perf_counter()
        for _ in range(calls):
            x.detach().clone()
        return (time.perf_counter() - start) / calls

    watches["copy"] = copy
    seconds: dict[str, list[float]] = {name: [] for name in watches}
    for watch in watches.values():
        watch()
    for _ in range(rounds):
        for name, watch in watches.items():
            seconds[name].append(watch())
    return seconds, kept


def ratios(name: str, seconds: dict[str, list[float]]) -> list[float]:
    """Quartiles of the ratio to `nn.ReLU`, round by round."""
    outputs = 2 if name == "crelu" else 1
    found = [one / relu / outputs for one, relu in zip(seconds[name], seconds["nn.ReLU"], strict=True)]
    return statistics.quantiles(found, n=4, method="inclusive")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "torch": torch.__version__,
        "kernels": kernels.status()["two_slopes"],
    }
    print(*(f"{key}: {value}" for key, value in machine.items()), sep="\n")
    records = []
    for size in arguments.sizes:
        shape = SIZES[size]
        formats = {"contiguous": torch.contiguous_format}
        if len(shape) == 4:
            formats["channels_last"] = torch.channels_last
        for threads in arguments.threads:
            torch.set_num_threads(threads)
            for layout, memory_format in formats.items():
                seconds, kept = measure(shape, memory_format, arguments.rounds)
                relu, copied = (statistics.median(seconds[name]) for name in ("nn.ReLU", "copy"))
                rate = 2 * 4 * torch.Size(shape).numel() / copied / 1e9
                print(f"\n{size}, {layout}, {threads} threads: nn.ReLU {1e6 * relu:.1f} µs, copy {rate:.1f} GB/s")
                for name in (*kept, "copy"):
                    low, middle, high = ratios(name, seconds)
                    goal = GOALS.get(name) if size == "128x64x32x32" else 2.0 if size == "8" and name in kept else None
                    record = {
                        "size": size,
                        "layout": layout,
                        "threads": threads,
                        "function": name,
                        "ratio": [round(low, 3), round(middle, 3), round(high, 3)],
                        "goal": goal,
                        "microseconds": round(1e6 * statistics.median(seconds[name]), 2),
                        "bytes_kept": kept.get(name),
                    }
                    records.append(record)
                    memory = f"{kept[name]:4.1f} B" if name in kept else ""
                    print(
                        f"  {name:<18} {middle:5.2f}  [{low:.2f}, {high:.2f}]  {memory:8}", f"≤ {goal}" if goal else ""
                    )
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps({"machine": machine, "records": records}, indent=1) + "\n")


if __name__ == "__main__":
    main()
