"""One parameter per layer, channel or element: each unit computes what the layer-wise function with its values does."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from rectifiers.core.errors import ConfigError, RectifiersError, ShapeError

from .samples import BATCH, CHANNELS, build, inputs, names, vary

LEARNABLE = names(lambda spec: spec.parameters and spec.kind == "elementwise")


def with_values_of(module: Any, unit: tuple[int, ...]) -> Any:
    """The layer-wise function with the values that one unit of `module` has."""
    layer = build(module.spec.name, share="layer")
    with torch.no_grad():
        for parameter in module.spec.parameters:
            getattr(layer, parameter.name).copy_(getattr(module, parameter.name)[(..., *unit)])
    return layer


@pytest.mark.parametrize("channel_dim", [1, 2, -1, 0])
@pytest.mark.parametrize("name", LEARNABLE)
def test_channels_are_functions_of_their_own(name: str, channel_dim: int) -> None:
    sizes = (5, 4, 3)
    module = build(name, share="channel", channels=sizes[channel_dim], channel_dim=channel_dim)
    vary(module)
    x = inputs(module, *sizes)
    out = module(x)
    for channel in range(sizes[channel_dim]):
        expected = with_values_of(module, (channel,))(x.select(channel_dim, channel))
        torch.testing.assert_close(out.select(channel_dim, channel), expected)


@pytest.mark.parametrize("name", LEARNABLE)
def test_elements_are_functions_of_their_own(name: str) -> None:
    module = build(name, share="element", channels=(CHANNELS, 3))
    vary(module)
    x = inputs(module, BATCH, CHANNELS, 3)
    out = module(x)
    for unit in itertools.product(range(CHANNELS), range(3)):
        torch.testing.assert_close(out[(..., *unit)], with_values_of(module, unit)(x[(..., *unit)]))


@pytest.mark.parametrize("name", LEARNABLE)
def test_number_of_parameters_grows_with_the_units(name: str) -> None:
    def count(**arguments: Any) -> int:
        return sum(parameter.numel() for parameter in build(name, **arguments).parameters())

    layer = count(share="layer")
    assert count(share="channel", channels=7) == 7 * layer
    assert count(share="element", channels=(7, 2)) == 14 * layer


@pytest.mark.parametrize("share", ["channel", "element"])
@pytest.mark.parametrize("name", LEARNABLE)
def test_channels_are_inferred_at_the_first_call(name: str, share: str) -> None:
    lazy = build(name, share=share, channels=None)
    x = torch.linspace(-3, 3, BATCH * CHANNELS * 3, dtype=torch.float64).reshape(BATCH, CHANNELS, 3)
    out = lazy(x)
    ready = build(name, share=share, channels=CHANNELS if share == "channel" else (CHANNELS, 3))
    for (key, parameter), expected in zip(lazy.named_parameters(), ready.parameters(), strict=True):
        assert type(parameter) is torch.nn.Parameter
        assert parameter.shape == expected.shape, key
    ready.load_state_dict(lazy.state_dict())
    assert torch.equal(out, ready(x))


@pytest.mark.parametrize("name", LEARNABLE)
def test_wrong_number_of_channels(name: str) -> None:
    module = build(name, share="channel", channels=64)
    with pytest.raises(ShapeError, match=r"64 channels in dimension 1.*\(2, 4, 3\)"):
        module(torch.zeros(2, 4, 3))


@pytest.mark.parametrize("name", LEARNABLE)
def test_wrong_shape_of_a_sample(name: str) -> None:
    module = build(name, share="element", channels=(4, 5))
    with pytest.raises(ShapeError, match=r"\(4, 5\).*\(2, 4, 3\)"):
        module(torch.zeros(2, 4, 3))


@pytest.mark.parametrize("name", LEARNABLE)
def test_parameters_of_elements_are_not_taken_for_those_of_channels(name: str) -> None:
    module = build(name, share="element", channels=(4,))
    assert module(torch.zeros(2, 4, dtype=torch.float64)).shape == (2, 4)
    with pytest.raises(ShapeError, match=r"for samples of shape \(4,\), but the input has shape \(2, 4, 3\)"):
        module(torch.zeros(2, 4, 3, dtype=torch.float64))


@pytest.mark.parametrize("name", LEARNABLE)
def test_a_number_given_for_elements_is_one_of_channels(name: str) -> None:
    """As networks give it, which know how many channels there are, but not how large the images will be."""
    x = torch.randn(2, 4, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    given, by_channel = (build(name, share=share, channels=4).eval() for share in ("element", "channel"))
    by_channel.load_state_dict(given.state_dict())
    assert torch.equal(given(x), by_channel(x))


@pytest.mark.parametrize("channel_dim", [0, -2])
@pytest.mark.parametrize("name", LEARNABLE)
def test_parameters_of_channels_are_not_taken_for_those_of_elements(name: str, channel_dim: int) -> None:
    module = build(name, share="channel", channels=4, channel_dim=channel_dim)
    assert module(torch.zeros(4, 3, dtype=torch.float64)).shape == (4, 3)
    with pytest.raises(ShapeError, match=rf"for 4 channels in dimension {channel_dim}, but the input has .* \(3, 4\)"):
        module(torch.zeros(3, 4, dtype=torch.float64))


@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize("name", LEARNABLE)
def test_missing_channel_dimension(name: str, lazy: bool) -> None:
    module = build(name, share="channel", channels=None if lazy else 4, channel_dim=3)
    with pytest.raises(ShapeError, match=r"dimension 3.*\(2, 4, 3\).*channel_dim"):
        module(torch.zeros(2, 4, 3))


@pytest.mark.parametrize("name", LEARNABLE)
def test_unknown_share_word(name: str) -> None:
    with pytest.raises(ConfigError, match=r"layer, channel, element.*'chanel'"):
        build(name, share="chanel")


@pytest.mark.parametrize(
    ("share", "channels"), [("channel", 0), ("channel", -3), ("element", (4, 0)), ("channel", (4, 3))]
)
@pytest.mark.parametrize("name", LEARNABLE)
def test_impossible_channels(name: str, share: str, channels: Any) -> None:
    with pytest.raises(ConfigError, match=r"channel.*got"):
        build(name, share=share, channels=channels)


@pytest.mark.parametrize("name", LEARNABLE)
def test_unknown_argument(name: str) -> None:
    with pytest.raises((RectifiersError, TypeError), match="chanels"):
        build(name, chanels=3)


@pytest.mark.parametrize("name", LEARNABLE)
def test_reset_parameters_goes_back_to_the_start(name: str) -> None:
    torch.manual_seed(7)
    module = build(name, share="channel", channels=CHANNELS)
    start: list[Tensor] = [parameter.detach().clone() for parameter in module.parameters()]
    vary(module)
    torch.manual_seed(7)
    module.reset_parameters()
    for parameter, expected in zip(module.parameters(), start, strict=True):
        assert torch.equal(parameter, expected)
