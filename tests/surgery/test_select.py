"""Choosing sites by position, name and kind."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from torch import nn

from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.surgery import NothingToSwapError, find_sites, plan_swap
from rectifiers.surgery.select import select
from rectifiers.watching.kinds import expand

X = (1, 3, 32, 32)


def net() -> nn.Sequential:
    """Three stages of resolution with two ReLUs, one ReLU6 and one Leaky ReLU, two ReLUs; a sigmoid at the end."""
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()),
        nn.MaxPool2d(2),
        nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.ReLU6(), nn.Conv2d(6, 6, 3, padding=1), nn.LeakyReLU()),
        nn.MaxPool2d(2),
        nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()),
        nn.Sigmoid(),
    )


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("all", ["0.1", "0.3", "2.1", "4.1", "4.3"]),
        ("R3", ["0.1", "0.3", "2.1", "4.1", "4.3"]),
        ("first", ["0.1"]),
        ("last", ["4.3"]),
        ("R1", ["0.1", "0.3"]),
        ("R2", ["4.1", "4.3"]),
        ("stage:1", ["2.1"]),
        ("stage:-1", ["4.1", "4.3"]),
        ("0.3", ["0.3"]),
        ("0", ["0.1", "0.3"]),
        (0, ["0.1"]),
        (-1, ["4.3"]),
        (slice(1, 3), ["0.3", "2.1"]),
        (slice(None, None, 2), ["0.1", "2.1", "4.3"]),
        (re.compile(r"\.3$"), ["0.3", "4.3"]),
        (lambda site: site.channels > 5, ["2.1", "4.1", "4.3"]),
        (lambda site: "MaxPool2d" in site.after, ["0.3"]),
        (["last", 0, "2"], ["0.1", "2.1", "4.3"]),
        (("0", "0.1"), ["0.1", "0.3"]),
        (np.int64(1), ["0.3"]),
        (np.array([0, -1]), ["0.1", "4.3"]),
    ],
)
def test_positions_among_the_relus_in_forward_order(where: Any, names: list[str]) -> None:
    assert [site.name for site in select(find_sites(net(), X), where)] == names


def test_kinds_are_chosen_by_name() -> None:
    sites = find_sites(net(), X)
    assert [site.name for site in select(sites, kinds=expand("leaky_relu"))] == ["2.3"]
    assert [site.name for site in select(sites, "last", expand(("relu6", "leaky_relu")))] == ["2.3"]
    assert {"sigmoid", "hardsigmoid"}.isdisjoint(expand("relu"))


@pytest.mark.parametrize("where", [5, -6, "stage:3", "stage:x", 1.5, True])
def test_a_position_that_is_not_there_is_refused(where: Any) -> None:
    with pytest.raises(ConfigError, match="where"):
        select(find_sites(net(), X), where)


def test_a_name_that_is_not_there_gets_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean"):
        select(find_sites(net(), X), "frist")


def test_an_unknown_kind_gets_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean .*leaky_relu"):
        plan_swap(net(), "pvlu", example=X, from_="leaky_rulu")


@pytest.mark.parametrize("where", [slice(9, None), re.compile("nowhere"), lambda site: False, []])
def test_an_empty_choice_is_said(where: Any) -> None:
    with pytest.raises(NothingToSwapError, match="has no relu or relu6 at"):
        plan_swap(net(), "pvlu", example=X, where=where)


def test_places_may_come_one_at_a_time() -> None:
    plan = plan_swap(net(), "prelu", example=X, where=(name for name in ("0.1", "2.1")))
    assert [change.site for change in plan.changes] == ["0.1", "2.1"]
