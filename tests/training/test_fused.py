"""Parts of a network that run together: the same network, and the same results up to rounding."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rectifiers import kernels, networks
from rectifiers.activations import ConvReLU2d
from rectifiers.kernels import library, pooled_conv
from rectifiers.training.fused import fuse

pytestmark = pytest.mark.skipif(
    pooled_conv.NAME not in library.state(warn=False).formulas, reason="there are no compiled kernels"
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Shapes of the inputs that the kernel was called with."""
    seen: list[tuple[int, ...]] = []
    convolve = pooled_conv.convolve

    def watched(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor | None:
        found = convolve(x, weight, bias, padding)
        if found is not None:
            seen.append(tuple(x.shape))
        return found

    monkeypatch.setattr(pooled_conv, "convolve", watched)
    return seen


def mnist_conv() -> nn.Module:
    return networks.create("mnist-conv", lambda channels: nn.ReLU(), shape=(1, 28, 28), classes=10)


def gradients(net: nn.Module, images: Tensor) -> list[Tensor]:
    out = net(images)
    return [out.detach(), *torch.autograd.grad(out.square().sum(), list(net.parameters()))]


def test_a_network_gives_the_same_up_to_rounding(calls: list[tuple[int, ...]]) -> None:
    plain = mnist_conv().to(memory_format=torch.channels_last)
    fused = fuse(copy.deepcopy(plain))
    assert [(name, type(module)) for name, module in fused.named_modules()] == [
        (name, type(module)) for name, module in plain.named_modules()
    ]
    assert fused.state_dict().keys() == plain.state_dict().keys()
    images = torch.randn(37, 1, 28, 28)
    found, expected = gradients(fused, images), gradients(plain, images)
    assert calls == [(37, 1, 28, 28), (37, 10, 12, 12), (37, 20, 4, 4)]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5 * float(other.abs().max()))


def test_a_copy_runs_its_own_parts(calls: list[tuple[int, ...]]) -> None:
    net = fuse(mnist_conv())
    other = copy.deepcopy(net)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
        assert not other(torch.randn(16, 1, 28, 28)).any()
    assert len(calls) == 3


@pytest.mark.parametrize(
    "listen",
    [
        lambda part: part.register_forward_hook(lambda *_: None),
        lambda part: part.register_forward_pre_hook(lambda *_: None),
        lambda part: part.register_full_backward_hook(lambda *_: None),
        lambda part: part.register_full_backward_pre_hook(lambda *_: None),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_parts_that_somebody_listens_at_run_one_by_one(
    listen: Callable[[nn.Module], object], place: int, calls: list[tuple[int, ...]]
) -> None:
    net = mnist_conv()
    listen(net.get_submodule(str(place)))
    fuse(net)(torch.randn(16, 1, 28, 28))
    assert len(calls) == 2


@pytest.mark.parametrize(
    "pair",
    [
        (nn.Conv2d(2, 3, 3, stride=2), nn.MaxPool2d(2)),
        (nn.Conv2d(2, 3, 3, dilation=2), nn.MaxPool2d(2)),
        (nn.Conv2d(2, 2, 3, groups=2), nn.MaxPool2d(2)),
        (nn.Conv2d(2, 3, 3, padding=(0, 1)), nn.MaxPool2d(2)),
        (nn.Conv2d(2, 3, 3, padding="same"), nn.MaxPool2d(2)),
        (nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), nn.MaxPool2d(2)),
        (nn.Conv2d(2, 3, 3), nn.MaxPool2d(3)),
        (nn.Conv2d(2, 3, 3), nn.MaxPool2d(2, stride=1)),
        (nn.Conv2d(2, 3, 3), nn.MaxPool2d(2, padding=1)),
        (nn.Conv2d(2, 3, 3), nn.MaxPool2d(2, ceil_mode=True)),
        (nn.Conv2d(2, 3, 3), nn.MaxPool2d(2, dilation=2)),
        (nn.Conv2d(2, 3, 3), nn.AvgPool2d(2)),
    ],
    ids=str,
)
def test_other_pairs_run_one_by_one(pair: tuple[nn.Module, nn.Module], calls: list[tuple[int, ...]]) -> None:
    plain = nn.Sequential(*pair)
    images = torch.randn(16, 2, 11, 11)
    assert torch.equal(fuse(copy.deepcopy(plain))(images), plain(images))
    assert not calls


def test_what_is_not_simply_called_runs_one_by_one(calls: list[tuple[int, ...]]) -> None:
    net, images = fuse(mnist_conv()), torch.randn(16, 1, 28, 28)
    with torch.autocast("cpu", torch.bfloat16):
        net(images)
    fuse(mnist_conv().double())(images.double())
    with kernels.using("reference"):
        net(images)
    torch.func.vmap(net)(images[None])
    net(images[:3])
    assert not calls
    net(images)
    assert len(calls) == 3


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format], ids=str)
@pytest.mark.parametrize("options", [{}, {"stride": 2, "bias": False}, {"groups": 2}], ids=str)
def test_a_convrelu_of_one_tap_gives_the_same_up_to_rounding(
    memory_format: torch.memory_format, options: dict[str, Any]
) -> None:
    plain = ConvReLU2d(6, 4, 1, **options).to(memory_format=memory_format)
    nn.init.normal_(plain.threshold)
    fused = fuse(copy.deepcopy(plain))
    images = torch.randn(16, 6, 5, 7).to(memory_format=memory_format)
    seen: list[object] = []
    fused.register_forward_hook(lambda *_: seen.append(_))
    for one, other in zip(gradients(fused, images), gradients(plain, images), strict=True):
        assert one.shape == other.shape
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5 * float(other.abs().max()))
    assert len(seen) == 1
    with torch.no_grad():
        assert torch.equal(fused(images[0]), plain(images[0]))


@pytest.mark.parametrize("options", [{"padding": 1}, {"padding": "same"}], ids=str)
def test_a_convrelu_with_padding_stays_what_it_is(options: dict[str, Any]) -> None:
    assert "forward" not in vars(fuse(ConvReLU2d(2, 3, 1, **options)))
