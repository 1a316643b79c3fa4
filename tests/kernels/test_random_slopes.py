"""RReLU's noise by the kernel: that of Philox, the same for any number of threads, and again in the derivative."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.graph import saved_tensors_hooks

from rectifiers import functional as R
from rectifiers import kernels
from rectifiers.speed.turns import use_threads

from .cases import needs_library

pytestmark = needs_library

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x32-10 of one counter, as its paper states it."""
    a, b, c, d = counter
    for number in range(10):
        first, second = ((word + number * step) & 0xFFFFFFFF for word, step in zip(key, WEYL, strict=True))
        left, right = MULTIPLIERS[0] * a, MULTIPLIERS[1] * c
        a, b, c, d = (
            (right >> 32) ^ b ^ first,
            right & 0xFFFFFFFF,
            (left >> 32) ^ d ^ second,
            left & 0xFFFFFFFF,
        )
    return [a, b, c, d]


def slopes(size: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """What the kernel multiplies elements below zero by."""
    return -torch.ops.rectifiers.random_slopes_forward(torch.full((size,), -1.0, dtype=dtype), 0.0, 1.0, seed)


def test_the_oracle_is_philox() -> None:
    """Known answers of Random123, the authors' library."""
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


@pytest.mark.parametrize("seed", [0, 2**63 - 1, 0x299F31D0A4093822 & (2**63 - 1)])
def test_noise_is_that_of_philox(seed: int) -> None:
    """The element at 64·g + 16·w + l has word w of counter 16·g + l."""
    found = slopes(5000, seed)
    for place in (0, 1, 15, 16, 63, 64, 100, 4095, 4096, 4999):
        group, word, lane = place // 64, place % 64 // 16, place % 16
        drawn = philox([16 * group + lane, 0, 0, 0], [seed & 0xFFFFFFFF, seed >> 32])[word]
        assert found[place].item() == (drawn >> 8) / 2**24


def test_slopes_lie_between_the_bounds_and_are_uniform() -> None:
    torch.manual_seed(0)
    x = torch.full((200_000,), -1.0)
    drawn = -R.rrelu(x, 0.25, 0.75, training=True)
    assert 0.25 <= float(drawn.min()) < 0.2501
    assert 0.7499 < float(drawn.max()) <= 0.75
    counts = torch.histc(drawn, 50, 0.25, 0.75)
    # χ² of 49 degrees of freedom exceeds 85 once in a thousand draws.
    assert float(((counts - 4000) ** 2 / 4000).sum()) < 85
    neighbours = (drawn[1:] - 0.5) * (drawn[:-1] - 0.5)
    assert abs(float(neighbours.mean())) < 3e-4


def test_what_is_not_below_zero_passes() -> None:
    x = torch.tensor([0.0, 1.0, torch.inf, torch.nan])
    torch.testing.assert_close(R.rrelu(x, training=True), x, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_the_same_bits_for_any_number_of_threads(dtype: torch.dtype, memory_format: torch.memory_format) -> None:
    x = torch.randn(8, 7, 41, 41).to(dtype).contiguous(memory_format=memory_format)
    grad = torch.randn_like(x)
    found = []
    for threads in (1, 2, 3):
        with use_threads(threads):
            torch.manual_seed(3)
            leaf = x.detach().requires_grad_()
            out = R.rrelu(leaf, training=True)
            out.backward(grad)
            assert out.is_contiguous(memory_format=memory_format)
            found.append((out.detach(), leaf.grad))
    for out, slope in found[1:]:
        assert slope is not None
        assert found[0][1] is not None
        assert torch.equal(out, found[0][0])
        assert torch.equal(slope, found[0][1])


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (63,), (4097,), (2, 3, 33)], ids=str)
@pytest.mark.parametrize("bounds", [(0.125, 1 / 3), (0.0, 0.0), (-0.5, 0.5), (0.25, 0.25)], ids=str)
def test_the_gradient_has_the_noise_of_the_output(shape: tuple[int, ...], bounds: tuple[float, float]) -> None:
    x = torch.randn(shape, dtype=torch.float64)
    leaf, grad = x.requires_grad_(), torch.randn(shape, dtype=torch.float64)
    out = R.rrelu(leaf, *bounds, training=True)
    (found,) = torch.autograd.grad(out, leaf, grad)
    torch.testing.assert_close(found * x, grad * out)


def test_strides_do_not_matter() -> None:
    x = torch.randn(6, 10)[:, ::2].requires_grad_()
    out = R.rrelu(x, training=True)
    (found,) = torch.autograd.grad(out, x, torch.ones(5, 6).T)
    torch.testing.assert_close(found * x, out)


@pytest.mark.parametrize("lower", [0.0, 0.125])
def test_hooks_may_lay_out_anew_what_is_kept(lower: float) -> None:
    """As `torch.autograd.graph.save_on_cpu` does where it pins memory."""
    x = torch.randn(2, 5, 3, 7).contiguous(memory_format=torch.channels_last).requires_grad_()
    with saved_tensors_hooks(lambda tensor: tensor.contiguous(), lambda tensor: tensor):
        out = R.rrelu(x, lower, training=True)
    for create_graph in (True, False):
        (found,) = torch.autograd.grad(out, x, torch.ones_like(out), create_graph=create_graph)
        torch.testing.assert_close(found * x, out)


def test_derivatives_of_any_order() -> None:
    x = torch.randn(4, 5, dtype=torch.float64)
    x = (x + x.sign() * 0.05).requires_grad_()

    def call(x: Tensor) -> Tensor:
        torch.manual_seed(1)
        return R.rrelu(x, training=True)

    assert gradcheck(call, (x,))
    assert gradgradcheck(call, (x,))


@pytest.mark.parametrize("utility", ["test_faketensor", "test_schema", "test_autograd_registration"])
def test_the_operator_is_registered_as_pytorch_wants_it(utility: str) -> None:
    x = torch.randn(3, 4, requires_grad=True)
    torch.library.opcheck(torch.ops.rectifiers.random_slopes.default, (x, 0.1, 0.4, 5), test_utils=utility)


def test_the_reference_keeps_the_noise_that_it_had() -> None:
    x = torch.randn(1000)
    with kernels.using("reference"):
        torch.manual_seed(2)
        found = R.rrelu(x, training=True)
    torch.manual_seed(2)
    expected = x * torch.where(x < 0, torch.empty_like(x).uniform_(1 / 8, 1 / 3), 1.0)
    assert torch.equal(found, expected)
