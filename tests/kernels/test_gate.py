"""SiLU and GELU from their output and a byte: beside PyTorch's in float64, in any memory order, and what is kept."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from rectifiers import create
from rectifiers import functional as R
from rectifiers.kernels import dispatch, gate, using
from rectifiers.kernels.gate import GATES, Gate

from .cases import derived, needs_library, poison

pytestmark = needs_library

both = pytest.mark.parametrize("one", GATES, ids=["silu", "gelu"])

SHAPE = (8, 16, 19, 17)
"""Large enough for the kernel, and no multiple of any vector."""


def run(one: Gate, x: Tensor) -> Tensor:
    found = one.run(x, (), 1)
    assert found is not None
    return found


@both
@pytest.mark.parametrize(
    "x",
    [
        2 * torch.randn(SHAPE),
        torch.randn(SHAPE).contiguous(memory_format=torch.channels_last),
        torch.randn(SHAPE).transpose(0, 2)[:, ::2],
        torch.linspace(-30, 30, 1 << 17),
        torch.linspace(-1.3, -0.7, 1 << 17),
    ],
    ids=["usual", "channels_last", "with gaps", "far", "around the minima"],
)
def test_value_and_slope(one: Gate, x: Tensor) -> None:
    grad = torch.randn_like(x)
    poison(grad, x)
    out, slope = derived(lambda x: run(one, x), x, (), grad)
    value, exact = derived(one.function, x.double(), (), grad.double())
    torch.testing.assert_close(out.double(), value, rtol=1e-6, atol=1e-7)
    # Of the slope, which is 1.1 at most: what rounding next to the minimum leaves, and what was fitted on its left.
    assert float(((slope - exact) / grad.abs().clamp(min=1e-3)).abs().max()) < 1.3e-5
    assert out.stride() == torch.empty_like(x).stride()


@both
def test_special_values(one: Gate) -> None:
    x = torch.zeros(1 << 14)
    x[:11] = torch.tensor([math.nan, math.inf, 0.0, -0.0, 1e-42, 50.0, -50.0, 1e30, -1e30, -1e37, -3.4e38])
    out, slope = derived(lambda x: run(one, x), x, (), torch.ones_like(x))
    assert out[:2].tolist()[1] == math.inf
    assert math.isnan(out[0].item())
    assert math.isnan(slope[0].item())
    torch.testing.assert_close(out[2:], one.function(x)[2:])
    torch.testing.assert_close(slope[1:11], torch.tensor([1, 0.5, 0.5, 0.5, 1, 0, 1, 0, 0, 0]))


@both
def test_same_bits_for_any_number_of_threads(one: Gate) -> None:
    x, grad = torch.randn(300_001), torch.randn(300_001)
    before, results = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(derived(lambda x: run(one, x), x, (), grad))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("name", ["swish", "gelu"])
def test_what_is_kept(name: str) -> None:
    """The output and a byte per element; of few elements, and without the kernel, the input."""
    module = create(name)
    for x, kernel in ((torch.randn(SHAPE), True), (torch.randn(5, 3), False)):
        for chosen in ("cpu", "reference"):
            kept: list[Tensor] = []
            leaf = x.clone().requires_grad_()
            with (
                saved_tensors_hooks(lambda tensor, kept=kept: kept.append(tensor) or tensor, lambda t: t),
                using(chosen),
            ):
                out = module(leaf)
            sizes = {tensor.dtype: tensor.numel() for tensor in kept}
            if kernel and chosen == "cpu":
                assert out.data_ptr() in [tensor.data_ptr() for tensor in kept]
                assert sizes == {torch.float32: x.numel(), torch.uint8: x.numel()}
            else:
                assert [tensor.data_ptr() for tensor in kept] == [leaf.data_ptr()]


@both
@pytest.mark.parametrize("create_graph", [False, True])
def test_hooks_may_lay_out_anew_what_is_kept(one: Gate, create_graph: bool) -> None:
    """As `torch.autograd.graph.save_on_cpu` does where it pins memory."""
    x = torch.randn(SHAPE).contiguous(memory_format=torch.channels_last).requires_grad_()
    grad = torch.randn(SHAPE)
    (expected,) = torch.autograd.grad(run(one, x), x, grad)
    with saved_tensors_hooks(lambda tensor: tensor.contiguous(), lambda tensor: tensor):
        out = run(one, x)
    (found,) = torch.autograd.grad(out, x, grad, create_graph=create_graph)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 if create_graph else 0)


@both
def test_a_mode_may_listen_to_the_backward_pass_alone(one: Gate) -> None:
    x = torch.randn(SHAPE, requires_grad=True)
    (expected,) = torch.autograd.grad(run(one, x).sum(), x)
    out = run(one, x)
    with FlopCounterMode(display=False):
        (found,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@both
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_second_derivative(one: Gate, memory_format: torch.memory_format) -> None:
    x = (2 * torch.randn(SHAPE)).contiguous(memory_format=memory_format)

    def twice(function: object, x: Tensor) -> Tensor:
        leaf = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(function(leaf).sin().sum(), leaf, create_graph=True)  # type: ignore[operator]
        return torch.autograd.grad(slope.square().sum(), leaf)[0]

    found, exact = twice(lambda x: run(one, x), x), twice(one.function, x.double())
    torch.testing.assert_close(found.double(), exact, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("utility", ["test_faketensor", "test_schema", "test_autograd_registration"])
@pytest.mark.parametrize("number", range(len(GATES)))
def test_the_operator_is_registered_as_pytorch_wants_it(utility: str, number: int) -> None:
    x = torch.randn(3, 70, requires_grad=True)
    torch.library.opcheck(torch.ops.rectifiers.gate.default, (x, number), test_utils=utility)


def test_arguments_that_do_not_fit() -> None:
    x = torch.randn(6)
    forward, backward = (dispatch.operator(f"{gate.NAME}_{part}") for part in ("forward", "backward"))
    y, side = forward(x, 0)
    for call in (
        lambda: forward(x.double(), 0),
        lambda: forward(x, 2),
        lambda: backward(x[:5], y, side, 0),
        lambda: backward(x, y, side[:5], 0),
        lambda: backward(x, y, side.int(), 0),
    ):
        with pytest.raises(RuntimeError, match="expected"):
            call()


def test_an_output_that_is_changed_in_place_is_an_error() -> None:
    out = R.swish(torch.randn(SHAPE, requires_grad=True))
    out.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()
