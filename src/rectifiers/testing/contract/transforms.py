"""What PyTorch does to a module: compile, export, ONNX, torch.func."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, grad, jvp, stack_module_state, vmap

from ..samples import Class, build, inputs, sample, shape, vary


def check_compiled(cls: Class, backend: str) -> None:
    """`torch.compile` makes one graph of it, with the same values and slopes."""
    module, x = sample(cls)
    torch.compiler.reset()
    x.requires_grad_()
    expected = module(x)
    (expected_slope,) = torch.autograd.grad(expected.sum(), x)
    out = torch.compile(module, fullgraph=True, backend=backend)(x)
    (slope,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(slope, expected_slope)


def check_exported(cls: Class) -> None:
    """`torch.export` keeps the number of samples open, and the values."""
    module, x = sample(cls)
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(module, (x,), dynamic_shapes=({0: batch},))
    other = inputs(module, 7, *shape(module.spec)[1:])
    torch.testing.assert_close(program.module()(other), module(other))


def check_onnx(cls: Class, folder: Path) -> None:
    """Onnxruntime computes the same from the exported file; both have to be installed."""
    import onnxruntime

    module = build(cls, dtype=torch.float32)
    x = inputs(module, *shape(module.spec), dtype=torch.float32)
    vary(module)
    path = folder / "function.onnx"
    torch.onnx.export(module, (x,), path, dynamo=True, verbose=False, dynamic_shapes=({0: torch.export.Dim("batch")},))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    other = inputs(module, 5, *shape(module.spec)[1:], dtype=torch.float32)
    (out,) = session.run(None, {session.get_inputs()[0].name: other.numpy()})
    torch.testing.assert_close(torch.from_numpy(out), module(other).detach(), rtol=1e-5, atol=1e-5)


def check_vmap(cls: Class) -> None:
    """`vmap` over inputs."""
    module, x = sample(cls)
    batches = torch.stack([x, x.flip(0), x * 0.5])
    expected = torch.stack([module(batch) for batch in batches])
    torch.testing.assert_close(vmap(module)(batches), expected)


def check_ensemble(cls: Class) -> None:
    """`vmap` over the parameters of several modules."""
    modules = [build(cls) for _ in range(3)]
    for module in modules[1:]:
        vary(module)
    x = inputs(modules[0], *shape(cls.spec))
    states = stack_module_state(modules)
    out = vmap(lambda state: functional_call(modules[0], state, (x,)))(states)
    torch.testing.assert_close(out, torch.stack([module(x) for module in modules]))


def check_func_grad(cls: Class) -> None:
    """The gradients of `torch.func` are those of autograd."""
    module, x = sample(cls)

    def loss(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        value: Tensor = functional_call(module, parameters, (x,)).square().sum()
        return value

    parameters: dict[str, Any] = dict(module.named_parameters())
    found, slope = grad(loss, argnums=(0, 1))({key: value.detach() for key, value in parameters.items()}, x)
    x.requires_grad_()
    expected = torch.autograd.grad(loss(parameters, x), [x, *parameters.values()])
    torch.testing.assert_close(slope, expected[0])
    for key, value in zip(parameters, expected[1:], strict=True):
        torch.testing.assert_close(found[key], value)


def check_forward_mode(cls: Class) -> None:
    """Forward mode agrees with reverse mode."""
    module, x = sample(cls)
    direction = torch.linspace(-1, 1, x.numel(), dtype=x.dtype).reshape(x.shape)
    value, push = jvp(module, (x,), (direction,))  # type: ignore[misc]
    weights = torch.linspace(0.5, 1.5, value.numel(), dtype=x.dtype).reshape(value.shape)
    slope = grad(lambda x: (weights * module(x)).sum())(x)
    torch.testing.assert_close((weights * push).sum(), (slope * direction).sum())


def check_gradients_per_sample(cls: Class) -> None:
    """`vmap` of `grad` gives each sample's own."""
    module, x = sample(cls)
    parameters = {key: value.detach() for key, value in module.named_parameters()}

    def loss(parameters: dict[str, Tensor], one: Tensor) -> Tensor:
        value: Tensor = functional_call(module, parameters, (one.unsqueeze(0),)).square().sum()
        return value

    slopes = vmap(grad(loss, argnums=1), in_dims=(None, 0))(parameters, x)
    for one, slope in zip(x, slopes, strict=True):
        torch.testing.assert_close(slope, grad(loss, argnums=1)(parameters, one))
