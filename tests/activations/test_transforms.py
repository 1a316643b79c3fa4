"""What PyTorch does to a module: compile, export, ONNX, torch.func."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jvp, stack_module_state, vmap

from rectifiers.core.errors import UnsupportedError

from .samples import NAMES, build, inputs, names, one_of_each, quick_first, sample, shape, spec_of, vary

ONE_OF_EACH_FORMULA = one_of_each(lambda spec: (spec.kind, spec.formula) if spec.parameters else spec.kind)
TWO_TO_COMPILE = names(lambda spec: spec.formula == "two_slopes")[:1] + names(lambda spec: spec.formula == "wave")[:1]


def able(capability: str) -> list[str]:
    return names(lambda spec: capability not in spec.unsupported)


def check_compiled(module: Any, x: Tensor, backend: str) -> None:
    torch.compiler.reset()
    x.requires_grad_()
    expected = module(x)
    (expected_slope,) = torch.autograd.grad(expected.sum(), x)
    out = torch.compile(module, fullgraph=True, backend=backend)(x)
    (slope,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(slope, expected_slope)


@pytest.mark.parametrize("name", able("compile"))
def test_compile_without_graph_breaks(name: str) -> None:
    check_compiled(*sample(name), backend="aot_eager")


@pytest.mark.parametrize("name", quick_first(TWO_TO_COMPILE, able("compile")))
def test_compile_with_inductor(name: str) -> None:
    check_compiled(*sample(name), backend="inductor")


@pytest.mark.parametrize("name", names(lambda spec: spec.stochastic and "compile" not in spec.unsupported))
def test_compile_in_training(name: str) -> None:
    module, x = sample(name)
    torch.compiler.reset()
    out = torch.compile(module.train(), fullgraph=True, backend="aot_eager")(x)
    assert not torch.equal(out, module.eval()(x))


@pytest.mark.parametrize("name", names(lambda spec: spec.share == "channel")[:2])
def test_compile_before_the_first_call(name: str) -> None:
    """Shapes are found outside the graph, so the first call may break it; parameters come out as in eager mode."""
    torch.compiler.reset()
    lazy, x = build(name, channels=None), sample(name)[1]
    torch.testing.assert_close(torch.compile(lazy, backend="aot_eager")(x), sample(name)[0](x))


@pytest.mark.parametrize("name", able("export"))
def test_export_with_any_batch_size(name: str) -> None:
    module, x = sample(name)
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(module, (x,), dynamic_shapes=({0: batch},))
    other = inputs(module, 7, *shape(module.spec)[1:])
    torch.testing.assert_close(program.module()(other), module(other))


@pytest.mark.parametrize("name", quick_first(ONE_OF_EACH_FORMULA, able("onnx")))
def test_onnx_computes_the_same(name: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    module = build(name, dtype=torch.float32)
    x = inputs(module, *shape(module.spec), dtype=torch.float32)
    vary(module)
    path = tmp_path / "function.onnx"
    torch.onnx.export(module, (x,), path, dynamo=True, verbose=False, dynamic_shapes=({0: torch.export.Dim("batch")},))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    other = inputs(module, 5, *shape(module.spec)[1:], dtype=torch.float32)
    (out,) = session.run(None, {session.get_inputs()[0].name: other.numpy()})
    torch.testing.assert_close(torch.from_numpy(out), module(other).detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", able("vmap"))
def test_vmap_over_inputs(name: str) -> None:
    module, x = sample(name)
    batches = torch.stack([x, x.flip(0), x * 0.5])
    expected = torch.stack([module(batch) for batch in batches])
    torch.testing.assert_close(vmap(module)(batches), expected)


@pytest.mark.parametrize("name", names(lambda spec: spec.stochastic))
def test_vmap_draws_for_each_sample_or_once_for_all(name: str) -> None:
    module, x = sample(name)
    x = -x.abs()
    twice = torch.stack([x, x])
    module.train()
    different, same = vmap(module, randomness="different")(twice), vmap(module, randomness="same")(twice)
    assert not torch.equal(different[0], different[1])
    assert torch.equal(same[0], same[1])


@pytest.mark.parametrize("name", names(lambda spec: spec.parameters and "vmap" not in spec.unsupported))
def test_vmap_over_an_ensemble(name: str) -> None:
    modules = [build(name) for _ in range(3)]
    for module in modules[1:]:
        vary(module)
    x = inputs(modules[0], *shape(spec_of(name)))
    states = stack_module_state(modules)
    out = vmap(lambda state: functional_call(modules[0], state, (x,)))(states)
    torch.testing.assert_close(out, torch.stack([module(x) for module in modules]))


@pytest.mark.parametrize("name", NAMES)
def test_func_grad_is_autograd(name: str) -> None:
    module, x = sample(name)

    def loss(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(module, parameters, (x,)).square().sum()

    parameters = dict(module.named_parameters())
    found, slope = grad(loss, argnums=(0, 1))({key: value.detach() for key, value in parameters.items()}, x)
    x.requires_grad_()
    expected = torch.autograd.grad(loss(parameters, x), [x, *parameters.values()])
    torch.testing.assert_close(slope, expected[0])
    for key, value in zip(parameters, expected[1:], strict=True):
        torch.testing.assert_close(found[key], value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_forward_mode_is_reverse_mode(name: str) -> None:
    module, x = sample(name)
    direction = torch.linspace(-1, 1, x.numel(), dtype=x.dtype).reshape(x.shape)
    value, push = jvp(module, (x,), (direction,))
    weights = torch.linspace(0.5, 1.5, value.numel(), dtype=x.dtype).reshape(value.shape)
    slope = grad(lambda x: (weights * module(x)).sum())(x)
    torch.testing.assert_close((weights * push).sum(), (slope * direction).sum())


@pytest.mark.parametrize("name", able("vmap"))
def test_gradients_per_sample(name: str) -> None:
    module, x = sample(name)
    parameters = {key: value.detach() for key, value in module.named_parameters()}

    def loss(parameters: dict[str, Tensor], one: Tensor) -> Tensor:
        return functional_call(module, parameters, (one.unsqueeze(0),)).square().sum()

    slopes = vmap(grad(loss, argnums=1), in_dims=(None, 0))(parameters, x)
    torch.testing.assert_close(slopes, grad(loss, argnums=1)(parameters, x[0]).new_tensor(slopes.tolist()))
    for one, slope in zip(x, slopes, strict=True):
        torch.testing.assert_close(slope, grad(loss, argnums=1)(parameters, one))


MISSING = {
    "vmap": lambda module, x: vmap(module)(x.unsqueeze(0)),
    "compile": lambda module, x: torch.compile(module, fullgraph=True, backend="eager")(x),
    "export": lambda module, x: torch.export.export(module, (x,)),
    "onnx": lambda module, x: torch.onnx.export(module, (x,), dynamo=True, verbose=False),
    "gradgrad": lambda module, x: torch.func.hessian(lambda x: module(x).sum())(x),
}


@pytest.mark.parametrize(
    ("name", "capability"), [(name, capability) for name in NAMES for capability in spec_of(name).unsupported]
)
def test_what_a_function_cannot_do_is_a_named_error(name: str, capability: str) -> None:
    with pytest.raises(UnsupportedError, match=name):
        MISSING[capability](*sample(name))


def test_specs_name_known_capabilities_alone() -> None:
    assert {key for name in NAMES for key in spec_of(name).unsupported} <= MISSING.keys()
