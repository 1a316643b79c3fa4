"""Runs per minute of a sweep over MNIST-Conv, beside the customary way to train it, and where the time goes.

    python benchmarks/sweep.py --data-dir DATA [--rounds 1] [--activation arelu relu] [--workers 2]

A round takes about four minutes with the 19 functions of AReLU's tables, which are the default.

The yardstick is how such a table is usually made: one run after another with a `DataLoader` over
torchvision's MNIST, one image at a time through `ToTensor`, all cores in PyTorch's threads. Both train one epoch
of all 60,000 images in batches of 128 with SGD and test on all 10,000. Rounds alternate, so that a machine that
slows down slows both; the medians and the ratio of each round are printed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
import torchvision
from torch.nn import functional as F

from rectifiers import activations, networks
from rectifiers.experiments.experiment import Cell
from rectifiers.experiments.kernel_choice import choose_kernels
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.runner import run
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial
from rectifiers.papers.arelu.functions import FUNCTIONS

SHAPE = (1, 28, 28)


def mnist_loaders(data_dir: Path) -> dict[bool, torch.utils.data.DataLoader]:
    """Training (True) and test (False) images the customary way; torchvision wants them unpacked."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for packed in (data_dir / "MNIST" / "raw").glob("*.gz"):
            (raw / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
        to_tensor = torchvision.transforms.ToTensor()
        return {
            train: torch.utils.data.DataLoader(
                torchvision.datasets.MNIST(folder, train=train, transform=to_tensor), batch_size=128, shuffle=train
            )
            for train in (True, False)
        }


def yardstick(activation: str, loaders: dict[bool, torch.utils.data.DataLoader]) -> float:
    """Seconds of one run, training and test, the customary way."""
    start = time.perf_counter()
    net = networks.create("mnist-conv", lambda channels: activations.create(activation), shape=SHAPE, classes=10)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)
    net.train()
    for images, labels in loaders[True]:
        optimizer.zero_grad()
        F.nll_loss(F.log_softmax(net(images), dim=1), labels).backward()
        optimizer.step()
    net.eval()
    hits = 0
    with torch.no_grad():
        for images, labels in loaders[False]:
            hits += int((net(images).argmax(1) == labels).sum())
    return time.perf_counter() - start


def trial(activation: str, seed: int, kernels: str) -> Trial:
    """One run of the sweep."""
    return Trial.create(
        dataset="mnist",
        network="mnist-conv",
        activation=activation,
        optimizer="sgd",
        momentum=0.9,
        lr=1e-3,
        seed=seed,
        kernels=kernels,
    )


def sweep(functions: Sequence[str], data_dir: Path, workers: int, kernels: str) -> dict[str, float]:
    """Seconds per run of a sweep, one run per function, counted once all workers are at work."""
    marks: list[float] = []
    # A multiple of the workers, or the last training runs alone, which a sweep of hundreds would not notice.
    counted = -(-len(functions) // workers) * workers
    trials = [trial(functions[place % len(functions)], place, kernels) for place in range(counted + workers)]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run(
            [Cell(one.activation, "", one) for one in trials],
            Store(folder, "sweep"),
            workers=workers,
            data_dir=data_dir,
            on_progress=lambda progress: marks.append(time.perf_counter()) if progress.done else None,
        )
    steady = (marks[-1] - marks[workers - 1]) / (len(marks) - workers)
    return {"steady": steady, "start": marks[workers - 1] - start - steady * workers}


def profile(activation: str, data_dir: Path, kernels: str) -> str:
    """The operators that one run spends its time in."""
    chosen = trial(activation, 0, kernels)
    run_trial(chosen.model_copy(update={"train_size": 2560}), data_dir)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as recorded:
        run_trial(chosen.model_copy(update={"train_size": 12800}), data_dir)
    events = recorded.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    lines = [
        f"  {100 * event.self_cpu_time_total / total:5.1f} %  {event.key}"
        for event in sorted(events, key=lambda event: -event.self_cpu_time_total)[:12]
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("RECTIFIERS_DATA", "data")))
    parser.add_argument("--activation", nargs="+", default=[arm.settings["activation"] for arm in FUNCTIONS])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--kernels", help="of our runs; by default those that a table begun here has")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not any((arguments.data_dir / "MNIST" / "raw").glob("*.gz")):
        print(f"sweep: left out, for MNIST is not in {arguments.data_dir}; say where by --data-dir or RECTIFIERS_DATA")
        return
    kernels = arguments.kernels or choose_kernels([trial("relu", 0, "reference")]).name
    ratios, ours, theirs, starts = [], [], [], []
    loaders = mnist_loaders(arguments.data_dir)
    for _ in range(arguments.rounds):
        theirs.append(statistics.fmean(yardstick(name, loaders) for name in arguments.activation))
        measured = sweep(arguments.activation, arguments.data_dir, arguments.workers, kernels)
        ours.append(measured["steady"])
        starts.append(measured["start"])
        ratios.append(theirs[-1] / ours[-1])
    summary = {
        "functions": len(arguments.activation),
        "workers": arguments.workers,
        "kernels": kernels,
        "yardstick seconds per training": statistics.median(theirs),
        "sweep seconds per training": statistics.median(ours),
        "trainings per minute": 60 / statistics.median(ours),
        "start-up seconds": statistics.median(starts),
        "trainings in the yardstick's time": {
            "median": statistics.median(ratios),
            "min": min(ratios),
            "max": max(ratios),
        },
    }
    if arguments.json:
        print(json.dumps(summary, indent=2))
        return
    for name, value in summary.items():
        print(f"{name}: {value:.2f}" if isinstance(value, float) else f"{name}: {value}")
    print(f"where one run with {arguments.activation[-1]} spends its time:")
    print(profile(arguments.activation[-1], arguments.data_dir, kernels))


if __name__ == "__main__":
    main()
