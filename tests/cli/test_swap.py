"""`rectifiers swap`: plans, checks, saves, models of other people, and mistakes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import rectifiers

from .conftest import Cli

CODE = """
import itertools
import os

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.relu, self.second, self.cap = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU6()

    def forward(self, x):
        return self.cap(self.second(self.relu(self.first(x))))


class Changing(Net):
    calls = itertools.count(1)

    def forward(self, x):
        return super().forward(x)[..., : next(self.calls)]


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.relu = nn.Embedding(2, 4), nn.ReLU()

    def forward(self, words, mask):
        return self.relu(self.table(words)) * mask.unsqueeze(-1)


class Home:
    factory = Net


def noisy():
    print("building")
    os.write(1, b"deep down\\n")
    return Net()


def fails():
    raise RuntimeError("no such weights")


def number():
    return 3


def nothing():
    return nn.Sequential(nn.Linear(2, 2))


model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
constant = 3
"""
BASE = ("--to", "pvlu", "--input", "1,3,8,8")


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path) -> Iterator[None]:
    """Modules in the working directory, imported anew by each test."""
    import sys

    (tmp_path / "nets.py").write_text(CODE)
    (tmp_path / "broken.py").write_text("import a_package_that_is_not_there")
    (tmp_path / "wrong.py").write_text("x = 1 +")
    yield
    for name in ("nets", "broken", "wrong"):
        sys.modules.pop(name, None)


def test_prints_the_plan_and_the_check(cli: Cli) -> None:
    outcome = cli("swap", "nets:Net", *BASE)
    assert outcome.code == 0
    heading, _, first, second, *rest = outcome.out.splitlines()
    assert heading.split() == ["site", "was", "becomes", "shape", "channels", "parameters", "start"]
    assert first.split() == ["relu", "relu", "PVLU", "1×4×6×6", "4", "+8", "exact"]
    assert second.split() == ["cap", "relu6", "PVLU", "1×5×4×4", "5", "+10", "exact"]
    assert rest == [
        "",
        "cap: keeps the cap at 6",
        "Net: 2 sites → PVLU, +18 parameters",
        "outputs on the example: identical",
    ]


@pytest.mark.parametrize("model", ["nets:model", "nets:Home.factory", "torchvision.models:vgg11"])
def test_models_factories_and_other_peoples(cli: Cli, model: str) -> None:
    size = "1,3,32,32" if "vgg" in model else "1,3,8,8"
    outcome = cli("swap", model, "--to", "prelu", "--where", "first", "--input", size)
    assert outcome.code == 0
    assert "1 site → PReLU, +1 parameters\noutputs on the example: identical" in outcome.out


def test_plan_only_changes_nothing(cli: Cli) -> None:
    outcome = cli("swap", "nets:Net", *BASE, "--plan-only")
    assert outcome.code == 0
    assert outcome.out.endswith("Net: 2 sites → PVLU, +18 parameters\n")


def test_for_programs(cli: Cli) -> None:
    facts = json.loads(cli("swap", "nets:Net", *BASE, "--json").out)
    assert facts["check"] == {"identical": True, "difference": 0.0}
    assert [change["site"] for change in facts["plan"]["changes"]] == ["relu", "cap"]
    assert facts["saved"] is None
    assert json.loads(cli("swap", "nets:Net", *BASE, "--json", "--plan-only").out)["check"] is None


def test_what_a_model_prints_is_not_among_the_json(cli: Cli, start: Callable[..., subprocess.Popen[str]]) -> None:
    outcome = cli("swap", "nets:noisy", *BASE, "--json", "--plan-only")
    assert json.loads(outcome.out)["check"] is None
    assert "building" in outcome.err
    assert "building" in cli("swap", "nets:noisy", *BASE, "--plan-only").out
    process = start("swap", "nets:noisy", *BASE, "--json", "--plan-only")
    out, err = process.communicate(timeout=300)
    assert json.loads(out)["check"] is None
    assert {"building", "deep down"} <= set(err.splitlines())


def test_outputs_that_are_not_comparable_are_said_to_be_in_json(cli: Cli) -> None:
    check = json.loads(cli("swap", "nets:Changing", *BASE, "--json").out)["check"]
    assert check["difference"] is None
    assert "the output has shape" in check["incomparable"]


@pytest.mark.parametrize(
    ("where", "sites"),
    [
        ("all", ["relu", "cap"]),
        ("last", ["cap"]),
        ("-1", ["cap"]),
        ("cap", ["cap"]),
        ("0:1", ["relu"]),
        ("::-1", ["relu", "cap"]),
        ("/^r/", ["relu"]),
        ("0,cap", ["relu", "cap"]),
        ("stage:1", ["cap"]),
        (" 0 , cap ", ["relu", "cap"]),
        ("0:1, last", ["relu", "cap"]),
    ],
)
def test_places(cli: Cli, where: str, sites: list[str]) -> None:
    facts = json.loads(cli("swap", "nets:Net", *BASE, "--where", where, "--json", "--plan-only").out)
    assert [change["site"] for change in facts["plan"]["changes"]] == sites


def test_settings_and_kinds(cli: Cli) -> None:
    arguments = ("--set", "share=layer", "--set", "cap=drop", "--from", "relu6,gelu")
    outcome = cli("swap", "nets:Net", *BASE, *arguments)
    assert outcome.code == 0
    assert "Net: 1 site → PVLU, +2 parameters" in outcome.out


def test_where_it_starts(cli: Cli) -> None:
    arguments = ("swap", "nets:Net", "--to", "arelu", "--input", "1,3,8,8", "--where", "first", "--json")
    starts = {}
    for start in ("published", "relu", "was"):
        (change,) = json.loads(cli(*arguments, "--start", start).out)["plan"]["changes"]
        starts[start] = change["start"]
    assert starts == {"published": "published", "relu": "near", "was": "near"}


def test_several_inputs_of_integers(cli: Cli) -> None:
    outcome = cli("swap", "nets:Words", "--to", "prelu", "--input", "2,5", "--input", "2,5", "--input-dtype", "long")
    assert outcome.code == 0
    assert "outputs on the example: identical" in outcome.out


def test_saves_what_load_reads_with_the_weights_given(cli: Cli, tmp_path: Path) -> None:
    torch.manual_seed(5)
    given = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    save_file(given.state_dict(), tmp_path / "given.safetensors")
    outcome = cli("swap", "nets:model", *BASE, "--weights", "given.safetensors", "--save", "swapped")
    assert outcome.code == 0
    assert outcome.out.endswith("saved: swapped\n")
    x = torch.randn(1, 3, 8, 8)
    expected = given(x)
    loaded = rectifiers.load(tmp_path / "swapped", nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    assert isinstance(loaded[1], rectifiers.PVLU)
    assert torch.equal(loaded(x), expected)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nets", *BASE], "expected package.module:factory, such as torchvision.models:resnet18, got 'nets'"),
        (["absent.nets:Net", *BASE], "No module named 'absent'; neither installed, nor in the working directory"),
        (["broken:Net", *BASE], "cannot import broken: ModuleNotFoundError: No module named 'a_package_that_is_not"),
        (["wrong:Net", *BASE], "cannot import wrong: SyntaxError"),
        (["nets:net", *BASE], "unknown name in nets 'net'; did you mean Net"),
        (["nets:Home.factor", *BASE], "did you mean factory"),
        (["nets:fails", *BASE], "nets:fails failed: RuntimeError: no such weights; it is called without arguments"),
        (["nets:number", *BASE], "nets:number returned something of type int; expected an nn.Module"),
        (["nets:constant", *BASE], "nets:constant is of type int; expected a model, or a function that makes one"),
        (
            ["nets:nothing", "--to", "pvlu", "--input", "1,2"],
            "Sequential has no relu or relu6 at 'all'; it has no activations. Name other kinds with --from …",
        ),
        (["nets:Net", "--to", "pvlo", "--input", "1,3,8,8"], "unknown activation 'pvlo'; did you mean pvlu"),
        (["nets:Net", "--to", "slu", "--input", "1,3,8,8"], "unknown activation 'slu'"),
        (["nets:Net", "--to", "pvlu", "--input", "1,5,8,8"], "Net fails on the example: RuntimeError"),
        (
            ["nets:Net", "--to", "pvlu", "--input", "1x3"],
            "--input needs sizes of at least 1 with commas, such as 1,3,224,224, got '1x3'",
        ),
        (["nets:Net", *BASE, "--input-dtype", "nn"], "--input-dtype needs a dtype of PyTorch"),
        (["nets:Net", *BASE, "--where", "relo"], "unknown activation site 'relo'; did you mean relu"),
        (["nets:Net", *BASE, "--where", "7"], "where=7 is out of range"),
        (["nets:Net", *BASE, "--where", "/(/"], "where='/(/' is not a regular expression"),
        (["nets:Net", *BASE, "--where", "0,"], "where='0,': expected all, first, last, R1, R2, R3, stage:N, a name"),
        (["nets:Net", *BASE, "--from", "rulu"], "unknown kind of activation 'rulu'; did you mean"),
        (["nets:Net", *BASE, "--set", "share"], "--set needs KEY=VALUE, such as share=layer, got 'share'"),
        (["nets:Net", *BASE, "--set", "=1"], "--set needs KEY=VALUE, such as share=layer, got '=1'"),
        (["nets:Net", *BASE, "--set", "share=all"], "'all'"),
        (["nets:Net", *BASE, "--set", "slope=1"], "unknown argument 'slope'"),
        (["nets:Net", *BASE, "--set", "where=1"], "--set cannot change where, which has an option"),
        (["nets:Net", *BASE, "--set", "start=relu"], "--set cannot change start, which has an option"),
        (["nets:Net", *BASE, "--set", "loader=1"], "--set cannot give a loader; use rectifiers.swap for it"),
        (["nets:Net", *BASE, "--start", "paper"], "unknown start 'paper'; known: added, published, relu, was"),
        (["nets:Net", *BASE, "--set", "freeze=weights"], "--set cannot change freeze, which concerns training"),
        (["nets:Net", *BASE, "--plan-only", "--save", "x"], "--plan-only changes nothing"),
        (["nets:Net", *BASE, "--weights", "absent"], "cannot read absent: No such file or directory"),
        (["nets:Net", *BASE, "--weights", "nets.py"], "nets.py is truncated, damaged or not a safetensors file"),
        (["nets:Net", *BASE, "--save", "nets.py"], "cannot write nets.py: File exists; choose another place"),
        (["nets:Net", *BASE, "--save", ""], "--save needs a folder, got ''; write . for the working directory"),
        (
            ["./nets.py:Net", *BASE],
            "expected a module, as in an import, and not a file, got './nets.py'; write nets:Net",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes(refused: Callable[..., str], arguments: list[str], line: str) -> None:
    assert line in refused("swap", *arguments)


def test_weights_of_another_model(refused: Callable[..., str], tmp_path: Path) -> None:
    save_file(nn.Linear(2, 2).state_dict(), tmp_path / "other.safetensors")
    assert "other.safetensors does not fit this Net: it has no first.weight" in refused(
        "swap", "nets:Net", *BASE, "--weights", "other.safetensors"
    )


def test_options_that_are_needed(cli: Cli) -> None:
    for arguments in (["nets:Net", "--to", "pvlu"], ["nets:Net", "--input", "1,3,8,8"], [*BASE]):
        assert cli("swap", *arguments).code == 2
