"""Triton's kernels against the references, in Triton's interpreter; `test_triton` runs this in a process of its own.

Memory that a kernel is to fill holds NaN before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from rectifiers import activations, kernels
from rectifiers.core.errors import DtypeError
from rectifiers.kernels import conv_threshold, dispatch, two_slopes
from rectifiers.kernels.elementwise import ElementwiseFormula
from rectifiers.kernels.layout import ELEMENT, LAYER
from rectifiers.kernels.rational import formulas as rational
from rectifiers.kernels.triton import conv_threshold as triton_convolution
from rectifiers.kernels.triton.loading import Triton

from .cases import NAMED, axes, derived, every, fast, output_grad, parameters, slow

# NumPy, which the interpreter computes with, warns of what special values lead to; and NumPy 1.26 of how the
# interpreter of some versions of Triton reads single numbers.
pytestmark = [
    pytest.mark.filterwarnings("ignore:(invalid value|overflow|divide by zero):RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:Conversion of an array with ndim > 0 to a scalar:DeprecationWarning"),
]

slow_case = pytest.mark.slow
SHAPES = [(1,), (5, 3), (2, 3, 45), *(pytest.param(s, marks=slow_case) for s in ((2, 2100), (33, 70), (120, 5, 2, 3)))]


@pytest.fixture(autouse=True, scope="module")
def _interpreted() -> Iterator[None]:
    """All kernels are Triton's; a failing self-test would leave the references compared with themselves."""
    states = {name: state for name, state in kernels.status().items() if name not in Triton.lacks}
    assert set(states.values()) == {"triton kernel, interpreted"}, states
    torch.use_deterministic_algorithms(True)  # fills empty tensors with NaN
    yield
    torch.use_deterministic_algorithms(False)


def assert_near(found: list[Tensor], expected: list[Tensor], tolerance: float = 2e-6) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        scale = max(1.0, float(other.abs().max())) if other.numel() else 1.0
        torch.testing.assert_close(one.double(), other.double(), rtol=tolerance, atol=tolerance * scale)


def exactly(formula: ElementwiseFormula, x: Tensor, given: list[Tensor], axis: int, grad: Tensor) -> list[Tensor]:
    return slow(formula, x.double(), [tensor.double() for tensor in given], axis, grad.double())


def compare(formula: ElementwiseFormula, x: Tensor, given: list[Tensor], axis: int) -> None:
    grad = output_grad(formula, x, axis)
    assert_near(fast(formula, x, given, axis, grad), exactly(formula, x, given, axis, grad))


@every
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes_and_granularities(formula: ElementwiseFormula, shape: tuple[int, ...]) -> None:
    for axis in axes(formula, shape):
        compare(formula, torch.randn(shape), parameters(formula, shape, axis, torch.float32), axis)


@every
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 3, 0, 4), ()], ids=str)
def test_nothing_and_a_single_number(formula: ElementwiseFormula, shape: tuple[int, ...]) -> None:
    for axis in axes(formula, shape):
        if formula.along and not shape:
            continue
        compare(formula, torch.randn(shape), parameters(formula, shape, axis, torch.float32), axis)


@every
@pytest.mark.parametrize(
    "lay_out",
    [
        lambda x: x.contiguous(memory_format=torch.channels_last),
        lambda x: x.transpose(1, 3).contiguous().transpose(1, 3)[:, :, ::2],
        pytest.param(lambda x: x.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2), marks=slow_case),
        pytest.param(lambda x: x[:, :1].expand(-1, 6, -1, -1), marks=slow_case),
    ],
    ids=["channels_last", "gaps", "batch_last", "expanded"],
)
def test_memory_orders(formula: ElementwiseFormula, lay_out: Callable[[Tensor], Tensor]) -> None:
    x = lay_out(torch.randn(3, 6, 8, 5))
    for axis in axes(formula, x.shape):
        compare(formula, x, parameters(formula, x.shape, axis, torch.float32), axis)


@every
def test_the_output_keeps_the_memory_order(formula: ElementwiseFormula) -> None:
    x = torch.randn(2, 6, 5, 4).contiguous(memory_format=torch.channels_last)
    out = formula.forward(x, parameters(formula, x.shape, 1, torch.float32), 1)
    assert out.is_contiguous(memory_format=torch.channels_last)


@every
@pytest.mark.parametrize("dtype", [pytest.param(torch.float16, marks=slow_case), torch.bfloat16], ids=str)
def test_half_precision_is_computed_in_float32(formula: ElementwiseFormula, dtype: torch.dtype) -> None:
    x = torch.randn(4, 5, 40).to(dtype)
    for given_dtype in (dtype, torch.float32):
        given = parameters(formula, x.shape, 1, given_dtype)
        grad = output_grad(formula, x, 1)
        found = fast(formula, x, given, 1, grad)
        assert [tensor.dtype for tensor in found] == [dtype, dtype, *(given_dtype for _ in given)]
        assert_near(found, exactly(formula, x, given, 1, grad), torch.finfo(dtype).eps)


@slow_case
@every
def test_special_values(formula: ElementwiseFormula) -> None:
    """As the reference has them, one at a time, for sums mix them; and no harm to other elements."""
    for value in (0.0, -0.0, math.inf, -math.inf, math.nan, 1e-42, 50.0, -50.0):
        x = torch.randn(3, 37)
        x[1, 2] = value
        given = parameters(formula, x.shape, 1, torch.float32)
        grad = output_grad(formula, x, 1)
        for one, other in zip(fast(formula, x, given, 1, grad), slow(formula, x, given, 1, grad), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3, equal_nan=True)


def test_parameters_of_two_granularities() -> None:
    x, alpha, beta = torch.randn(4, 6, 9), torch.tensor(0.7), torch.rand(6)
    compare(NAMED["wave"], x, [alpha, beta], 1)
    compare(NAMED["two_slopes-0"], x, [torch.rand(6, 9), torch.tensor(1.5)], ELEMENT)


@pytest.mark.parametrize("alpha", [0.009, 0.01, 0.99, 0.995])
@pytest.mark.parametrize("formula", [two_slopes.attention, two_slopes.amplified], ids=["ELSA", "AReLU"])
def test_alpha_on_the_bounds_of_its_clamp_and_behind_them(formula: ElementwiseFormula, alpha: float) -> None:
    given = [torch.tensor([alpha]), torch.tensor([0.5])]
    x, grad = torch.tensor([-2.0, -1.0, 3.0]), torch.ones(3)
    found = fast(formula, x, given, LAYER, grad)
    assert_near(found, exactly(formula, x, given, LAYER, grad))
    assert found[2].item() == pytest.approx(-3.0 if alpha in (0.01, 0.99) else 0.0)


@pytest.mark.parametrize("degrees", [(1, 1), (2, 3), (9, 1)], ids=str)
@pytest.mark.parametrize("form", ["A", "B"])
def test_rational_of_any_degree_and_sign(form: Any, degrees: tuple[int, int]) -> None:
    formula = rational[form]
    given = [torch.randn(degrees[0] + 1, 5), torch.randn(degrees[1], 5)]
    compare(formula, torch.randn(40, 5), given, 1)


@pytest.mark.parametrize("largest", [1.0, 100.0, 1e4, 1e7, 1e12])
def test_sine_is_accurate_to_float32(largest: float) -> None:
    x = torch.linspace(-largest, 0, 4001)
    alpha, beta = torch.tensor(1.0), torch.tensor(1.0 if largest > 1e7 else 0.9)
    phase = x.double() * beta.double()
    sine = NAMED["wave"].forward(x, [alpha, beta], LAYER)
    assert float((sine.double() - phase.sin()).abs().max()) < 1.3e-7
    gradient, *_ = torch.ops.rectifiers.wave_backward(torch.ones_like(x), x, alpha, beta, LAYER)
    assert float((gradient.double() - beta.double() * phase.cos()).abs().max()) < 2.5e-7


@every
def test_many_blocks_give_the_same_bits_every_time(formula: ElementwiseFormula) -> None:
    x = torch.randn(2, 3, 2100)
    given, grad = parameters(formula, x.shape, 1, torch.float32), output_grad(formula, x, 1)
    first, second = fast(formula, x, given, 1, grad), fast(formula, x, given, 1, grad)
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert_near(first, exactly(formula, x, given, 1, grad))


@pytest.mark.parametrize(
    ("name", "keeps_output"),
    [
        ("arelu", True),
        ("prelu", True),
        ("adarelu", True),
        ("crelu", True),
        ("pvlu", False),
        ("apl_arelu", False),
        ("pau", False),
    ],
)
def test_what_is_saved(name: str, keeps_output: bool) -> None:
    """The output, which the next layer keeps anyway, where it tells enough."""
    module = activations.registry.get(name)(share="layer")
    x, saved = torch.randn(2, 6, 5, requires_grad=True), []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: saved.append(tensor.data_ptr()) or tensor, lambda t: t
    ):
        out = module(x)
    assert (out.data_ptr() in saved) is keeps_output
    assert (x.data_ptr() in saved) is not keeps_output


@pytest.mark.parametrize("name", sorted(activations.registry))
def test_modules(name: str) -> None:
    """Every function that has a kernel, as its users call it."""
    spec = activations.registry.get(name).spec
    if spec.formula not in kernels.status() or spec.kind == "convolution":
        pytest.skip("it has no kernel")
    module = activations.registry.get(name)().eval()
    x = torch.randn(4, 6, 5)
    module(x)
    found = derived(lambda x: module(x), x, [], grad := torch.randn_like(module(x)))
    with kernels.using("reference"):
        expected = derived(lambda x: module(x), x, [], grad)
    assert_near(found, expected, 1e-5)


def test_second_derivatives_come_from_the_reference() -> None:
    module = activations.registry.get("pvlu")(share="layer")
    x = torch.randn(3, 4, requires_grad=True)
    (slope,) = torch.autograd.grad(module(x).sum(), x, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), x)
    alpha, beta = module.alpha.detach(), module.beta.detach()
    torch.testing.assert_close(curvature, -alpha * beta**2 * (beta * x.detach()).sin())


def test_double_precision_is_left_to_the_reference() -> None:
    x = torch.randn(5, dtype=torch.float64)
    assert not dispatch.serves("wave", x)
    with pytest.raises(DtypeError, match=r"expected float32, bfloat16 or float16 .*got torch\.float64"):
        torch.ops.rectifiers.wave_forward(x, torch.ones(()), torch.ones(()), LAYER)


# Input, outputs, kernel, then stride, padding before and after each axis, dilation, groups.
CONVOLUTIONS = [
    ((2, 3, 7, 6), 5, (3, 3), ((1, 1), (1, 1, 1, 1), (1, 1), 1)),
    ((2, 4, 7, 6), 6, (3, 2), ((2, 1), (1, 0, 0, 2), (1, 2), 2)),
    ((1, 40, 3, 5), 70, (1, 1), ((1, 1), (0, 0, 0, 0), (1, 1), 1)),
    ((2, 3, 4, 4), 3, (3, 3), ((2, 3), (1, 1, 1, 1), (1, 1), 3)),
    ((2, 4, 9), 6, (4,), ((3,), (1, 2), (2,), 1)),
    ((1, 2, 4, 5, 3), 3, (2, 3, 1), ((1, 2, 1), (0, 0, 1, 1, 0, 0), (1, 1, 1), 1)),
    ((0, 2, 5, 5), 3, (3, 3), ((1, 1), (0, 0, 0, 0), (1, 1), 1)),
]
convolution = pytest.mark.parametrize(("shape", "outputs", "kernel", "settings"), CONVOLUTIONS, ids=str)


def tensors(shape: tuple[int, ...], outputs: int, kernel: tuple[int, ...], groups: int) -> list[Tensor]:
    weight = torch.randn(outputs, shape[1] // groups, *kernel)
    return [torch.randn(shape), weight, 0.5 * torch.randn(shape[1], *kernel), torch.randn(outputs)]


def convolve(given: list[Tensor], settings: Any) -> list[Tensor]:
    """Output and gradients, by the kernel."""
    stride, padding, *rest = settings
    margins = list(zip(padding[::2], padding[1::2], strict=True))
    inputs = [tensor.detach().requires_grad_() for tensor in given]
    out = conv_threshold.convolve(*inputs, stride, margins, *rest)
    assert type(out.grad_fn).__name__ == "_DifferentiableBackward"
    return [out.detach(), *torch.autograd.grad(out, inputs, weight_of(out))]


def composite(given: list[Tensor], settings: Any) -> list[Tensor]:
    """Output and gradients in float64, by the reference."""
    inputs = [tensor.detach().double().requires_grad_() for tensor in given]
    out = conv_threshold.composite(*inputs, *settings)
    return [out.detach(), *torch.autograd.grad(out, inputs, weight_of(out))]


def weight_of(out: Tensor) -> Tensor:
    """A gradient for the output, the same however it was computed."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(out.shape, generator=generator).to(out.dtype)


@convolution
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels_last"])
def test_convolutions(shape: Any, outputs: int, kernel: Any, settings: Any, last: bool) -> None:
    given = tensors(shape, outputs, kernel, settings[-1])
    if last:
        given[0] = given[0].transpose(1, -1).contiguous().transpose(1, -1)
    assert_near(convolve(given, settings), composite(given, settings), 1e-5)


def test_convolution_of_a_view_with_gaps() -> None:
    given, settings = tensors((2, 3, 12, 6), 4, (3, 3), 1), CONVOLUTIONS[0][-1]
    given[0] = given[0][:, :, ::2]
    assert_near(convolve(given, settings), composite(given, settings), 1e-5)


def test_convolution_with_gaps_in_all_that_it_takes() -> None:
    given, settings = tensors((2, 3, 7, 6), 5, (3, 3), 1), CONVOLUTIONS[0][-1]
    given = [torch.stack([tensor, tensor + 1], -1)[..., 0] for tensor in given]
    assert_near(convolve(given, settings), composite(given, settings), 1e-5)


@slow_case
def test_convolution_splits_its_weight_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_convolution, "CHUNK", 64)
    monkeypatch.setattr(triton_convolution, "PROGRAMS", 27)
    given, settings = tensors((2, 3, 12, 11), 4, (3, 3), 1), CONVOLUTIONS[0][-1]
    found = convolve(given, settings)
    assert_near(found, composite(given, settings), 1e-5)
    assert all(torch.equal(one, other) for one, other in zip(found, convolve(given, settings), strict=True))


def test_convolution_numbers_positions_in_64_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_convolution, "NARROW", 0)
    given, settings = tensors((2, 3, 7, 6), 5, (3, 3), 1), CONVOLUTIONS[0][-1]
    assert_near(convolve(given, settings), composite(given, settings), 1e-5)


# Products of bfloat16 with bfloat16 are not among what the interpreter gets right.
@pytest.mark.parametrize(
    ("dtype", "all_half"), [(torch.float16, True), (torch.float16, False), (torch.bfloat16, False)], ids=str
)
def test_convolution_in_half_precision(dtype: torch.dtype, all_half: bool) -> None:
    given, settings = tensors((2, 3, 7, 6), 5, (3, 3), 1), CONVOLUTIONS[0][-1]
    given = [tensor.to(dtype) if all_half or place == 0 else tensor for place, tensor in enumerate(given)]
    found = convolve(given, settings)
    assert [tensor.dtype for tensor in found[1:]] == [tensor.dtype for tensor in given]
    assert_near(found, composite(given, settings), 4 * torch.finfo(dtype).eps)


def test_a_tie_and_a_nan_in_a_convolution() -> None:
    """A tie is the threshold's; a NaN passes."""
    x = torch.tensor([[[0.5, 2.0, math.nan]]])
    found = convolve([x, torch.ones(1, 1, 1), torch.full((1, 1), 0.5), torch.zeros(1)], ((1,), (0, 0), (1,), 1))
    out, grad_x, _, grad_threshold, _ = found
    torch.testing.assert_close(out, torch.tensor([[[0.5, 2.0, math.nan]]]), equal_nan=True)
    weight = weight_of(out)
    torch.testing.assert_close(grad_x, torch.where(torch.tensor([False, True, True]), weight, 0.0))
    torch.testing.assert_close(grad_threshold, weight[..., :1].reshape(1, 1))
