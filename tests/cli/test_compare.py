"""`rectifiers compare`: models, data and trainings of other people, and mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import Cli

CODE = """
import torch
from torch import nn


def make():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def data():
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    return x, (x.sum(1) > 0).long()


def train(model, seed, report):
    x, y = data()
    loss = nn.functional.cross_entropy(model(x + 0.1 * torch.randn_like(x)), y)
    report(loss=loss.detach())
    return {"loss": loss.detach(), "accuracy": (model(x).argmax(1) == y).float().mean()}
"""


@pytest.fixture(autouse=True)
def _own_module(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Path("own_for_compare.py").write_text(CODE)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    yield
    import sys

    sys.modules.pop("own_for_compare", None)


MODEL = ("compare", "own_for_compare:make", "--seeds", "3")


def test_data_table_verdict_and_page(cli: Cli) -> None:
    outcome = cli(
        *MODEL, "--data", "own_for_compare:data", "-a", "arelu,pvlu:share=layer", "--epochs", "1", "-o", "x.html"
    )
    assert outcome.code == 0, outcome.err
    assert "make: 2 variants against the model as it is" in outcome.out
    assert "pvlu:share=layer" in outcome.out
    assert "Report: x.html" in outcome.out
    assert Path("x.html").stat().st_size > 5000
    assert len(list(Path("runs/compare-make").glob("*/result.json"))) == 9


def test_a_plan_for_one_seed_says_that_it_shows_nothing(cli: Cli) -> None:
    words = ("compare", "own_for_compare:make", "--seeds", "1", "--data", "own_for_compare:data", "-a", "arelu")
    assert "detectable  none with one seed of each" in cli(*words, "--plan-only", "--threads", "1").out


def test_plan_only(cli: Cli) -> None:
    outcome = cli(*MODEL, "--data", "own_for_compare:data", "-a", "arelu", "--plan-only")
    assert outcome.code == 0, outcome.err
    assert "runs        6: 3 seeds of each, 0 done" in outcome.out
    assert not list(Path("runs").glob("*/*/result.json"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--epochs", "1", "--set", "epochs=3"),
            "epochs are given twice: --epochs 1 and --set epochs=3; leave one out",
        ),
        (("--no-controls",), "--no-controls leaves out the control rows of --finetune, which was not given"),
        (("-a", "arelu"), "arelu appears twice among the activations; leave one out"),
    ],
)
def test_what_would_do_nothing_is_refused(cli: Cli, words: tuple[str, ...], message: str) -> None:
    outcome = cli(*MODEL, "--data", "own_for_compare:data", "-a", "arelu", *words)
    assert outcome.code == 2
    assert message in outcome.err


def test_a_plan_as_json(cli: Cli) -> None:
    outcome = cli(*MODEL, "--data", "own_for_compare:data", "-a", "arelu", "--plan-only", "--json")
    plan = json.loads(outcome.out)
    assert (plan["rows"], plan["runs"], plan["seeds"], plan["budget"]) == (["as it is", "arelu"], 6, 3, None)
    assert set(plan["seconds"]) == {"as it is", "arelu"}
    assert plan["total_seconds"] > 0
    assert plan["detectable"] is None
    assert not list(Path("runs").glob("*/*/result.json"))


def test_a_training_as_json(cli: Cli) -> None:
    outcome = cli(*MODEL, "--train", "own_for_compare:train", "-a", "arelu", "--json")
    facts = json.loads(outcome.out)
    assert (facts["measure"], [row["label"] for row in facts["rows"]]) == ("accuracy", ["as it is", "arelu"])
    lower = json.loads(
        cli(*MODEL, "--train", "own_for_compare:train", "-a", "arelu", "--metric", "loss", "--json", "--no-costs").out
    )
    assert (lower["measure"], lower["higher_is_better"]) == ("loss", False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-a", "arelu"), "give either --data, for the built-in loop, or --train"),
        (("-a", "arelu", "--train", "own_for_compare:train", "--metric", "tardiness"), "give --better higher"),
        (("-a", "arelu", "--data", "own_for_compare:data", "--metric", "own_for_compare:dat"), "did you mean data"),
        (("-a", "arleu", "--data", "own_for_compare:data"), "did you mean arelu"),
        (("-a", "arelu", "--data", "own_for_compare:dat"), "did you mean data"),
        (("-a", "arelu", "--data", "nowhere"), "unknown data set, folder or package.module:name"),
        (("-a", "arelu", "--data", "photos/"), "there is no folder or file 'photos/' in "),
        (("-a", "arelu", "--train", "own_for_compare:train", "--metric", "f1"), "but no f1"),
        (("-a", "arelu", "--train", "own_for_compare:train", "--better", "more"), "--better must be higher or lower"),
        (("-a", "arelu", "--data", "own_for_compare:data", "--set", "lr=0"), "lr: expected more than 0"),
        (("-a", "arelu", "--data", "own_for_compare:data", "--set", "name=x"), "--set cannot change name"),
        (("-a", "arelu", "--data", "own_for_compare:data", "--budget", "soon"), "must be a time"),
        (("-a", "arelu", "--data", "own_for_compare:data", "--budget", "2 runs"), "give more, or compare fewer"),
        (("-a", "arelu", "--data", "own_for_compare:data", "-o", "."), "cannot write .: it is a folder; choose"),
        (("-a", "arelu", "--data", "own_for_compare:data", "-o", "own_for_compare.py/x"), "is not a folder that you"),
        (("-a", "arelu", "--data", "own_for_compare:data", "--threads", "0"), "--threads must be at least 1, got 0"),
        (("-a", "arelu", "--data", "own_for_compare:data", "--unit", "kg"), "accuracy is in %, got unit='kg'"),
        (("-a", "arelu@R9", "--data", "own_for_compare:data"), "unknown activation site"),
        (("-a", "arelu", "--data", "own_for_compare:data", "--input", "four"), "--input needs sizes"),
    ],
)
def test_mistakes(refused: Callable[..., str], arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(*MODEL, *arguments)


def test_interruption_says_how_to_continue(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rectifiers.experiments.runner.run", interrupt)
    outcome = cli(*MODEL, "--data", "own_for_compare:data", "-a", "arelu")
    assert outcome.code == 130
    assert "continue with\n  rectifiers compare own_for_compare:make" in outcome.err
