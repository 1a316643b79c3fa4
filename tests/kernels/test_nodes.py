"""Nodes in C++ beside the node in Python: the same bits, the same saved, in everything that runs or records a graph."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo import compiled_autograd
from torch.autograd import forward_ad
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from rectifiers import functional as R
from rectifiers.kernels import nodes, two_slopes
from rectifiers.kernels.elementwise import ElementwiseFormula
from rectifiers.kernels.layout import ELEMENT, LAYER

from .cases import NAMED, every, needs_library, output_grad, parameters


@pytest.fixture(autouse=True)
def loaded(compiled: None) -> None:
    """Skips where there are none."""
    if not nodes.are_loaded():
        pytest.skip("nodes are made in Python here")


pytestmark = needs_library


def in_python(monkeypatch: pytest.MonkeyPatch, call: Callable[[], list[Tensor]]) -> list[Tensor]:
    with monkeypatch.context() as patch:
        patch.setattr(nodes, "_loaded", False)
        return call()


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_both_nodes_give_the_same_bits(
    formula: ElementwiseFormula, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    for axis in (1,) if formula.along else (LAYER, 1, ELEMENT):
        x = torch.randn(3, 5, 70).to(dtype)
        given, grad = parameters(formula, x.shape, axis, torch.float32), output_grad(formula, x, axis)

        def call(axis: int = axis, x: Tensor = x, given: Sequence[Tensor] = given, grad: Tensor = grad) -> list[Tensor]:
            inputs = [tensor.detach().requires_grad_() for tensor in (x, *given)]
            kept: list[Tensor] = []
            with saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
                out = formula.apply(inputs[0], inputs[1:], axis, tracked=True)
            whether = torch.tensor([one.data_ptr() == out.data_ptr() for one in kept])
            return [out.detach(), whether, *torch.autograd.grad(out, inputs, grad)]

        for one, other in zip(call(), in_python(monkeypatch, call), strict=True):
            assert torch.equal(one, other)


def test_gradients_of_some_inputs_alone() -> None:
    x, alpha = torch.randn(3, 4), torch.tensor(0.5, requires_grad=True)
    R.arelu(x, alpha).sum().backward()
    assert alpha.grad is not None
    x.requires_grad_()
    R.arelu(x, alpha.detach()).sum().backward()
    assert x.grad is not None


def test_a_gradient_that_is_not_plain_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expanded, with a stride of zero, or a subclass of a tensor."""
    x = torch.randn(3, 4, requires_grad=True)

    def call() -> list[Tensor]:
        return list(torch.autograd.grad(R.prelu(x, torch.full((4,), 0.2)).sum(), x))

    assert torch.equal(call()[0], in_python(monkeypatch, call)[0])


def test_a_parameter_that_was_changed_after_the_call_is_an_error() -> None:
    x, slope = torch.randn(3, requires_grad=True), torch.tensor(0.5, requires_grad=True)
    out = R.prelu(x, slope)
    with torch.no_grad():
        slope.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_a_graph_is_freed_by_its_first_backward_pass() -> None:
    x = torch.randn(3, requires_grad=True)
    out = R.prelu(x, torch.tensor(0.5)).sum()
    out.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        out.backward()


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # PyTorch's own
def test_a_compiled_backward_pass_tells_nodes_apart() -> None:
    """Two formulas that differ in an option alone, one after the other, then the first again."""
    x, slopes = torch.randn(3, 4, requires_grad=True), [torch.tensor(0.5, requires_grad=True) for _ in range(2)]
    inputs = (x, *slopes)
    torch._dynamo.reset()

    def derive(function: Callable[..., Tensor]) -> list[Tensor]:
        for one in inputs:
            one.grad = None
        function(*inputs).square().sum().backward()
        return [one.grad for one in inputs if one.grad is not None]

    for function in (R.arelu, R.elsa, R.arelu):
        expected = derive(function)
        with compiled_autograd._enable(torch.compile(backend="eager")):
            found = derive(function)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.filterwarnings("ignore:.*torch.jit")  # of PyTorch's own formulas for tangents
def test_a_tangent_of_a_gradient_is_not_lost() -> None:
    """Forward mode over the backward pass of a call that came before it."""
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    out = R.prelu(x, torch.tensor(0.5))
    with forward_ad.dual_level():
        grad = forward_ad.make_dual(torch.ones(2), torch.tensor([3.0, 4.0]))
        (found,) = torch.autograd.grad(out, x, grad)
        tangent = forward_ad.unpack_dual(found).tangent
        assert tangent is not None
        assert tangent.tolist() == [1.5, 4.0]


def test_the_name_of_a_node_is_that_of_its_formula() -> None:
    out = R.arelu(torch.ones(3, requires_grad=True), 0.5, 0.5)
    assert out.grad_fn is not None
    assert out.grad_fn.name() == "rectifiers::two_slopes"


def functions() -> list[ElementwiseFormula]:
    return [formula for formula in NAMED.values() if formula._function is not None]


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("per_channel", [False, True])
def test_a_call_from_c_does_what_python_does(
    formula: ElementwiseFormula, dtype: torch.dtype, per_channel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if formula not in functions():
        pytest.skip("Python's headers are not here")
    width = torch.float64 if dtype is torch.float64 else torch.float32
    axis = 1 if per_channel and not formula.along else LAYER
    shape = (3, 5, 70)
    x, given = torch.randn(shape).to(dtype), parameters(formula, shape, axis, width)
    grad = output_grad(formula, x, 1)

    def call() -> list[Tensor]:
        inputs = [tensor.detach().requires_grad_() for tensor in (x, *given)]
        out, plain = formula.run(inputs[0], inputs[1:], 1), formula.run(x, given, -2)
        assert out is not None
        assert plain is not None
        assert plain.grad_fn is None
        return [out.detach(), plain, *torch.autograd.grad(out, inputs, grad)]

    assert formula._function is not None
    assert formula._function(x, *given, 1) is not NotImplemented
    fast = call()
    monkeypatch.setattr(formula, "_function", None)
    for one, other in zip(fast, call(), strict=True):
        assert torch.equal(one, other)
        assert one.dtype is other.dtype


class Derived(Tensor):
    pass


@pytest.mark.parametrize(
    "x",
    [
        torch.ones(3, 4).as_subclass(Derived),
        torch.ones(3, 4, dtype=torch.int64),
        torch.ones(3, 4, dtype=torch.complex64),
        torch.ones(3, 4).to_sparse(),
        torch.ones(3, 4, device="meta"),
        torch.ones(3, 4, dtype=torch.complex64).conj().imag,
        None,
        1.0,
    ],
    ids=["derived", "integers", "complex", "sparse", "meta", "negated", "nothing", "a number"],
)
def test_what_is_no_plain_memory_is_left_to_python(x: object) -> None:
    if not functions():
        pytest.skip("Python's headers are not here")
    for formula in functions():
        given = parameters(formula, (3, 4), LAYER, torch.float32)
        assert formula._function is not None
        assert formula._function(x, *given, 1) is NotImplemented


@pytest.fixture
def function() -> Callable[..., Any]:
    """The call from C of a formula with two parameters."""
    found = two_slopes.amplified._function
    if found is None:
        pytest.skip("Python's headers are not here")
    return found


def test_parameters_that_do_not_fit_are_left_to_python(function: Callable[..., Any]) -> None:
    x, fit = torch.ones(3, 4), torch.ones(4)
    assert function(x, fit, fit, 1) is not NotImplemented
    for alpha in (torch.ones(5), torch.ones(3, 4), fit.double(), fit.as_subclass(Derived), 1, "a", None):
        assert function(x, alpha, fit, 1) is NotImplemented
    for channel_dim in (0, 2, -3, 10**6):
        assert function(x, fit, fit, channel_dim) is NotImplemented
    for arguments in ((), (x,), (x, fit, 1), (x, fit, fit, fit, 1)):
        assert function(*arguments) is NotImplemented
    for channel_dim in ("1", 10**30):
        with pytest.raises((TypeError, OverflowError)):
            function(x, fit, fit, channel_dim)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_what_records_or_transforms_a_call_is_left_to_python(function: Callable[..., Any]) -> None:
    x, alpha, seen = torch.ones(3), torch.tensor(0.5), []

    def call(x: Tensor) -> Tensor:
        seen.append(function(x, alpha, alpha, 1) is NotImplemented)
        return x * 2

    class Watcher(TorchDispatchMode):
        def __torch_dispatch__(self, called: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return called(*args, **(kwargs or {}))

    class Listener(TorchFunctionMode):
        def __torch_function__(self, called: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return called(*args, **(kwargs or {}))

    torch.func.vmap(call)(x)
    torch.func.grad(lambda x: call(x).sum())(x)
    with forward_ad.dual_level():
        call(x)
    torch.jit.trace(call, x, check_trace=False)
    with Watcher():
        call(x)
    with Listener():
        call(x)
    assert seen == [True] * 6
    call(x)
    assert seen[-1] is False


def test_numbers_that_stand_for_parameters() -> None:
    """In both widths, and made in inference mode first."""
    for value in (0.123, 0.456):
        for dtype in (torch.float32, torch.float64):
            x = torch.randn(5, dtype=dtype)
            with torch.inference_mode():
                first = R.prelu(x, value)
            for _ in range(10):
                x = x.detach().requires_grad_()
                out = R.prelu(x, value)
                out.sum().backward()
                assert torch.equal(out, first)
                slopes = torch.where(x < 0, torch.tensor(value, dtype=dtype), torch.ones((), dtype=dtype))
                assert torch.equal(out, slopes * x)
                assert x.grad is not None
                assert torch.equal(x.grad, slopes)


def test_other_threads_run_beside_a_call() -> None:
    """A call lets go of Python while it computes."""
    x, done, interval = torch.randn(2**24), threading.Event(), sys.getswitchinterval()
    seen: list[float] = []

    def note() -> None:
        while not done.is_set():
            seen.append(time.perf_counter())
            time.sleep(0)

    def is_seen_within() -> bool:
        """In the middle of a call, for Python itself may let the other thread on at both its ends."""
        began = time.perf_counter()
        R.arelu(x, 0.5, 0.5)
        quarter = (time.perf_counter() - began) / 4
        return any(began + quarter < moment < began + 3 * quarter for moment in seen.copy())

    sys.setswitchinterval(1000)
    noting = threading.Thread(target=note)
    noting.start()
    try:
        # The system may leave the other thread waiting that long, but not each time.
        assert any(is_seen_within() for _ in range(5))
    finally:
        done.set()
        noting.join()
        sys.setswitchinterval(interval)
