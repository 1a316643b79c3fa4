"""The table of what a step takes."""

from __future__ import annotations

import json

from benchmarks.steps import CHOICES, NETWORKS, PAGE, RESULTS, measure, page


def test_the_page_has_what_was_measured() -> None:
    text = PAGE.read_text(encoding="utf-8")
    facts = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert page(text, facts) == text
    assert facts.keys() == NETWORKS.keys()


def test_ratios_are_those_of_a_round() -> None:
    found = {choice: [10.0, 20.0, 40.0] for choice in CHOICES} | {"cpu": [5.0, 20.0, 20.0]}
    text = page("<!-- steps:begin -->\nold\n<!-- steps:end -->\nrest\n", {"Net": {"ReLU": found}})
    assert text.splitlines()[3].startswith("| Net, ReLU | 20 ms | 0.50 | 1.00 |")
    assert text.endswith("<!-- steps:end -->\nrest\n")


def test_a_step_is_measured() -> None:
    assert measure("MNIST-Conv", "AReLU", "reference") > 0
