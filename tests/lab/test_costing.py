"""`rectifiers.cost`: activations in a model of the user's own."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

import rectifiers
from rectifiers.core.errors import ConfigError, UnknownNameError, UnsupportedError
from rectifiers.lab import costing
from rectifiers.lab.costing import Costs
from rectifiers.speed.ways import WAYS
from rectifiers.surgery import NothingToSwapError

cost = partial(rectifiers.cost, example=(4, 3, 8, 8), compiled=False, exported=False, rounds=2)


def make() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(80, 2))


def bounded(channels: int) -> nn.Module:
    return nn.Hardtanh()


@pytest.fixture(scope="module")
def costs() -> Costs:
    return cost(make, ["relu", "pvlu", "pvlu@first", "convrelu", "maxout", bounded])


def test_rows_have_what_was_swapped(costs: Costs) -> None:
    plain, *others = costs.rows
    assert [row.label for row in costs.rows] == ["as it is", "relu", "pvlu", "pvlu@first", "convrelu", "bounded"]
    assert [row.parameters - plain.parameters for row in others] == [0, 18, 8, 4 * 9, 0]
    assert costs.refused.keys() == {"maxout"}
    assert (costs.model, costs.inputs, costs.rounds) == ("Sequential", ((4, 3, 8, 8),), 2)


def test_the_page_says_how_sure_it_is(costs: Costs, capsys: pytest.CaptureFixture[str]) -> None:
    costs.print()
    page = capsys.readouterr().out
    assert page.startswith("Sequential on 4×3×8×8; cpu, ")
    assert "median [quartiles] of n = 2 rounds" in page
    assert "maxout: left out; Maxout makes fewer channels" in page
    assert all(len(line) <= 100 for line in page.splitlines())
    html = costs._repr_html_()
    assert html.count("<table") == len(list(costs.grids())) + 1
    assert "maxout: left out" in html


def test_json_has_seconds_bytes_and_quartiles(costs: Costs) -> None:
    facts = json.loads(json.dumps(costs.to_dict()))
    assert facts["rows"][0]["times"]["train"]["ratio"] == [1, 1, 1]
    assert facts["rows"][1]["times"]["infer"]["seconds"] > 0
    assert facts["rows"][2]["peaks"].keys() == {"train", "infer"}
    assert facts["versions"]["torch"] == torch.__version__


def test_the_model_stays_as_it_is() -> None:
    model = make()
    cost(model, {"mine": "arelu"})
    assert isinstance(model[1], nn.ReLU)


def test_exported_figures() -> None:
    found = rectifiers.cost(make, ["arelu"], example=(4, 3, 8, 8), compiled=False, rounds=2)
    assert "export" in found.rows[1].sizes
    assert "torch.export" in str(found)
    assert "MiB" in str(found)


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = {"infer": WAYS["infer"], "onnx": replace(WAYS["onnx"], needs=("onnx", "no_such_package"))}
    monkeypatch.setattr(costing, "WAYS", ways)
    found = rectifiers.cost(make, ["arelu"], example=(4, 3, 8, 8), rounds=2)
    assert "onnxruntime: left out; no_such_package not installed: pip install 'rectifiers[onnx]'" in found.notes


def test_where_the_plain_model_has_no_time_there_is_no_ratio(costs: Costs) -> None:
    plain, *others = costs.rows
    times = {name: time for name, time in plain.times.items() if name != "infer"}
    found = replace(costs, rows=(replace(plain, times=times, failures={"infer": "no reason"}), *others))
    (_, *titles), (first, second, *_) = next(found.grids())
    assert first[1 + titles.index("inference")] == "–"
    assert "[" not in second[1 + titles.index("inference")]
    assert "as it is, inference: not measured; no reason" in found.notes


def test_without_relu_what_stands_in_its_place_is_replaced() -> None:
    layers = nn.Linear(3, 3), nn.SiLU(), nn.Linear(3, 3), nn.SiLU(), nn.Linear(3, 3), nn.GELU(), nn.Sigmoid()
    found = cost(nn.Sequential(*layers), ["arelu"], example=(4, 3))
    # α and β at each SiLU, the more frequent of the two.
    assert [row.parameters for row in found.rows] == [36, 40]
    assert [row.parameters for row in cost(nn.Sequential(*layers), ["arelu"], example=(4, 3), from_="gelu").rows] == [
        36,
        38,
    ]


def test_a_relu_out_of_reach_is_told_of() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.RNNCell(3, 3, nonlinearity="relu"))
    with pytest.raises(NothingToSwapError, match=r"keeps all its activations.*fused RNNCell"):
        cost(model, ["arelu"], example=(4, 3))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"activations": ["arleu"]}, UnknownNameError, "did you mean arelu"),
        ({"activations": "arelu"}, ConfigError, r"must be a list, such as \['arelu'\]"),
        ({"activations": []}, ConfigError, "at least one"),
        ({"model": "nets:net"}, ConfigError, "model must be a module, or a function that makes one, got 'nets:net'"),
        ({"rounds": "3"}, ConfigError, "rounds must be a whole number of at least 1, got '3'"),
        ({"threads": 0}, ConfigError, "threads must be a whole number of at least 1, got 0"),
        ({"activations": {"as it is": "arelu"}}, ConfigError, "none of them 'as it is'"),
        ({"activations": [bounded, bounded]}, ConfigError, "have the same name"),
        ({"activations": ["maxout"]}, UnsupportedError, "Maxout makes fewer channels"),
        ({"from_": "gelu"}, NothingToSwapError, "no gelu"),
        (
            {"model": lambda: nn.Sequential(nn.Flatten(), nn.Sigmoid())},
            NothingToSwapError,
            r"no activation that is usually replaced \(it has sigmoid\); say which kinds with from_=…",
        ),
        ({"rounds": 1}, ConfigError, "at least 2"),
        ({"model": lambda: 3}, ConfigError, "got int"),
    ],
)
def test_mistakes(change: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        cost(**{"model": make, "activations": ["arelu"], **change})
