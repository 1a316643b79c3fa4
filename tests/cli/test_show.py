"""`rectifiers show`: activations, tables and other kinds, in words, as pictures and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Cli


def test_an_activation(cli: Cli) -> None:
    outcome = cli("show", "arelu")
    assert outcome.code == 0
    for fact in ("C(α)·x for x < 0", "Chen, Li, Xu (2020)", "alpha from 0.9, ReLU at 0.01", "f′(x)", "⠀"):
        assert fact in outcome.out


def test_an_activation_for_programs(cli: Cli) -> None:
    facts = json.loads(cli("show", "arelu", "--json").out)
    assert facts["name"] == "arelu"
    assert facts["kind"] == "activation"
    assert [parameter["name"] for parameter in facts["parameters"]] == ["alpha", "beta"]
    assert facts["kinks"] == [0.0]


def test_a_convolution_says_why_it_has_no_plot(cli: Cli) -> None:
    outcome = cli("show", "convrelu2d")
    assert outcome.code == 0
    assert "no plot" in outcome.out


@pytest.mark.parametrize(("suffix", "magic"), [("svg", b"<svg"), ("png", b"\x89PNG")])
def test_draws_to_a_file(cli: Cli, tmp_path: Path, suffix: str, magic: bytes) -> None:
    assert cli("show", "relu", "--plot", f"relu.{suffix}").code == 0
    assert (tmp_path / f"relu.{suffix}").read_bytes().startswith(magic)


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("mnist-conv", "12,930 parameters"),
        ("digits", "ready: yes"),
        ("npz", "npz:PATH"),
        ("quickstart", "baseline: ReLU"),
    ],
)
def test_other_kinds(cli: Cli, name: str, fact: str) -> None:
    assert fact in cli("show", name).out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["arelo"], "did you mean arelu"),
        (["digits", "--kind", "networks"], "unknown network 'digits'; did you mean digits-conv"),
        (["digits", "--kind", "network"], "did you mean networks"),
        (["digits", "--plot", "digits.svg"], "--plot draws activations"),
        (["relu", "--plot", "relu.pdf"], "--plot writes .svg or .png, got '.pdf'"),
        (["relu", "--plot", "nowhere/relu.svg"], "cannot write nowhere/relu.svg: No such file or directory"),
        (["convrelu2d", "--plot", "convrelu.svg"], "is not a function of one number"),
    ],
)
def test_mistakes(refused: Callable[..., str], arguments: list[str], line: str) -> None:
    assert line in refused("show", *arguments)


def test_a_table_shows_its_state_its_numbers_and_its_assumptions(cli: Cli) -> None:
    shown = cli("show", "crelu/table4").out
    assert "state: can run here: smoke; pocket needs data: tiny-imagenet; paper needs data: imagenet; " in shown
    assert "  AVR (conv1–4): top-1 41.12, top-5 19.25, top-1† 37.32, top-5† 16.49\n" in shown
    assert "deviations\n  - " in shown
    facts = json.loads(cli("show", "crelu/table1", "--json").out)
    assert facts["numbers"]["CReLU"]["CIFAR-10 Average"] == 9.39
    assert facts["plus_or_minus"]["CReLU"] == {"CIFAR-10 Average": 0.11, "CIFAR-100 Average": 0.12}


def test_a_table_that_waits_says_so_and_does_not_run(
    refused: Callable[..., str], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rectifiers import networks

    monkeypatch.delitem(networks.registry.table, "all-cnn-b")
    assert "state: waits for the network all-cnn-b" in cli("show", "crelu/table4").out
    for verb in ("run", "plan", "table", "report"):
        assert "crelu/table4 cannot run yet: it waits for the network all-cnn-b" in refused(verb, "crelu/table4")


def test_a_name_of_two_kinds(refused: Callable[..., str], cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from rectifiers import networks

    monkeypatch.setitem(networks.registry.table, "digits", networks.registry.table["digits-conv"])
    assert "'digits' is in networks and in datasets; say which, with --kind networks" in refused("show", "digits")
    assert "kind: data set" in cli("show", "digits", "--kind", "datasets").out
