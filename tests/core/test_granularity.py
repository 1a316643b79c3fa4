"""Who owns a parameter: the words for it, the shapes that follow, and what fits no input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rectifiers.core.errors import ConfigError, ShapeError
from rectifiers.core.granularity import (
    SHARES,
    channel_axis,
    check_share,
    infer_unit_shape,
    spread,
    unit_shape,
    with_axis,
)

X = torch.zeros(2, 4, 3)


@pytest.mark.parametrize("share", SHARES)
def test_known_words(share: str) -> None:
    assert check_share("f", share) == share


def test_unknown_word() -> None:
    with pytest.raises(ConfigError, match=r"^f: share must be one of layer, channel, element, got 'layers'$"):
        check_share("f", "layers")


@pytest.mark.parametrize(
    ("share", "channels", "expected"),
    [
        ("layer", None, ()),
        ("layer", 8, ()),
        ("channel", None, None),
        ("channel", 8, (8,)),
        ("channel", (8,), (8,)),
        ("element", None, None),
        ("element", 8, (8,)),
        ("element", (8, 3), (8, 3)),
        ("element", torch.Size((8, 3)), (8, 3)),
        ("channel", np.int64(8), (8,)),
    ],
)
def test_unit_shape(share: Any, channels: Any, expected: tuple[int, ...] | None) -> None:
    assert unit_shape("f", share, channels) == expected


@pytest.mark.parametrize("channels", [0, -1, (4, 0), 2.5, (2.5,), "8", object()])
def test_channels_that_are_no_numbers_of_channels(channels: Any) -> None:
    with pytest.raises(ConfigError, match="f: channels must be positive integers, got"):
        unit_shape("f", "element", channels)


def test_channels_take_one_number() -> None:
    with pytest.raises(ConfigError, match=r"one number of channels, got \(4, 3\)"):
        unit_shape("f", "channel", (4, 3))


@pytest.mark.parametrize(
    ("share", "channel_dim", "expected"),
    [("layer", 9, ()), ("channel", 1, (4,)), ("channel", -1, (3,)), ("channel", 0, (2,)), ("element", 1, (4, 3))],
)
def test_infer(share: Any, channel_dim: int, expected: tuple[int, ...]) -> None:
    assert infer_unit_shape("f", share, X, channel_dim) == expected


@pytest.mark.parametrize("share", ["channel", "element"])
def test_infer_from_a_number(share: Any) -> None:
    with pytest.raises(ShapeError, match=r"^f: "):
        infer_unit_shape("f", share, torch.tensor(1.0), 0)


@given(st.integers(1, 5).flatmap(lambda rank: st.tuples(st.just(rank), st.integers(-rank, rank - 1))))
def test_channel_axis_counts_from_either_end(case: tuple[int, int]) -> None:
    rank, channel_dim = case
    x = torch.zeros((1,) * rank)
    assert channel_axis("f", x, channel_dim) == range(rank)[channel_dim]


@pytest.mark.parametrize("channel_dim", [3, -4])
def test_missing_axis(channel_dim: int) -> None:
    with pytest.raises(ShapeError, match=rf"dimension {channel_dim}, but the input has shape \(2, 4, 3\)"):
        channel_axis("f", X, channel_dim)


@pytest.mark.parametrize(
    ("parameter", "channel_dim", "coefficients", "expected"),
    [
        ((), 1, False, ()),
        ((4,), 1, False, (1, 4, 1)),
        ((3,), -1, False, (1, 1, 3)),
        ((4, 3), 1, False, (1, 4, 3)),
        ((5,), 1, True, (5, 1, 1, 1)),
        ((5, 4), 1, True, (5, 1, 4, 1)),
        ((5, 4, 3), 1, True, (5, 1, 4, 3)),
    ],
)
def test_spread(parameter: tuple[int, ...], channel_dim: int, coefficients: bool, expected: tuple[int, ...]) -> None:
    assert spread("f", "a", torch.zeros(parameter), X, channel_dim, coefficients).shape == expected


@pytest.mark.parametrize(
    ("parameter", "coefficients", "message"),
    [
        ((5,), False, r"f: a is for 5 channels in dimension 1, but the input has shape \(2, 4, 3\)"),
        ((4, 5), False, r"f: a is for samples of shape \(4, 5\), but the input has shape \(2, 4, 3\)"),
        ((2, 5), True, r"f: a is for 5 channels"),
        ((2, 4, 3), False, r"f: a is for samples of shape \(2, 4, 3\)"),
    ],
)
def test_parameters_that_fit_nothing(parameter: tuple[int, ...], coefficients: bool, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        spread("f", "a", torch.zeros(parameter), X, 1, coefficients)


def test_elements_of_a_flat_sample() -> None:
    """For samples that are vectors, an element is a channel, wherever the channels stand."""
    assert spread("f", "a", torch.zeros(4), torch.zeros(2, 4), 1, False).shape == (1, 4)
    assert spread("f", "a", torch.zeros(4), torch.zeros(2, 4), 0, False).shape == (1, 4)


def test_a_single_number_may_have_an_axis() -> None:
    one = torch.tensor([2.0])
    assert spread("f", "a", one, X, 1, False) is one
    assert spread("f", "a", one, torch.tensor(3.0), 1, False).shape == ()
    assert spread("f", "a", torch.ones(5, 1), X, 1, True).shape == (5, 1, 1, 1)


def test_a_saved_number_gets_the_axis_of_its_parameter() -> None:
    assert with_axis(torch.tensor(2.0), torch.zeros(1)).tolist() == [2.0]
    for found, own in ((torch.tensor(2.0), torch.zeros(())), (torch.tensor(2.0), X), (torch.zeros(3), torch.zeros(1))):
        assert with_axis(found, own) is found
