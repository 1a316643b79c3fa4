"""The network of a trial: its activation where the trial says, and the base's elsewhere."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rectifiers import ConvReLU2d, PReLU, ReLU, datasets
from rectifiers.core.errors import ConfigError, UnknownNameError, UnsupportedError
from rectifiers.experiments.network import build_network

from .samples import tiny

DIGITS = datasets.load("digits")


def kinds(net: nn.Module) -> list[str]:
    return [type(module).__name__ for module in net.modules() if isinstance(module, PReLU | ReLU | ConvReLU2d)]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("all", ["PReLU", "PReLU", "PReLU"]),
        ("first", ["PReLU", "ReLU", "ReLU"]),
        ("-1", ["ReLU", "ReLU", "PReLU"]),
        ("0, 2", ["PReLU", "ReLU", "PReLU"]),
        ("R1", ["PReLU", "ReLU", "ReLU"]),
    ],
)
def test_the_activation_stands_where_the_trial_says(where: str, expected: list[str]) -> None:
    assert kinds(build_network(tiny(activation="prelu", where=where), DIGITS)) == expected


def test_elsewhere_stands_the_base() -> None:
    net = build_network(tiny(activation="prelu", where="first", base="pvlu"), DIGITS)
    assert [type(net[index]).__name__ for index in (1, 4, 8)] == ["PReLU", "PVLU", "PVLU"]


def test_convrelu_takes_the_place_of_a_convolution_and_what_is_in_front_of_it() -> None:
    net = build_network(tiny(activation="convrelu2d"), DIGITS)
    assert kinds(net) == ["ConvReLU2d", "ReLU", "ReLU"]
    plain = build_network(tiny(activation="relu"), DIGITS)
    images = torch.rand(4, 1, 8, 8)
    torch.testing.assert_close(net.eval()(images), plain.eval()(images))


def test_first_weights_do_not_depend_on_where() -> None:
    everywhere, first = (build_network(tiny(activation="prelu", where=where), DIGITS) for where in ("all", "first"))
    assert torch.equal(everywhere[0].weight, first[0].weight)
    assert torch.equal(everywhere[-1].weight, first[-1].weight)


def test_a_network_without_convolutions_behind_its_sites_takes_no_convrelu() -> None:
    with pytest.raises(UnsupportedError, match="digits-conv has no convolution after its sites at 'last'"):
        build_network(tiny(activation="convrelu2d", where="last"), DIGITS)


@pytest.mark.parametrize("where", ["/blok/", "5:9", "1:1"])
def test_a_place_without_a_site_is_not_the_base_everywhere(where: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"digits-conv has no activation at where='{where}'; it has them at 1, 4 and 8"
    ):
        build_network(tiny(activation="prelu", where=where), DIGITS)


def test_an_unknown_place_is_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown activation site 'blok1'"):
        build_network(tiny(activation="prelu", where="blok1"), DIGITS)
