"""Tensors of more than 2³¹ bytes, at both ends and where a 32-bit offset would turn over; less than 8 GiB are held."""

from __future__ import annotations

import os

import pytest
import torch
from torch import Tensor

from rectifiers.kernels import conv_threshold, dispatch, using
from rectifiers.kernels.elementwise import ElementwiseFormula
from rectifiers.kernels.layout import LAYER

from .cases import NAMED, every, needs_library, parameters

FREE = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

pytestmark = [
    needs_library,
    pytest.mark.slow,
    pytest.mark.skipif(FREE < 9 * 2**30, reason="needs 9 GiB of free memory"),
]

WINDOW = 1000
BYTES = 2**31


def sparse(elements: int, dtype: torch.dtype) -> tuple[Tensor, list[slice]]:
    """Zeros but for three windows: the start, around 2³¹ bytes, the end."""
    turn = BYTES // dtype.itemsize
    windows = [slice(0, WINDOW), slice(turn - WINDOW // 2, turn + WINDOW // 2), slice(elements - WINDOW, elements)]
    x = torch.zeros(elements, dtype=dtype)
    for window in windows:
        x[window] = torch.randn(WINDOW).to(dtype)
    return x, windows


def pieces(x: Tensor, windows: list[slice]) -> Tensor:
    return torch.cat([x[window] for window in windows])


@every
@torch.no_grad()  # With gradients on, a backward pass is the reference's, which can be differentiated again.
def test_elementwise(formula: ElementwiseFormula) -> None:
    if formula.along:
        pytest.skip("it has a test of its own")
    dtype = torch.bfloat16
    x, windows = sparse(BYTES // dtype.itemsize + 2 * WINDOW + 7, dtype)
    given = parameters(formula, x.shape, LAYER, torch.float32)
    small = pieces(x, windows)
    out = formula.forward(x, given, LAYER)
    torch.testing.assert_close(pieces(out, windows), formula.forward(small, given, LAYER), rtol=0, atol=0)
    del out
    grad, _ = sparse(x.numel(), dtype)
    found = formula.backward(grad, x, given, LAYER, inverted=False)
    expected = formula.backward(pieces(grad, windows), small, given, LAYER, inverted=False)
    assert found[0] is not None
    assert torch.equal(pieces(found[0], windows), expected[0])
    for one, other in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(one, other)


@torch.no_grad()
def test_rows_that_belong_together() -> None:
    formula, dtype, width = NAMED["poly_norm"], torch.bfloat16, 1000
    rows = BYTES // dtype.itemsize // width
    x, grad = torch.zeros(rows + 5, width, dtype=dtype), torch.zeros(rows + 5, width, dtype=dtype)
    near = slice(rows - 3, rows + 5)  # around 2³¹ bytes, and the end
    x[near].normal_()
    grad[near].normal_()
    given = parameters(formula, x.shape, 1, torch.float32)
    assert torch.equal(formula.forward(x, given, 1)[near], formula.forward(x[near], given, 1))
    found = formula.backward(grad, x, given, 1, inverted=False)
    expected = formula.backward(grad[near], x[near], given, 1, inverted=False)
    assert found[0] is not None
    assert torch.equal(found[0][near], expected[0])
    torch.testing.assert_close(found[1], expected[1])


@torch.no_grad()
def test_both_phases() -> None:
    formula, dtype = NAMED["crelu"], torch.bfloat16
    x = torch.zeros(BYTES // dtype.itemsize // 2 + WINDOW, dtype=dtype)
    x[-WINDOW:].normal_()
    out = formula.forward(x, (), 0)
    positive, negative = out.chunk(2)
    assert torch.equal(positive[-WINDOW:], x[-WINDOW:].relu())
    assert torch.equal(negative[-WINDOW:], (-x[-WINDOW:]).relu())
    ends = x[-WINDOW:].clone()
    del x, positive, negative
    grad = torch.ones_like(out)
    (found,) = formula.backward(grad, out, (), 0, inverted=True)
    assert found is not None
    assert torch.equal(found[-WINDOW:], ends.sign())


@pytest.mark.parametrize("batch", [1, 16], ids=["by panels", "by samples"])
def test_convolution(batch: int) -> None:
    length = BYTES // 4 // batch + 33
    x = torch.zeros(batch, 1, length)
    x[-1, :, -WINDOW:].normal_()
    weight, threshold = torch.randn(1, 1, 3), torch.randn(1, 3)
    settings = ((1,), (0, 0), (1,), 1)
    small = x[-1:, :, -WINDOW:].clone()
    with using("cpu"):
        assert dispatch.serves(conv_threshold.NAME, x)
    forward, backward = (dispatch.operator(f"{conv_threshold.NAME}_{part}") for part in ("forward", "backward"))
    out = forward(x, weight, threshold, None, *settings)
    exact = conv_threshold.composite(small, weight, threshold, None, *settings)
    torch.testing.assert_close(out[-1:, :, 2 - WINDOW :], exact, rtol=1e-5, atol=1e-5)
    out.zero_()[-1, :, 2 - WINDOW :] = 1
    found = backward(out, x, weight, threshold, *settings)
    inputs = [tensor.requires_grad_() for tensor in (small, weight, threshold)]
    value = conv_threshold.composite(*inputs, None, *settings)
    expected = torch.autograd.grad(value, inputs, torch.ones_like(value))
    torch.testing.assert_close(found[0][-1:, :, -WINDOW:], expected[0], rtol=1e-5, atol=1e-5)
    for one, other in zip(found[1:3], expected[1:], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)
