"""`rectifiers check`: a page, an exit code, and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

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
    assert "a in the formula 'x*tanh(a*x)' has no starting value" in refused("check", "x*tanh(a*x)")
    assert "'x*tanh(' is not a formula" in refused("check", "x*tanh(")
    assert "did you mean Mish" in refused("check", "torch.nn:Mihs")


@pytest.mark.slow
@pytest.mark.parametrize(("words", "name"), [("x*tanh(x)", "x*tanh(x)"), ("torch.nn:Mish", "Mish")])
def test_a_formula_and_a_module_of_a_package(cli: Cli, words: str, name: str) -> None:
    found = cli("check", words)
    assert found.code == 0, found.out
    assert found.out.startswith(f"{name}, activation: ")


def test_a_file_in_a_folder_with_blanks_is_named_as_a_shell_takes_it(cli: Cli) -> None:
    outcome = cli("new", "activation", "my_act", "--folder", "my acts")
    assert "  rectifiers check 'my acts/my_act.py:MyAct'\n  pytest 'my acts/test_my_act.py'\n" in outcome.out
