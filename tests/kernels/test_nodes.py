"""Nodes in C++ beside the node in Python: the same bits, the same saved, in everything that runs or records a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from rectifiers import functional as R
from rectifiers.kernels import nodes
from rectifiers.kernels.elementwise import ElementwiseFormula
from rectifiers.kernels.layout import ELEMENT, LAYER

from .cases import every, needs_library, output_grad, parameters


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
