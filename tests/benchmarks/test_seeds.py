"""The table of seeds an hour."""

from __future__ import annotations

import json

from benchmarks.seeds import PAGE, RESULTS, page


def test_the_page_has_what_was_measured() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text, json.loads(RESULTS.read_text(encoding="utf-8"))) == text


def test_medians_make_rates_and_a_gain() -> None:
    facts = {"net": {"together": [60.0, 45.0, 50.0], "alone": [9.0, 10.0, 30.0], "here": [27.0]}}
    line = page("<!-- seeds:begin -->\nold\n<!-- seeds:end -->\nrest\n", facts).splitlines()[3]
    assert line == "| net | 360 | 400 | 2,160 | 6.0 × |"
