"""The table of the agents."""

from __future__ import annotations

import json

from benchmarks.agents import PAGE, RESULTS, page


def test_the_page_has_what_was_measured() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text, json.loads(RESULTS.read_text(encoding="utf-8"))) == text


def test_rows_have_their_intervals() -> None:
    rows = {
        "as it is": {"scores": [0.5, 0.25], "middle": [0.375, 0.25, 0.5], "better": [50.0, 25.0, 75.0]},
        "crelu": {"scores": [0.75, 1.0], "middle": [0.875, 0.75, 1.0], "better": [100.0, 100.0, 100.0]},
    }
    lines = page("<!-- agents:begin -->\nold\n<!-- agents:end -->\nrest\n", rows).splitlines()
    assert lines[3] == "| ReLU | 2 | 0.38 [0.25, 0.50] |  |"
    assert lines[4] == "| CReLU | 2 | 0.88 [0.75, 1.00] | 100 [100, 100] |"
