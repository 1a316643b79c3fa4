"""The kernel of ConvReLU against its composite: values, gradients, memory, and everything that calls it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rectifiers.kernels import conv_threshold, dispatch, library, using

LAST = {2: torch.channels_last, 3: torch.channels_last_3d}
TOLERANCES = {torch.float64: 1e-12, torch.float32: 2e-5, torch.bfloat16: 2e-2, torch.float16: 3e-3}


@pytest.fixture(autouse=True, scope="module")
def _kernel() -> Iterator[None]:
    if conv_threshold.NAME not in library.state(warn=False).formulas:
        pytest.skip(library.state(warn=False).why(conv_threshold.NAME))
    with using("cpu"):
        yield


@dataclass(frozen=True)
class Case:
    """The arguments of one call: its tensors' shapes, and the settings as the operators take them."""

    x: tuple[int, ...]
    weight: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    bias: bool = True
    dtype: torch.dtype = torch.float32
    last: bool = False

    @property
    def settings(self) -> tuple[Any, ...]:
        return self.stride, self.padding, self.dilation, self.groups

    def tensors(self) -> list[Tensor]:
        x = torch.randn(self.x, dtype=torch.float64).to(self.dtype)
        if self.last and x.ndim > 3:
            x = x.to(memory_format=LAST[x.ndim - 2])
        shapes = [self.weight, (self.x[1], *self.weight[2:]), *([self.weight[:1]] if self.bias else [])]
        return [x, *(torch.randn(shape, dtype=torch.float64).div(2).to(self.dtype) for shape in shapes)]


@st.composite
def cases(draw: Any, dtypes: Sequence[torch.dtype] = tuple(TOLERANCES)) -> Case:
    dims, groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))

    def each(low: int, high: int, count: int = dims) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(count))

    kernel, stride, dilation, padding = each(1, 4), each(1, 3), each(1, 2), each(0, 3, 2 * dims)
    reach = [(taps - 1) * gap + 1 for taps, gap in zip(kernel, dilation, strict=True)]
    sizes = [
        max(size, least - low - high, 1)
        for size, least, low, high in zip(
            each(1, (450, 40, 12)[dims - 1]), reach, padding[::2], padding[1::2], strict=True
        )
    ]
    inner, outer = draw(st.integers(1, 9)), draw(st.integers(1, 40))
    return Case(
        x=(draw(st.sampled_from((1, 2, 5, 13, 21))), groups * inner, *sizes),
        weight=(groups * outer, inner, *kernel),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
        dtype=draw(st.sampled_from(dtypes)),
        last=draw(st.booleans()),
    )


def kernel(tensors: Sequence[Tensor], case: Case) -> Tensor:
    x, weight, threshold, *bias = tensors
    margins = list(zip(case.padding[::2], case.padding[1::2], strict=True))
    return conv_threshold.convolve(
        x, weight, threshold, bias[0] if bias else None, case.stride, margins, case.dilation, case.groups
    )


def oracle(tensors: Sequence[Tensor], case: Case) -> Tensor:
    x, weight, threshold, *bias = tensors
    return conv_threshold.composite(x, weight, threshold, bias[0] if bias else None, *case.settings)


def differentiated(function: Any, tensors: Sequence[Tensor], case: Case, grad: Tensor | None = None) -> list[Tensor]:
    """Value and gradients; the gradient of the output is made from its shape where none is given."""
    leaves = [tensor.detach().requires_grad_() for tensor in tensors]
    out = function(leaves, case)
    grad = torch.linspace(-1, 1, out.numel(), dtype=torch.float64).sin().reshape(out.shape) if grad is None else grad
    return [out.detach(), *torch.autograd.grad(out, leaves, grad.to(case.dtype).to(out.dtype))]


def poison(tensors: Sequence[Tensor]) -> None:
    """Leave freed memory of these sizes full of NaN behind, for the next allocations to find."""
    for tensor in [torch.full_like(tensor, torch.nan) for tensor in tensors for _ in range(3)]:
        del tensor


def assert_near(found: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        scale = other.abs().max().clamp(min=1e-3).item() if other.numel() else 1
        torch.testing.assert_close(one.double() / scale, other.double() / scale, rtol=0, atol=tolerance)


@given(cases(), st.integers(0, 1000))
def test_value_and_gradients(case: Case, seed: int) -> None:
    torch.manual_seed(seed)
    tensors = case.tensors()
    expected = differentiated(oracle, [tensor.double() for tensor in tensors], case)
    poison(expected)
    found = differentiated(kernel, tensors, case)
    assert [one.dtype for one in found] == [case.dtype] * len(found)
    assert_near(found, expected, TOLERANCES[case.dtype])


BOXES = {
    "samples together": Case((70, 5, 8, 8), (17, 5, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    "few pixels": Case((37, 6, 3, 3), (40, 6, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    "bands of lines": Case((2, 40, 50, 48), (15, 40, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    "pieces of a line": Case((2, 3, 3000), (20, 3, 7), (1,), (3, 3), (1,), 1),
    "one tap": Case((3, 324, 20, 20), (48, 324, 1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    "each channel alone": Case((3, 20, 14, 14), (20, 1, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 20),
    "more taps than a panel": Case((2, 2, 9, 9, 9), (3, 2, 6, 6, 6), (1, 1, 1), (1,) * 6, (1, 1, 1), 1),
    "steps past the kernel": Case((2, 3, 20, 21), (4, 3, 1, 2), (3, 4), (0, 0, 0, 0), (1, 1), 1),
    "samples as lanes": Case((33, 6, 9, 7), (17, 6, 3, 3), (1, 1), (1, 1, 2, 0), (1, 1), 1),
    "lanes, most taps in padding": Case((16, 5, 4, 4), (40, 5, 3, 3), (1, 1), (2, 2, 2, 2), (2, 2), 1),
    "lanes, products of matrices": Case((33, 20, 4, 5), (96, 10, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 2),
    "lanes, products in steps": Case((16, 9, 8, 9), (32, 9, 3, 3), (2, 1), (2, 2, 2, 2), (1, 2), 1),
    "lanes, steps and gaps": Case((31, 6, 40, 23), (9, 2, 3, 2), (2, 3), (1, 0, 0, 2), (1, 2), 3),
    "lanes, more than one box": Case((12, 40, 50, 48), (15, 40, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    "lanes, pieces of a line": Case((16, 64, 1500), (20, 64, 7), (1,), (3, 3), (1,), 1),
    "lanes, windows of padding alone": Case((16, 3, 2, 2), (4, 3, 2, 2), (1, 1), (4, 4, 4, 4), (1, 1), 1),
    "lanes, padding around nothing": Case((16, 3, 0, 4), (5, 3, 2, 2), (1, 1), (2, 2, 1, 1), (1, 1), 1),
    "padding around nothing": Case((2, 6, 0, 4), (4, 3, 2, 2), (1, 2), (2, 2, 1, 1), (1, 1), 2),
    "windows of padding alone": Case((2, 3, 2, 2), (4, 3, 2, 2), (1, 1), (4, 4, 4, 4), (1, 1), 1),
}


@pytest.mark.parametrize("name", BOXES)
def test_every_way_to_cut(name: str) -> None:
    case = BOXES[name]
    tensors = case.tensors()
    expected = differentiated(oracle, [tensor.double() for tensor in tensors], case)
    assert_near(differentiated(kernel, tensors, case), expected, TOLERANCES[case.dtype])


def test_what_is_compared_before_use_goes_every_way() -> None:
    """Few samples go by panels; of many, outputs that fill vectors have another way than others."""
    ways = {(x[0] >= 12, outputs // 2 % 16 == 0) for x, outputs in conv_threshold._COMPARED}
    assert ways == {(False, False), (True, False), (True, True)}


def test_error_within_twice_that_of_the_composite() -> None:
    case = Case((16, 32, 16, 16), (32, 32, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1)
    tensors = case.tensors()
    exact = differentiated(oracle, [tensor.double() for tensor in tensors], case)
    composite, found = differentiated(oracle, tensors, case), differentiated(kernel, tensors, case)
    for one, other, truth in zip(found, composite, exact, strict=True):
        assert (one - truth).norm() <= 2 * (other - truth).norm()


@pytest.mark.parametrize("shape", [(2, 4, 17), (2, 4, 5, 6), (1, 4, 3, 4, 3)], ids=["1d", "2d", "3d"])
def test_gradcheck(shape: tuple[int, ...]) -> None:
    dims = len(shape) - 2
    case = Case(shape, (6, 2, *(2,) * dims), (2,) * dims, (1, 0) * dims, (1,) * dims, 2, dtype=torch.float64)
    tensors = [tensor.requires_grad_() for tensor in case.tensors()]
    assert torch.autograd.gradcheck(lambda *inputs: kernel(inputs, case), tensors)


def test_second_derivatives_are_those_of_the_composite() -> None:
    case = Case((2, 3, 5, 4), (4, 3, 2, 2), (1, 1), (1, 1, 0, 0), (1, 1), 1, dtype=torch.float64)
    tensors = [tensor.requires_grad_() for tensor in case.tensors()]
    assert torch.autograd.gradgradcheck(lambda *inputs: kernel(inputs, case), tensors)


def test_ties_and_nan() -> None:
    case = Case((1, 1, 4), (1, 1, 1), (1,), (0, 0), (1,), 1, bias=False)
    x = torch.tensor([[[0.5, torch.nan, torch.inf, -torch.inf]]])
    tensors = [x, torch.ones(1, 1, 1), torch.full((1, 1), 0.5)]
    grad = torch.tensor([[[1.0, 2.0, 4.0, 8.0]]])
    out, grad_x, _, grad_threshold = differentiated(kernel, tensors, case, grad)
    torch.testing.assert_close(out, torch.tensor([[[0.5, torch.nan, torch.inf, 0.5]]]), equal_nan=True)
    assert grad_x.tolist() == [[[0, 2, 4, 0]]]
    assert grad_threshold.item() == 9


def test_an_input_in_pieces() -> None:
    case = Case((3, 4, 9, 10), (5, 4, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1)
    tensors = case.tensors()
    wide = torch.randn(3, 8, 18, 10)
    inputs = [wide[:, ::2, ::2], *(torch.stack([tensor, tensor + 1], -1)[..., 0] for tensor in tensors[1:])]
    inputs[0].copy_(tensors[0])
    assert not any(tensor.is_contiguous() for tensor in inputs)
    for one, other in zip(differentiated(kernel, inputs, case), differentiated(kernel, tensors, case), strict=True):
        assert torch.equal(one, other)


def test_channels_last_stays() -> None:
    case = Case((2, 4, 9, 10), (5, 4, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, last=True)
    out, grad_x, *_ = differentiated(kernel, case.tensors(), case)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert grad_x.is_contiguous(memory_format=torch.channels_last)


def test_an_empty_batch() -> None:
    case = Case((0, 4, 9, 10), (5, 4, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1)
    out, *gradients = differentiated(kernel, case.tensors(), case)
    assert out.shape == (0, 5, 9, 10)
    assert all(not gradient.any() for gradient in gradients)


def test_only_the_input_is_saved() -> None:
    case = Case((2, 4, 9, 10), (5, 4, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1)
    tensors = [tensor.requires_grad_() for tensor in case.tensors()]
    saved: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        saved.append(tensor.data_ptr())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        kernel(tensors, case)
    assert set(saved) == {tensor.data_ptr() for tensor in tensors}


THREADS = """
import hashlib, sys, torch
from rectifiers.kernels import conv_threshold, dispatch, library
library.state(warn=True)
torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(0)
for shape, weight, settings in (
    ((5, 20, 33, 32), (24, 20, 3, 3), ((1, 1), (1, 1, 1, 1), (1, 1), 1)),
    ((40, 12, 8, 8), (10, 6, 3, 3), ((1, 1), (1, 1, 1, 1), (1, 1), 2)),
    ((48, 40, 5, 5), (48, 40, 3, 3), ((1, 1), (1, 1, 1, 1), (1, 1), 1)),
):
    x, w, t, b = torch.randn(shape), torch.randn(weight), torch.randn(shape[1], *weight[2:]), torch.randn(weight[0])
    y = dispatch.operator("conv_threshold_forward")(x, w, t, b, *settings)
    found = dispatch.operator("conv_threshold_backward")(torch.randn(y.shape), x, w, t, *settings)
    print(*(hashlib.sha256(one.contiguous().numpy().tobytes()).hexdigest() for one in (y, *found)))
"""


def test_same_bits_for_any_number_of_threads() -> None:
    def bits(threads: int) -> str:
        command = [sys.executable, "-c", THREADS, str(threads)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert bits(1) == bits(2) == bits(5)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_opcheck(dtype: torch.dtype) -> None:
    case = Case((2, 4, 9, 10), (6, 2, 3, 3), (2, 1), (1, 1, 0, 2), (1, 2), 2, dtype=dtype, last=True)
    tensors = [tensor.requires_grad_() for tensor in case.tensors()]
    checks = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")
    torch.library.opcheck(torch.ops.rectifiers.conv_threshold.default, (*tensors, *case.settings), test_utils=checks)


@pytest.mark.parametrize("batched", ["input", "all"])
def test_vmap(batched: str) -> None:
    case = Case((2, 4, 9, 10), (6, 2, 3, 3), (2, 1), (1, 1, 0, 2), (1, 2), 2)
    many = [torch.stack([tensor, -tensor, 2 * tensor], dim=1) for tensor in case.tensors()]
    in_dims = [1 if batched == "all" or at == 0 else None for at in range(len(many))]
    inputs = [tensor if dim == 1 else tensor[:, 0] for tensor, dim in zip(many, in_dims, strict=True)]
    operator = dispatch.operator(conv_threshold.NAME)
    found = torch.vmap(lambda *tensors: operator(*tensors, *case.settings), tuple(in_dims))(*inputs)
    each = [
        oracle([one[:, i] if dim == 1 else one for one, dim in zip(inputs, in_dims, strict=True)], case)
        for i in range(3)
    ]
    torch.testing.assert_close(found, torch.stack(each), rtol=1e-4, atol=1e-4)


def test_wider_parameters_are_computed_with_in_their_dtype() -> None:
    case = Case((1, 4, 9), (6, 4, 3), (1,), (1, 1), (1,), 1)
    x, *rest = case.tensors()
    wide = [tensor.double() for tensor in rest]
    out = kernel([x, *wide], case)
    assert out.dtype is torch.float32
    assert torch.equal(out, oracle([x.double(), *wide], case).float())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": (6, 4, 11)}, "larger than the padded input"),
        ({"groups": 4}, "fit the groups"),
        ({"stride": (0,)}, "positive strides"),
        ({"padding": (1,)}, "two paddings"),
    ],
)
def test_wrong_arguments_raise(change: dict[str, Any], message: str) -> None:
    case = Case(**{**vars(Case((1, 4, 8), (6, 4, 3), (1,), (1, 1), (1,), 1)), **change})
    with pytest.raises(RuntimeError, match=message):
        dispatch.operator(conv_threshold.NAME)(*case.tensors(), *case.settings)


@pytest.mark.parametrize("taps", [1, 3])
@pytest.mark.parametrize("outputs", [4, 48])
def test_the_order_of_memory_changes_no_bit(taps: int, outputs: int) -> None:
    """The path by samples reads and writes channels_last in place; the other one copies."""
    case = Case((17, 6, 9, 8), (outputs, 3, taps, taps), (1, 2), (1, 0, 2, 1), (1, 1), 2)
    x, *rest = case.tensors()
    expected = differentiated(kernel, [x, *rest], case)
    found = differentiated(kernel, [x.to(memory_format=torch.channels_last), *rest], case)
    assert found[0].is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
