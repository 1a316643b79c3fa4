"""`rectifiers check`: a page, an exit code, and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from .conftest import Cli

FORMULA = "from rectifiers import elementwise\n\nMine = elementwise('x*tanh(a*x)', a=1.0)\n"


def test_a_function_of_ones_own(cli: Cli, own_file: Callable[..., Path]) -> None:
    good = cli("check", f"{own_file(FORMULA)}:Mine")
    assert good.code == 0, good.out
    assert "✓ second derivatives" in good.out
    assert "× nn.ReLU" in good.out
    assert "f′(x)" in good.out
    bad = cli("check", f"{own_file()}:MyAct")
    assert bad.code == 1
    assert "✗ bfloat16" in bad.out
    assert "end with .to(x.dtype)" in bad.out


def test_json(cli: Cli) -> None:
    facts = json.loads(cli("check", "digits", "--json").out)
    assert (facts["kind"], facts["ok"], facts["price"]) == ("data set", True, None)


def test_a_mistake_is_one_line(refused: Callable[..., str]) -> None:
    assert "cannot read nowhere.py" in refused("check", "nowhere.py:Mine")
    assert "did you mean arelu" in refused("check", "arelo")
