"""First and second derivatives against finite differences, in float64, away from the kinks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call

from ..samples import Class, build, demand, inputs, off_zero, sample, shape


def _pure(module: Any) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
    """The module as a function of its input and parameters, and those parameters."""
    keys = [key for key, _ in module.named_parameters()]
    values = tuple(value.detach().clone().requires_grad_() for value in module.parameters())

    def call(x: Tensor, *parameters: Tensor) -> Tensor:
        out: Tensor = functional_call(module, dict(zip(keys, parameters, strict=True)), (x,))
        return out

    return call, values


def check_gradient(cls: Class) -> None:
    """By its input and its parameters."""
    call, arguments = _differentiable(cls)
    demand(gradcheck(call, arguments), "the gradient differs from finite differences")


def check_second_derivative(cls: Class) -> None:
    """By its input and its parameters."""
    call, arguments = _differentiable(cls)
    demand(gradgradcheck(call, arguments), "the second derivative differs from finite differences")


def _differentiable(cls: Class) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
    module = build(cls)
    off_zero(module)
    x = inputs(module, *shape(module.spec))
    call, parameters = _pure(module)
    return call, (x.requires_grad_(), *parameters)


def check_trained(cls: Class) -> None:
    """A step against the gradient changes every parameter, and lowers a loss that depends on all."""
    module, x = sample(cls)
    before = {key: value.detach().clone() for key, value in module.named_parameters()}
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-4)
    loss = (module(x) - 1).square().sum()
    loss.backward()
    optimizer.step()
    demand((module(x) - 1).square().sum() < loss, "a step against the gradient does not lower the loss")
    for key, value in module.named_parameters():
        demand(not torch.equal(value, before[key]), f"{key} is not trained")
