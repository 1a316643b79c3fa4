"""Every kernel against its reference: shapes, strides, granularities, dtypes, special values."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from rectifiers.kernels.elementwise import ElementwiseFormula
from rectifiers.kernels.layout import ELEMENT, LAYER
from rectifiers.kernels.rational import formulas as rational

from .cases import NAMED, axes, every, fast, needs_library, output_grad, parameters, slow

pytestmark = needs_library


def off_kinks(x: Tensor) -> Tensor:
    """Away from zero; other kinks lie where random numbers do not."""
    return torch.where(x.abs() < 1e-3, 1e-3, x)


@st.composite
def laid_out(draw: st.DrawFn) -> Tensor:
    """A float64 tensor of any rank, sizes from 0 to beyond any vector, any memory order, with gaps or not."""
    shape = draw(st.lists(st.sampled_from([0, 1, 2, 3, 5, 17, 70]), max_size=4).filter(lambda s: math.prod(s) < 30000))
    order = draw(st.permutations(range(len(shape))))
    gaps = draw(st.booleans()) and bool(shape)
    sizes = [shape[dim] * (2 if gaps and dim == order[-1] else 1) for dim in order]
    x = torch.randn(sizes, dtype=torch.float64)
    x = x[..., ::2] if gaps else x
    return off_kinks(x.permute([order.index(dim) for dim in range(len(shape))]))


@pytest.mark.parametrize("name", NAMED)
@settings(max_examples=40)
@given(x=laid_out(), data=st.data())
def test_shapes_and_strides(name: str, x: Tensor, data: st.DataObject) -> None:
    formula = NAMED[name]
    choices = axes(formula, x.shape)
    assume(choices)
    axis = data.draw(st.sampled_from(choices))
    given_ = parameters(formula, x.shape, axis)
    grad = output_grad(formula, x, axis)
    found, expected = fast(formula, x, given_, axis, grad), slow(formula, x, given_, axis, grad)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@every
@pytest.mark.parametrize("shape", [(2, 300, 200), (9, 3, 700), (1, 3, 9000), (600, 10, 3)], ids=str)
def test_every_way_to_cut_a_tensor_into_tasks(formula: ElementwiseFormula, shape: tuple[int, ...]) -> None:
    """Parts of a sample, several samples, parts of a channel, and coefficients that vary, each in several tasks."""
    x = off_kinks(torch.randn(shape, dtype=torch.float64))
    given_, grad = parameters(formula, shape, 1), output_grad(formula, x, 1)
    for one, other in zip(fast(formula, x, given_, 1, grad), slow(formula, x, given_, 1, grad), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@every
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("axis", [LAYER, 1, ELEMENT])
def test_memory_order_is_kept(formula: ElementwiseFormula, memory_format: torch.memory_format, axis: int) -> None:
    x = torch.randn(3, 6, 5, 7).contiguous(memory_format=memory_format)
    axis = 1 if formula.along else axis
    out = formula.forward(x, parameters(formula, x.shape, axis, torch.float32), axis)
    assert out.is_contiguous(memory_format=memory_format)


@every
@pytest.mark.parametrize("shape", [(3, 5000), (2, 7, 41, 41), (40, 11), (9, 3, 2, 2), (300, 64)], ids=str)
def test_single_precision_is_as_near_to_double_as_the_reference(
    formula: ElementwiseFormula, shape: tuple[int, ...]
) -> None:
    for axis in (1,) if formula.along else (LAYER, 1, ELEMENT):
        x = off_kinks(2 * torch.randn(shape))
        given_ = parameters(formula, shape, axis, torch.float32)
        grad = output_grad(formula, x, axis)
        exact = slow(formula, x.double(), [p.double() for p in given_], axis, grad.double())
        found, composite = fast(formula, x, given_, axis, grad), slow(formula, x, given_, axis, grad)
        # Of sums in which much cancels, what the terms that were added amount to counts, not what is left of them.
        terms = slow(formula, x.double(), [p.double() for p in given_], axis, grad.double().abs())
        for one, other, truth, term in zip(found, composite, exact, terms, strict=True):
            amount = max(truth.abs().max(), term.abs().max() / max(1, x.numel() / one.numel()) ** 0.5)
            allowed = max(2 * float((other - truth).abs().max()), 4e-7 * float(amount))
            assert float((one - truth).abs().max()) <= allowed


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("given_dtype", [torch.float32, None], ids=["float32", "same"])
def test_half_precision_is_computed_in_float32(
    formula: ElementwiseFormula, dtype: torch.dtype, given_dtype: torch.dtype | None
) -> None:
    for axis in (1,) if formula.along else (LAYER, 1):
        x = torch.randn(5, 67, 3).to(dtype)
        given_ = parameters(formula, x.shape, axis, given_dtype or dtype)
        grad = output_grad(formula, x, axis)
        found, expected = fast(formula, x, given_, axis, grad), slow(formula, x, given_, axis, grad)
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == other.dtype
            # Gradients of parameters: the reference rounds every summand, the kernel the sum.
            tolerance = 2 * torch.finfo(dtype).eps
            torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * max(1.0, float(other.abs().max())))


def test_half_precision_to_float_and_back() -> None:
    """All 65536 patterns: the identity on what is exact, and rounding to nearest even from float32 on."""
    identity = NAMED["two_slopes-0"]
    one = torch.tensor(1.0)
    for dtype in (torch.float16, torch.bfloat16):
        x = torch.arange(-32768, 32768, dtype=torch.int32).to(torch.int16).view(dtype)
        torch.testing.assert_close(identity.forward(x, [one, one], LAYER), x, rtol=0, atol=0, equal_nan=True)
        slope = torch.tensor(1 / 3)
        expected = (x.float() * slope).to(dtype)
        torch.testing.assert_close(identity.forward(x, [slope, slope], LAYER), expected, rtol=0, atol=0, equal_nan=True)


@every
@pytest.mark.parametrize("axis", [LAYER, 1])
def test_special_values(formula: ElementwiseFormula, axis: int) -> None:
    """As the reference has them, and never a harm to other elements; one value at a time, for sums mix them."""
    axis = 1 if formula.along else axis
    for value in (0.0, -0.0, math.inf, -math.inf, math.nan, 1e-42, -1e-42, 50.0, -50.0):
        x = off_kinks(torch.randn(3, 37))
        x[1, 2] = value
        given_ = parameters(formula, x.shape, axis, torch.float32)
        grad = output_grad(formula, x, axis)
        found, expected = fast(formula, x, given_, axis, grad), slow(formula, x, given_, axis, grad)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3, equal_nan=True)


@pytest.mark.parametrize("largest", [1.0, 100.0, 1e4, 1e5, 1e7])
def test_sine_is_accurate_to_float32(largest: float) -> None:
    wave = NAMED["wave"]
    x = torch.linspace(-largest, largest, 200_001)
    alpha, beta = torch.tensor(1.0), torch.tensor(0.9)
    phase = x.double() * beta.double()
    sine = wave.forward(x, [alpha, beta], LAYER).double() - x.double().relu()
    below = x <= 0
    assert float((sine - phase.sin())[below].abs().max()) < 1.3e-7
    gradient, *_ = torch.ops.rectifiers.wave_backward(torch.ones_like(x), x, alpha, beta, LAYER)
    assert float((gradient.double() - 0.9 * phase.cos())[below].abs().max()) < 2.5e-7


@pytest.mark.parametrize("degrees", [(1, 1), (2, 3), (9, 1), (5, 4)], ids=str)
@pytest.mark.parametrize("form", ["A", "B"])
def test_rational_of_any_degree(form: str, degrees: tuple[int, int]) -> None:
    formula = rational[form]  # type: ignore[index]
    x = off_kinks(torch.randn(700, dtype=torch.float64))
    given_ = [torch.randn(degrees[0] + 1, dtype=torch.float64), torch.randn(degrees[1], dtype=torch.float64)]
    grad = torch.randn_like(x)
    for one, other in zip(fast(formula, x, given_, LAYER, grad), slow(formula, x, given_, LAYER, grad), strict=True):
        torch.testing.assert_close(one, other)


def test_sums_of_many_elements_stay_accurate() -> None:
    """A running sum of ones in float32 would stop growing at 2²⁴."""
    x, half = torch.full((2**25 + 8,), -1.0), torch.tensor(0.5)
    _, slope, _ = torch.ops.rectifiers.two_slopes_backward(torch.ones_like(x), x, half, half, 2, LAYER, False)
    assert slope.item() == -x.numel()
