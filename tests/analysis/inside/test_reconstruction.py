"""Images from CReLU's features, against dense linear algebra."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from rectifiers import CReLU
from rectifiers.analysis.inside.reconstruction import reconstruct
from rectifiers.core.errors import ConfigError, DataError


def images(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return make()


def matrix(layer: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """The linear part of a layer, (outputs, inputs)."""
    basis = torch.eye(int(torch.tensor(shape).prod()), dtype=torch.float64).view(-1, *shape)
    layer = layer.double()
    with torch.no_grad():
        return (layer(basis) - layer(torch.zeros_like(basis[:1]))).flatten(1).T


CONVOLUTIONS = {
    "plain": lambda: nn.Conv2d(2, 3, 3),
    "stride and padding": lambda: nn.Conv2d(2, 5, 3, stride=2, padding=1),
    "dilation and groups": lambda: nn.Conv2d(2, 4, 3, dilation=2, groups=2, bias=False),
    "circular": lambda: nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"),
    "same": lambda: nn.Conv2d(2, 2, (3, 1), padding="same"),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_the_projection_onto_the_filters_is_recovered(name: str) -> None:
    x = images(2, 2, 7, 7)
    convolution = seeded(CONVOLUTIONS[name])
    (found,) = reconstruct(nn.Sequential(convolution, CReLU()), x, tolerance=1e-10)
    a = matrix(convolution, (2, 7, 7))
    projected = (torch.linalg.pinv(a) @ a @ x.double().flatten(1).T).T.view_as(x)
    error = (found.images - projected).flatten(1).norm(dim=1) / projected.flatten(1).norm(dim=1)
    assert found.converged
    assert error.max() < 1e-4
    expected = (x - projected).flatten(1).norm(dim=1) / x.flatten(1).norm(dim=1)
    torch.testing.assert_close(found.error, expected, atol=1e-6, rtol=1e-4)


def test_batch_norm_is_undone() -> None:
    convolution = seeded(lambda: nn.Conv2d(1, 6, 2))
    norm = nn.BatchNorm2d(6)
    norm(convolution(images(16, 1, 6, 6)) * 3 + 1)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, -2.0, 0.5, 3.0, 0.1, 0.0]))
        norm.bias.copy_(torch.arange(6))
    x = images(1, 1, 6, 6)
    (found,) = reconstruct(nn.Sequential(convolution, norm, CReLU()), x, iterations=2000)
    # The channel that it multiplies by 0 is lost, and the other five are enough.
    assert found.error.item() < 1e-4


def test_an_orthogonal_convolution_loses_nothing_through_several_layers() -> None:
    def orthogonal(channels: int, filters: int, kernel: int) -> nn.Conv2d:
        layer = nn.Conv2d(channels, filters, kernel, stride=kernel)
        nn.init.orthogonal_(layer.weight)
        return layer

    net = seeded(
        lambda: nn.Sequential(
            nn.Dropout(), orthogonal(3, 12, 2), CReLU(), nn.Dropout(), orthogonal(24, 96, 2), CReLU(), nn.Flatten()
        )
    )
    net.train()
    first, second = reconstruct(net, images(2, 3, 8, 8))
    assert (first.layer, second.layer) == ("1", "4")
    assert max(first.error.max(), second.error.max()) < 1e-6
    assert net.training


def test_deeper_layers_lose_more() -> None:
    net = seeded(
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), CReLU(), nn.Conv2d(8, 4, 3, stride=2, padding=1), CReLU())
    )
    x = images(2, 3, 12, 12)
    first, second = reconstruct(net, x)
    assert (first.error < second.error).all()
    assert len(reconstruct(net, x, depth=1)) == 1


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.MaxPool2d(3, 2, ceil_mode=True), nn.MaxPool2d(2, padding=1)])
def test_max_pooling_gives_the_least_squares_of_what_came_through(pool: nn.MaxPool2d) -> None:
    convolution = seeded(lambda: nn.Conv2d(1, 3, 3, padding=1))
    x = images(1, 1, 6, 6)
    (found,) = reconstruct(nn.Sequential(convolution, CReLU(), pool), x, tolerance=1e-10)
    a = matrix(convolution, (1, 6, 6))
    with torch.no_grad():
        y = convolution(x.double())
        switches = nn.MaxPool2d(
            pool.kernel_size, pool.stride, pool.padding, ceil_mode=pool.ceil_mode, return_indices=True
        )
        chosen = torch.zeros(3, 36, dtype=torch.bool)
        for phase in (y, -y):
            values, places = switches(phase.relu())
            for channel in range(3):
                chosen[channel, places[0, channel][values[0, channel] > 0]] = True
        target = (y - convolution.bias.view(-1, 1, 1)).flatten()[chosen.flatten()]
    expected = torch.linalg.lstsq(a[chosen.flatten()], target[:, None], driver="gelsd").solution.view_as(x)
    torch.testing.assert_close(found.images, expected.float(), atol=1e-4, rtol=1e-4)


def test_pooling_costs_more_than_none() -> None:
    convolution = seeded(lambda: nn.Conv2d(1, 8, 3, padding=1))
    x = images(2, 1, 8, 8)
    (whole,) = reconstruct(nn.Sequential(convolution, CReLU()), x)
    (pooled,) = reconstruct(nn.Sequential(convolution, CReLU(), nn.MaxPool2d(2)), x)
    assert (whole.error < pooled.error).all()


def test_half_precision_and_one_dimension() -> None:
    net = seeded(lambda: nn.Sequential(nn.Conv1d(1, 4, 2), CReLU()))
    (found,) = reconstruct(net.half(), images(3, 1, 9))
    assert found.error.max() < 1e-4
    assert len(found.records()) == 3


def test_bad_input() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), CReLU(), nn.Conv2d(4, 2, 3), nn.ReLU())
    with pytest.raises(ConfigError, match=r"begins with 1 block of.*needs 2"):
        reconstruct(net, images(1, 1, 8, 8), depth=2)
    with pytest.raises(ConfigError, match="begins with 0 blocks"):
        reconstruct(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), images(1, 1, 8, 8))
    with pytest.raises(ConfigError, match="fails on batch 1 of shape"):
        reconstruct(net, images(1, 3, 8, 8))
    with pytest.raises(DataError, match="not finite"):
        reconstruct(net, torch.full((1, 1, 8, 8), torch.nan))
    with pytest.raises(DataError, match="has no samples"):
        reconstruct(net, torch.zeros(0, 1, 8, 8))
    with pytest.raises(ConfigError, match="tolerance must be positive"):
        reconstruct(net, images(1, 1, 8, 8), tolerance=0)


def test_crelu_with_a_slope_below_zero_is_no_block() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), CReLU(negative_slope=0.1))
    with pytest.raises(ConfigError, match="begins with 0 blocks"):
        reconstruct(net, images(1, 3, 8, 8))
