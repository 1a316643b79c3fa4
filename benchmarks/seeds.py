"""How many seeds of a small network are trained in an hour, as one computation and with a process for each.

    python -m benchmarks.seeds [--rounds 3] [--only NETWORK] [--page]

All are the same trials, timed from the start of a process to its end. `together` is one process that trains all seeds
as one computation, `alone` one that trains one seed, and `here` one that trains a few, one after the other. Rounds are
added to `benchmarks/results/seeds.json`, and their medians go into docs/plasticity.md. It takes a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .marks import replace_between

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "seeds.json"
PAGE = HERE.parent / "docs" / "plasticity.md"

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
SEEDS = {"together": 30, "alone": 1, "here": 3}
"""How many seeds a process trains."""


def run(which: str, part: str) -> None:
    """What a process does."""
    from rectifiers.experiments.run_trial import run_together, run_trial
    from rectifiers.experiments.trial import Trial

    trial = Trial.create(**TRIALS[which], together=SEEDS[part] if part == "together" else 0)
    trials = [trial.with_seed(seed) for seed in range(SEEDS[part])]
    if part == "together":
        run_together(trials)
    else:
        for one in trials:
            run_trial(one)


def seconds(which: str, part: str) -> float:
    """Time of a process, from its start to its end."""
    start = time.perf_counter()
    code = f"from benchmarks.seeds import run; run({which!r}, {part!r})"
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def table(facts: dict[str, dict[str, list[float]]]) -> Iterator[str]:
    """The lines of the page."""
    yield "| Seeds an hour, on one core | a process each | one after another | 30 as one computation | gain |"
    yield "|:--|--:|--:|--:|--:|"
    for which, parts in facts.items():
        rates = {part: 3600 * SEEDS[part] / statistics.median(parts[part]) for part in SEEDS}
        gain = f"{rates['together'] / rates['alone']:.1f} ×"
        yield f"| {which} | {rates['alone']:,.0f} | {rates['here']:,.0f} | {rates['together']:,.0f} | {gain} |"


def page(text: str, facts: dict[str, Any]) -> str:
    """The page with the table in its place."""
    return replace_between(text, "seeds", "\n".join(table(facts)) + "\n")


def main() -> None:
    """Measure, keep what was measured, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=TRIALS, help="one network")
    parser.add_argument("--page", action="store_true", help="only write the page from the results")
    options = parser.parse_args()
    facts = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for _ in range(0 if options.page else options.rounds):
        for which in [options.only] if options.only else TRIALS:
            for part in SEEDS:
                took = seconds(which, part)
                facts.setdefault(which, {}).setdefault(part, []).append(round(took, 2))
                print(f"{which}, {part}: {3600 * SEEDS[part] / took:,.0f} seeds an hour", flush=True)
            RESULTS.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), facts), encoding="utf-8")


if __name__ == "__main__":
    main()
