"""`rectifiers cost`: the page, JSON, and mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Cli

CODE = """
from torch import nn


def make():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def smooth():
    return nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 2))


def gate():
    return nn.Sequential(nn.Linear(4, 8), nn.Sigmoid())
"""
PLAIN = ("--activations", "arelu,pvlu@first", "--input", "16,4", "--no-compile", "--no-export", "--rounds", "2")


@pytest.fixture
def model(tmp_path: Path) -> str:
    (tmp_path / "cost_nets.py").write_text(CODE)
    return "cost_nets:make"


def test_page(cli: Cli, model: str) -> None:
    outcome = cli("cost", model, *PLAIN)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("Sequential on 16×4; cpu, ")
    assert "pvlu@first" in outcome.out
    assert "measuring training step: arelu" in outcome.err


def test_json(cli: Cli, model: str) -> None:
    facts = json.loads(cli("cost", model, *PLAIN, "--threads", "1", "--set", "share=layer", "--json").out)
    assert facts["threads"] == 1
    assert [row["parameters"] for row in facts["rows"]] == [58, 60, 60]


def test_without_relu_what_stands_in_its_place(cli: Cli, refused: Callable[..., str], model: str) -> None:
    outcome = cli("cost", "cost_nets:smooth", *PLAIN, "--json")
    assert [row["parameters"] for row in json.loads(outcome.out)["rows"]] == [58, 60, 74]
    assert "(it has sigmoid); say which kinds with --from …" in refused("cost", "cost_nets:gate", *PLAIN)


def test_a_function_of_the_users_own(cli: Cli, model: str, own_file: Callable[..., Path]) -> None:
    outcome = cli("cost", model, *PLAIN, "--activations", "MyAct", "--with", f"{own_file()}:MyAct")
    assert outcome.code == 0, outcome.err
    assert "\nMyAct  " in outcome.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--activations", "arelu,"), "--activations needs names with commas"),
        (("--activations", "arleu"), "unknown activation 'arleu'; did you mean arelu"),
        (("--input", "16,x"), "--input needs sizes of at least 1 with commas"),
        (("--input", "16,4"), "Sequential fails on the example: TypeError"),
        (("--rounds", "1"), "--rounds must be at least 2, got 1"),
        (("--threads", "0"), "--threads must be at least 1, got 0"),
        (("--from", "gelu"), "has no gelu at 'all'; it has relu. Name other kinds with --from …"),
        (("--where", "0:2:0"), "the step of a slice must not be 0"),
        (("--set", "share"), "--set needs KEY=VALUE"),
    ],
)
def test_mistakes(refused: Callable[..., str], model: str, arguments: tuple[str, ...], message: str) -> None:
    assert message in refused("cost", model, *PLAIN, *arguments)
