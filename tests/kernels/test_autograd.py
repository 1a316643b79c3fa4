"""Derivatives of kernels: first by the kernel, higher through the reference; what is saved; transforms."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.graph import saved_tensors_hooks

from rectifiers import activations, kernels
from rectifiers.kernels import nodes
from rectifiers.kernels.elementwise import ElementwiseFormula
from rectifiers.kernels.layout import ELEMENT, LAYER

from .cases import NAMED, WITH_PARAMETERS, every, needs_library, parameters

pytestmark = needs_library


@pytest.fixture(autouse=True, params=[True, False], ids=["nodes in C++", "nodes in Python"])
def both_nodes(request: pytest.FixtureRequest, compiled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test with nodes of both kinds, where there are both."""
    if not nodes.are_loaded() and request.param:
        pytest.skip("nodes are made in Python here")
    monkeypatch.setattr(nodes, "_loaded", request.param)


SHAPE = (3, 4, 5)


def arguments(formula: ElementwiseFormula, axis: int) -> tuple[Tensor, list[Tensor]]:
    x = torch.randn(SHAPE, dtype=torch.float64)
    x = x + x.sign() * 0.05
    return x.requires_grad_(), [p.requires_grad_() for p in parameters(formula, SHAPE, axis)]


def call(formula: ElementwiseFormula, axis: int, x: Tensor, *given: Tensor) -> Tensor:
    return formula.apply(x, given, axis, tracked=True)


def axes(formula: ElementwiseFormula) -> tuple[int, ...]:
    return (1,) if formula.along else (LAYER, 1, ELEMENT)


@every
def test_first_derivative(formula: ElementwiseFormula) -> None:
    for axis in axes(formula):
        x, given = arguments(formula, axis)
        assert gradcheck(partial(call, formula, axis), (x, *given))


@every
@pytest.mark.parametrize("fast", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["along one way", "whole"])
def test_second_derivative(formula: ElementwiseFormula, fast: bool) -> None:
    for axis in axes(formula):
        x, given = arguments(formula, axis)
        assert gradgradcheck(partial(call, formula, axis), (x, *given), fast_mode=fast)


@every
def test_first_derivative_on_the_way_to_a_second_is_the_same(formula: ElementwiseFormula) -> None:
    """It comes from the reference, at an input that may be recovered from the output."""
    for axis in axes(formula):
        x, given = arguments(formula, axis)
        out = call(formula, axis, x, *given)
        grad = torch.randn_like(out)
        expected = torch.autograd.grad(out, (x, *given), grad, retain_graph=True)
        for one, other in zip(torch.autograd.grad(out, (x, *given), grad, create_graph=True), expected, strict=True):
            torch.testing.assert_close(one, other)


@every
def test_batched_gradients(formula: ElementwiseFormula) -> None:
    x, given = arguments(formula, 1)
    out = formula.apply(x, given, 1, tracked=True)
    grads = torch.randn(3, *out.shape, dtype=out.dtype)
    found = torch.autograd.grad(out, [x, *given], grads, is_grads_batched=True, retain_graph=True)
    for i, grad in enumerate(grads):
        for one, batch in zip(torch.autograd.grad(out, [x, *given], grad, retain_graph=True), found, strict=True):
            torch.testing.assert_close(one, batch[i])


@every
@pytest.mark.parametrize("dynamic", ["test_faketensor", "test_schema", "test_autograd_registration"])
def test_operators_are_registered_as_pytorch_wants_them(formula: ElementwiseFormula, dynamic: str) -> None:
    for axis in axes(formula):
        x, given = arguments(formula, axis)
        operator = getattr(torch.ops.rectifiers, formula.name).default
        for example in (x, x.detach().transpose(0, 2).contiguous().transpose(0, 2).requires_grad_()):
            torch.library.opcheck(operator, (example, *given, *formula.values, axis), test_utils=dynamic)


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # of the check itself
@pytest.mark.parametrize("formula", WITH_PARAMETERS[:1])
def test_operators_trace_ahead_of_time(formula: ElementwiseFormula) -> None:
    x, given = arguments(formula, LAYER)
    operator = getattr(torch.ops.rectifiers, formula.name).default
    utilities = ["test_aot_dispatch_static", "test_aot_dispatch_dynamic"]
    torch.library.opcheck(operator, (x, *given, *formula.values, LAYER), test_utils=utilities)


@every
def test_operators_can_be_batched(formula: ElementwiseFormula) -> None:
    operator = getattr(torch.ops.rectifiers, formula.name).default
    x, given = torch.randn(2, *SHAPE), parameters(formula, SHAPE, 1, torch.float32)
    found = torch.vmap(lambda x: operator(x, *given, *formula.values, 1))(x)
    torch.testing.assert_close(found, torch.stack([operator(one, *given, *formula.values, 1) for one in x]))


def saved(module: Any, x: Tensor) -> tuple[list[Tensor], Tensor]:
    """What a call saves that is as large as its input, and its output."""
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        out = module(x)
    return [tensor for tensor in kept if tensor.numel() >= x.numel()], out


@pytest.mark.parametrize("name", ["arelu", "elsa", "prelu", "adarelu", "crelu", "rrelu"])
def test_only_the_output_is_saved(name: str) -> None:
    module = activations.create(name, **({"channels": 4} if name == "adarelu" else {})).eval()
    kept, out = saved(module, torch.randn(SHAPE, requires_grad=True))
    assert [tensor.data_ptr() for tensor in kept] == [out.data_ptr()]


@pytest.mark.parametrize("name", ["pvlu", "vlu", "sinerelu", "apl_arelu", "pau"])
def test_only_the_input_is_saved(name: str) -> None:
    module = activations.create(name, **({"channels": 4} if name == "pvlu" else {})).eval()
    x = torch.randn(SHAPE, requires_grad=True)
    kept, _ = saved(module, x)
    assert [tensor.data_ptr() for tensor in kept] == [x.data_ptr()]


@pytest.mark.parametrize("slope", [0.0, -0.5, 1e-6, float("nan")])
def test_a_slope_that_cannot_be_undone_saves_the_input(slope: float) -> None:
    x, module = torch.randn(SHAPE, requires_grad=True), activations.create("prelu")
    torch.nn.init.constant_(module.a, slope)
    kept, _ = saved(module, x)
    assert [tensor.data_ptr() for tensor in kept] == [x.data_ptr()]


def test_nothing_is_saved_without_a_derivative() -> None:
    with torch.no_grad():
        kept, out = saved(activations.create("arelu"), torch.randn(SHAPE, requires_grad=True))
    assert not kept
    assert not out.requires_grad


def test_compiled_regions_see_the_reference() -> None:
    torch.compiler.reset()
    seen: list[str] = []

    def backend(graph: torch.fx.GraphModule, example: list[Tensor]) -> Any:
        seen.extend(str(node.target) for node in graph.graph.nodes)
        return graph

    module, x = activations.create("arelu"), torch.randn(SHAPE)
    torch.testing.assert_close(torch.compile(module, backend=backend, fullgraph=True)(x), module(x))
    assert seen
    assert not any("rectifiers" in name for name in seen)


def test_what_the_kernels_do_not_know_goes_to_the_reference() -> None:
    class Labelled(Tensor):
        pass

    run = NAMED["two_slopes-2"].run
    given = [torch.tensor(0.5), torch.tensor(0.5)]
    x = torch.randn(SHAPE)
    assert run(x, given, 1) is not None
    for other in (x.to("meta"), x.as_subclass(Labelled), x.to_sparse(), x.to(torch.float8_e5m2)):
        assert run(other, given, 1) is None
    assert run(x, [torch.tensor(0.5, dtype=torch.float64), 0.5], 1) is None
    assert run(x, [torch.rand(4), torch.rand(4, 5)], 1) is None
    with kernels.using("reference"):
        assert run(x, given, 1) is None
    assert torch.vmap(lambda x: torch.tensor(run(x, given, 1) is None))(x).all()
