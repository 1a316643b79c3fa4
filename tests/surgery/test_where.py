"""One language for places in a model."""

from __future__ import annotations

import re

import pytest
from torch import nn

from rectifiers.core.errors import ConfigError
from rectifiers.surgery import Where, find_sites, select
from rectifiers.surgery.where import parse_where


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("all", "all"),
        (" last ", "last"),
        ("stage:-1", "stage:-1"),
        ("layer1.0.relu", "layer1.0.relu"),
        ("-1", -1),
        ("0, 2,4", [0, 2, 4]),
        ("stem, block1", ["stem", "block1"]),
        ("1:3", slice(1, 3)),
        ("::-1", slice(None, None, -1)),
        ("-2:", slice(-2, None)),
        (":", slice(None)),
        ("0:2, last", [slice(0, 2), "last"]),
        ("/^a,b$/", re.compile("^a,b$")),
    ],
)
def test_texts(text: str, where: Where) -> None:
    assert parse_where(text) == where


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "where='': expected all, first, last, R1, R2, R3, stage:N, a name, an index, START:STOP, /pattern/, or"),
        ("0,,1", "where='0,,1': expected all"),
        ("/(/", r"where='/\(/' is not a regular expression: missing \)"),
        ("0:4:0", "where='0:4:0': the step of a slice must not be 0"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_where(text)


def test_slices_among_several_places_choose_sites() -> None:
    net = nn.Sequential(*(layer for _ in range(4) for layer in (nn.Linear(2, 2), nn.ReLU())))
    chosen = select(find_sites(net, (1, 2)), parse_where("0:2, -1"))
    assert [site.name for site in chosen] == ["1", "3", "7"]
