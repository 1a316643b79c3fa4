"""`--with`: a user's own file on every verb, and what is said of one that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Cli

Write = Callable[..., Path]

SMALL = ("--preset", "smoke", "--seeds", "1", "--set", "epochs=1", "--set", "train_size=32")


def test_a_table_gets_a_row_beside_the_published_ones(cli: Cli, own_file: Write) -> None:
    mine = f"{own_file()}:MyAct"
    plan = json.loads(cli("plan", "arelu/table1", "--preset", "paper", "--with", mine, "--json").out)
    assert plan["trainings"] == 20 * 8 * 5
    table = json.loads(cli("table", "arelu/table1", "--preset", "paper", "--with", mine, "--format", "json").out)
    numbers = {cell["row"]: cell["published"] for cell in table["cells"] if cell["column"] == "Adam 1e-2"}
    assert (numbers["AReLU"], numbers["MyAct"]) == (98.0, None)
    assert list(numbers)[-1] == "MyAct"


def test_runs_tabulates_and_reports(cli: Cli, own_file: Write) -> None:
    mine = f"{own_file()}:MyAct"
    done = cli("run", "quickstart", *SMALL, "--with", mine, "--workers", "1", "--no-report")
    assert done.code == 0, done.err
    assert "4 of 4 runs finished" in done.out
    assert "MyAct" in cli("table", "quickstart", *SMALL, "--with", mine).out
    page = Path(cli("report", "quickstart", *SMALL, "--with", mine).out.strip()).read_text(encoding="utf-8")
    assert f"--with {mine}" in page
    assert "3 of 3 runs finished" in cli("table", "quickstart", *SMALL).out


def test_a_network_is_chosen_by_its_name(cli: Cli, refused: Callable[..., str], own_file: Write) -> None:
    net = own_file(
        "from rectifiers.networks.digits_conv import DigitsConv\n\n\nclass Mine(DigitsConv):\n    'Mine.'\n",
        "my_net.py",
    )
    chosen = cli("plan", "quickstart", *SMALL, "--with", net, "--set", "network=Mine")
    assert "Mine on digits" in chosen.out
    line = refused("plan", "quickstart", *SMALL, "--with", net)
    assert "no run of quickstart uses the network Mine; choose it with --set 'network=Mine'" in line


def test_verbs_that_take_names_know_it(cli: Cli, own_file: Write) -> None:
    mine = f"{own_file()}:MyAct"
    assert "MyAct  " in cli("list", "activations", "--with", mine).out
    shown = cli("show", "MyAct", "--with", mine, "--plot", "mine.svg")
    assert "x·σ(a·x)." in shown.out
    assert "<svg" in Path("mine.svg").read_text(encoding="utf-8")
    swapped = cli("swap", "torchvision.models:squeezenet1_1", "--to", "MyAct", "--with", mine, "--input", "1,3,32,32")
    assert "→ MyAct, +26 parameters" in swapped.out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = (", "is not Python"),
        ("raise ValueError('no luck')", "line 1, raises ValueError: no luck; correct the file"),
        ("", "defines nothing to use; expected a module class"),
        ("def f(x): ...\ndef g(x): ...", "defines f, g; say which, such as"),
        ("def relu(x): return x", "there is an activation called 'relu' already; give yours another in the file"),
        ("def f(x): raise ValueError('of x')", "f fails on a batch of images (2, 4, 3, 3) with ValueError: of x"),
    ],
    ids=["syntax", "raises", "nothing", "two", "taken", "fails"],
)
@pytest.mark.parametrize("verb", [("plan", "quickstart"), ("show", "f"), ("list",)], ids=lambda words: words[0])
def test_one_line_says_what_is_wrong(
    refused: Callable[..., str], own_file: Write, verb: tuple[str, ...], content: str, message: str
) -> None:
    line = refused(*verb, "--with", own_file(content))
    assert message in line
    assert line.count("\n") == 1


def test_a_file_that_is_not_there(refused: Callable[..., str]) -> None:
    assert "cannot read nowhere.py: No such file" in refused("run", "quickstart", "--with", "nowhere.py:Mine")


def test_compare_takes_it(cli: Cli, own_file: Write, tmp_path: Path) -> None:
    (tmp_path / "model_of_mine.py").write_text(
        "from torch import nn\n\n\ndef make():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.ReLU(), nn.Linear(4, 10))\n",
        encoding="utf-8",
    )
    words = ("--activations", "MyAct", "--with", f"{own_file()}:MyAct", "--epochs", "1", "--plan-only", "--no-costs")
    planned = cli("compare", "model_of_mine:make", "--data", "digits", "--seeds", "2", *words)
    assert planned.code == 0, planned.err
    assert "MyAct" in planned.out
