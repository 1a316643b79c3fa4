"""How many seeds of a small network are trained in an hour, as one computation and with a process for each.

    python benchmarks/seeds.py [--seeds 30] [--parts together,here,alone]

All are the same trials, timed from the start of a process to its end. `together` is one process that trains all
seeds as one computation, `here` one that trains one after the other, and `alone` a process for every seed, of which a
few are timed. Of the time of `alone` three seconds are the start of Python and PyTorch.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

TRIALS = {
    "regression": {
        "dataset": "slow-regression",
        "network": "mlp",
        "network_args": {"units": 5, "depth": 1},
        "activation": "relu",
        "optimizer": "adam",
        "lr": 0.01,
        "batch_size": 8,
        "train_size": 2_000,
        "epochs": 24,
        "phase_epochs": 1,
    },
    "permuted MNIST, 7×7": {
        "dataset": "permuted:mnist-7",
        "network": "mlp",
        "network_args": {"units": 32},
        "activation": "relu",
        "optimizer": "adam",
        "lr": 0.01,
        "batch_size": 16,
        "train_size": 1_600,
        "epochs": 30,
        "phase_epochs": 1,
    },
    "permuted MNIST, 28×28": {
        "dataset": "permuted:mnist",
        "network": "mlp",
        "activation": "relu",
        "optimizer": "adam",
        "lr": 0.001,
        "batch_size": 16,
        "train_size": 1_600,
        "epochs": 4,
        "phase_epochs": 1,
    },
}
ALONE = 3
"""Processes that are timed where each seed has one."""


def run(which: str, part: str, seeds: int) -> None:
    """What a process does."""
    from rectifiers.experiments.run_trial import run_together, run_trial
    from rectifiers.experiments.trial import Trial

    trial = Trial.create(**TRIALS[which], together=seeds if part == "together" else 0)
    trials = [trial.with_seed(seed) for seed in range(seeds)]
    if part == "together":
        run_together(trials)
    else:
        for one in trials:
            run_trial(one)


def seconds(which: str, part: str, seeds: int) -> float:
    """Time of a process, from its start to its end."""
    start = time.perf_counter()
    code = f"from benchmarks.seeds import run; run({which!r}, {part!r}, {seeds})"
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def main() -> None:
    """Print a line for each network and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--parts", default="together,here,alone")
    parser.add_argument("--only", choices=TRIALS, help="one network")
    arguments = parser.parse_args()
    for which in [arguments.only] if arguments.only else TRIALS:
        for part in arguments.parts.split(","):
            if part == "alone":
                took = sum(seconds(which, part, 1) for _ in range(ALONE)) / ALONE * arguments.seeds
            else:
                took = seconds(which, part, arguments.seeds)
            print(f"{which}, {part}: {3600 * arguments.seeds / took:,.0f} seeds an hour", flush=True)


if __name__ == "__main__":
    main()
