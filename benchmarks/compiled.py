"""BatchNorm and AReLU: what `torch.compile` makes of the composite, beside the kernel in eager mode.

    python benchmarks/compiled.py [--rounds 15] [--threads 1]

Inside a compiled region the composite runs, because the compiler fuses it with the operations around it; this measures
what that is worth. All variants take turns, forward and backward; ratios are to the kernel in eager mode, in processor
time.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import nn

from rectifiers import AReLU, kernels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    x = torch.randn(128, 64, 32, 32).requires_grad_()
    net, alone = nn.Sequential(nn.BatchNorm2d(64), AReLU()), AReLU()
    arms = {
        "batch norm, AReLU": (net, torch.compile(net)),
        "AReLU alone": (alone, torch.compile(alone)),
    }
    grad = torch.randn_like(x)
    for name, (eager, compiled) in arms.items():
        seconds: dict[str, list[float]] = {"kernel, eager": [], "composite, compiled": [], "composite, eager": []}
        for _ in range(options.rounds + 1):
            for arm, values in seconds.items():
                with kernels.using("reference" if arm == "composite, eager" else "auto"):
                    start = time.process_time()
                    (compiled if arm == "composite, compiled" else eager)(x).backward(grad)
                    values.append(time.process_time() - start)
                x.grad = None
        for arm, values in seconds.items():
            pairs = zip(values[1:], seconds["kernel, eager"][1:], strict=True)
            low, middle, high = statistics.quantiles((one / other for one, other in pairs), n=4)
            print(f"{name:18} {arm:20} {middle:.2f} [{low:.2f}, {high:.2f}]")


if __name__ == "__main__":
    main()
