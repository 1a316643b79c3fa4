"""What a training step takes under each choice of kernels, threads and compiler, for three networks.

    python -m benchmarks.steps [--rounds 3] [--only NETWORK] [--page]

A step is one of a trial: forward, loss, backward, update, and the making of the batch, on embedded digits. In a round,
all choices take turns; the first is the yardstick. Rounds are added to `benchmarks/results/steps.json`, and medians of
the ratios go into docs/training.md. It takes a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rectifiers import datasets
from rectifiers.experiments.cost import measure_speed
from rectifiers.experiments.trial import Trial
from rectifiers.papers.convrelu.images import CONVRELU, FIRST

from .marks import replace_between

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "steps.json"
PAGE = HERE.parent / "docs" / "training.md"

CHOICES: dict[str, dict[str, Any]] = {
    "reference": {"kernels": "reference"},
    "cpu": {"kernels": "cpu"},
    "cpu-fused": {"kernels": "cpu-fused"},
    "cpu-fused, 2 threads": {"kernels": "cpu-fused", "threads": 2},
    "compile": {"kernels": "reference", "compile": True},
}
"""By name: the fields of a trial. The first is the yardstick."""

NETWORKS: dict[str, tuple[dict[str, Any], dict[str, dict[str, Any]]]] = {
    "MNIST-Conv": (
        {"dataset": "digits-28", "network": "mnist-conv", "batch_size": 128},
        {"ReLU": {"activation": "relu"}, "AReLU": {"activation": "arelu"}},
    ),
    "DenseNet": (
        {
            "dataset": "digits-32",
            "network": "densenet-convrelu",
            "network_args": {"blocks": (2, 2, 2, 2), "growth": 8, "stem": 16},
            "batch_size": 64,
        },
        {"ReLU": {"activation": "relu"}, "ConvReLU in the first block": {**CONVRELU, "where": FIRST}},
    ),
    "ResNet-18": (
        {"dataset": "digits-32", "network": "resnet-18", "batch_size": 32},
        {"ReLU": {"activation": "relu"}, "AReLU": {"activation": "arelu"}},
    ),
}
"""By name: the trial's fields, and by function those that it changes."""


def measure(network: str, function: str, choice: str) -> float:
    """Milliseconds of a step."""
    common, functions = NETWORKS[network]
    trial = Trial.create(
        **{**common, "optimizer": "sgd", "lr": 0.1, "epochs": 1, **functions[function], **CHOICES[choice]}
    )
    return 1000 * measure_speed(trial, datasets.load(trial.dataset)).step


def table(facts: dict[str, Any]) -> Iterator[str]:
    """The lines of the page."""
    first = next(iter(CHOICES))
    yield f"| A step against that of `{first}` | {' | '.join(CHOICES)} |"
    yield "|:--|" + "--:|" * len(CHOICES)
    for network, functions in facts.items():
        for function, found in functions.items():
            base = found[first]
            ratios = [statistics.median(a / b for a, b in zip(found[name], base, strict=True)) for name in CHOICES]
            cells = [f"{statistics.median(base):.0f} ms", *(f"{ratio:.2f}" for ratio in ratios[1:])]
            yield f"| {network}, {function} | {' | '.join(cells)} |"


def page(text: str, facts: dict[str, Any]) -> str:
    """The page with the table in its place."""
    return replace_between(text, "steps", "\n".join(table(facts)) + "\n")


def main() -> None:
    """Measure, keep what was measured, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=NETWORKS, help="one network")
    parser.add_argument("--page", action="store_true", help="only write the page from the results")
    options = parser.parse_args()
    facts = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for _ in range(0 if options.page else options.rounds):
        for network in [options.only] if options.only else NETWORKS:
            round_: dict[str, dict[str, float]] = {}
            for choice in CHOICES:
                for function in NETWORKS[network][1]:
                    round_.setdefault(function, {})[choice] = measure(network, function, choice)
                    print(f"{network}, {function}, {choice}: {round_[function][choice]:.1f} ms", flush=True)
            # A round counts whole or not at all, so that what is divided by each other was measured together.
            for function, found in round_.items():
                for choice, step in found.items():
                    kept = facts.setdefault(network, {}).setdefault(function, {}).setdefault(choice, [])
                    kept.append(round(step, 2))
            RESULTS.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), facts), encoding="utf-8")


if __name__ == "__main__":
    main()
