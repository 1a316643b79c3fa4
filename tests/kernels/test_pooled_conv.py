"""The convolution with max-pooling behind it, against PyTorch's two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from rectifiers.kernels import library, pooled_conv, using
from rectifiers.speed.turns import use_threads

from .cases import poison

operators = torch.ops.rectifiers


@pytest.fixture(autouse=True, scope="module")
def _kernel() -> Iterator[None]:
    if pooled_conv.NAME not in library.state(warn=False).formulas:
        pytest.skip(library.state(warn=False).why(pooled_conv.NAME))
    with using("cpu"):
        yield


def tensors(shape: tuple[int, ...], outputs: int, kernel: tuple[int, int], last: bool = True) -> list[Tensor]:
    x = torch.randn(shape)
    if last:
        x = x.to(memory_format=torch.channels_last)
    return [x, torch.randn(outputs, shape[1], *kernel), torch.randn(outputs)]


def differentiated(function: Any, given: list[Tensor], padding: int) -> list[Tensor]:
    leaves = [tensor.detach().requires_grad_() for tensor in given]
    x, weight, *bias = leaves
    out = function(x, weight, bias[0] if bias else None, padding)
    grad = torch.linspace(-1, 1, out.numel(), dtype=torch.float64).sin().reshape(out.shape).to(out.dtype)
    return [out.detach(), *torch.autograd.grad(out, leaves, grad)]


def assert_as_composite(given: list[Tensor], padding: int) -> list[Tensor]:
    expected = differentiated(pooled_conv.composite, [tensor.double() for tensor in given], padding)
    poison(*(one.float() for one in expected))
    found = differentiated(pooled_conv.convolve, given, padding)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        torch.testing.assert_close(one.double(), other, rtol=0, atol=2e-5 * max(1.0, float(other.abs().max())))
    return found


@st.composite
def cases(draw: Any) -> tuple[list[Tensor], int]:
    kernel = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    padding = draw(st.integers(0, 3))
    sides = [max(1, size + 1 - 2 * padding + draw(st.integers(0, 9))) for size in kernel]
    shape = (draw(st.sampled_from((12, 16, 17, 29, 48))), draw(st.integers(1, 35)), *sides)
    given = tensors(shape, draw(st.integers(1, 15)), kernel, draw(st.booleans()))
    return given if draw(st.booleans()) else given[:2], padding


@given(cases(), st.integers(0, 1000))
def test_as_the_composite(case: tuple[list[Tensor], int], seed: int) -> None:
    given, padding = case
    assume(pooled_conv.convolve(given[0], given[1], None, padding) is not None)
    assert_as_composite(given, padding)


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize(
    ("shape", "outputs", "kernel", "padding"),
    [
        ((128, 1, 28, 28), 10, (5, 5), 0),
        ((96, 10, 12, 12), 20, (5, 5), 0),
        ((33, 20, 4, 4), 40, (3, 3), 0),
        ((16, 3, 9, 9), 5, (3, 3), 1),
        ((300, 2, 6, 5), 3, (1, 2), 0),
        ((16, 64, 8, 8), 16, (3, 3), 1),
        ((16, 17, 8, 8), 3, (1, 7), 3),
    ],
)
def test_shapes_of_networks(
    shape: tuple[int, ...], outputs: int, kernel: tuple[int, int], padding: int, last: bool
) -> None:
    given = tensors(shape, outputs, kernel, last)
    out, grad, *_ = assert_as_composite(given, padding)
    kept = torch.channels_last if last else torch.contiguous_format
    assert out.is_contiguous(memory_format=kept)
    assert grad.is_contiguous(memory_format=kept)


@pytest.mark.parametrize("order", [(0, 1, 3, 2), (1, 0, 2, 3), (3, 2, 1, 0)])
def test_strides_do_not_matter(order: tuple[int, ...]) -> None:
    x, weight, bias = tensors((16, 3, 8, 7), 4, (3, 2))
    back = [order.index(axis) for axis in range(4)]
    turned = x.permute(order).contiguous().permute(back)
    for one, other in zip(
        assert_as_composite([turned, weight, bias], 1), assert_as_composite([x, weight, bias], 1), strict=True
    ):
        torch.testing.assert_close(one, other)
    sliced = torch.randn(16, 3, 8, 14)[..., ::2]
    assert_as_composite([sliced, torch.randn(8, 3, 3, 2)[::2], torch.randn(8)[::2]], 0)


def test_of_equals_the_first_wins_and_a_nan_passes() -> None:
    x = torch.zeros(16, 1, 4, 4)
    x[:, :, 0, 0] = torch.tensor([torch.nan, torch.inf, -torch.inf, 1.0] * 4)[:, None]
    weight = torch.ones(1, 1, 1, 1)
    found = differentiated(pooled_conv.convolve, [x, weight], 0)
    expected = differentiated(pooled_conv.composite, [x, weight], 0)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=0, equal_nan=True)


@pytest.mark.parametrize(("shape", "padding"), [((128, 10, 12, 12), 0), ((500, 1, 9, 9), 2)])
def test_bits_do_not_depend_on_the_number_of_threads(shape: tuple[int, ...], padding: int) -> None:
    given = tensors(shape, 7, (5, 5))
    found = []
    for threads in (1, 2, 3):
        with use_threads(threads):
            found.append(differentiated(pooled_conv.convolve, given, padding))
    for other in found[1:]:
        assert all(torch.equal(one, two) for one, two in zip(found[0], other, strict=True))


def test_bits_of_a_sample_do_not_depend_on_the_others() -> None:
    x, weight, bias = tensors((64, 3, 8, 8), 5, (3, 3))
    whole = pooled_conv.convolve(x, weight, bias, 0)
    part = pooled_conv.convolve(x[32:], weight, bias, 0)
    assert whole is not None
    assert part is not None
    assert torch.equal(whole[32:], part)


def test_a_gradient_in_another_order_of_memory() -> None:
    given = [tensor.requires_grad_() for tensor in tensors((16, 3, 8, 8), 4, (3, 3))]
    out = pooled_conv.convolve(*given, 0)  # type: ignore[call-arg]
    assert out is not None
    grad = torch.randn(out.shape)
    expected = torch.autograd.grad(out, given, grad, retain_graph=True)
    for other in (grad.to(memory_format=torch.channels_last), grad.expand(2, *grad.shape)[0]):
        for one, two in zip(torch.autograd.grad(out, given, other, retain_graph=True), expected, strict=True):
            assert torch.equal(one, two)


def test_gradients_of_some_arguments_alone() -> None:
    given = tensors((16, 3, 8, 8), 4, (3, 3))
    expected = differentiated(pooled_conv.convolve, given, 1)[1:]
    for place in range(3):
        leaves = [tensor.detach().requires_grad_(number == place) for number, tensor in enumerate(given)]
        out = pooled_conv.convolve(*leaves, 1)  # type: ignore[call-arg]
        assert out is not None
        grad = torch.linspace(-1, 1, out.numel(), dtype=torch.float64).sin().reshape(out.shape).float()
        (found,) = torch.autograd.grad(out, leaves[place], grad)
        assert torch.equal(found, expected[place])


def test_second_derivatives_come_from_the_composite() -> None:
    x, weight, bias = (tensor.requires_grad_() for tensor in tensors((16, 2, 5, 5), 3, (2, 2)))
    found = []
    for function in (pooled_conv.convolve, pooled_conv.composite):
        out = function(x, weight, bias, 0)
        assert out is not None
        (slope,) = torch.autograd.grad(out.square().sum(), weight, create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), (x, weight, bias)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("utility", ["test_faketensor", "test_schema", "test_autograd_registration"])
@pytest.mark.parametrize("last", [True, False])
def test_the_operator_is_registered_as_pytorch_wants_it(utility: str, last: bool) -> None:
    given = [tensor.requires_grad_() for tensor in tensors((17, 3, 7, 8), 4, (3, 2), last)]
    torch.library.opcheck(operators.pooled_conv.default, (*given, 1), test_utils=utility)


X, WEIGHT = torch.randn(16, 2, 6, 6), torch.randn(3, 2, 3, 3)
PLACES = torch.zeros(1, 4, 3, 16, dtype=torch.uint8)


@pytest.mark.parametrize(
    "call",
    [
        lambda: operators.pooled_conv(X.double(), WEIGHT, None, 0),
        lambda: operators.pooled_conv(X, WEIGHT.double(), None, 0),
        lambda: operators.pooled_conv(X[0], WEIGHT, None, 0),
        lambda: operators.pooled_conv(X[:, :1], WEIGHT, None, 0),
        lambda: operators.pooled_conv(X[:0], WEIGHT, None, 0),
        lambda: operators.pooled_conv(X, WEIGHT, torch.zeros(2), 0),
        lambda: operators.pooled_conv(X, WEIGHT, None, -1),
        lambda: operators.pooled_conv(X[..., :3], WEIGHT, None, 0),
        lambda: operators.pooled_conv_backward(X[:, :, :2, :2], X, WEIGHT, PLACES, 0, True),
        lambda: operators.pooled_conv_backward(torch.zeros(16, 3, 2, 2), X, WEIGHT, PLACES[:, :3], 0, True),
        lambda: operators.pooled_conv_backward(torch.zeros(16, 3, 2, 2), X, WEIGHT, PLACES.int(), 0, True),
        lambda: operators.pooled_conv_backward(torch.zeros(16, 3, 2, 2), X, WEIGHT, PLACES + 4, 0, True),
    ],
)
def test_wrong_arguments_raise(call: Any) -> None:
    with pytest.raises(RuntimeError, match=r"rectifiers: (expected|the kernel and a window are larger)"):
        call()


def test_what_the_kernel_is_not_for() -> None:
    x, weight, bias = tensors((16, 2, 6, 6), 3, (3, 3))
    for other in (x.double(), x[:3], x[..., :3], torch.zeros(0, 2, 6, 6), torch.randn(16, 2, 100, 100)):
        assert pooled_conv.convolve(other, weight.to(other.dtype), None, 0) is None
    with using("reference"):
        assert pooled_conv.convolve(x, weight, bias, 0) is None


def test_derivatives_by_differences() -> None:
    x, weight, bias = (tensor.double().requires_grad_() for tensor in tensors((12, 1, 3, 3), 2, (2, 2)))

    def call(*given: Tensor) -> Tensor:
        found = pooled_conv.convolve(*(tensor.float() for tensor in given), 0)  # type: ignore[call-arg]
        assert found is not None
        return found.double()

    assert gradcheck(call, (x, weight, bias), eps=1e-2, atol=1e-2)
