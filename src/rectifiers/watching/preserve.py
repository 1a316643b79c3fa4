"""Calling a model without changing it: modes, buffers and random number generators are put back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from .contents import copy_contents


@contextmanager
def preserve(model: nn.Module) -> Iterator[None]:
    """Put back after the block what a forward pass may change: modes, buffers and random number generators."""
    modes = {module: module.training for module in model.modules()}
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    kind = next(
        (tensor.device.type for tensor in model.parameters() if tensor.device.type not in ("cpu", "meta")), "cuda"
    )
    with torch.random.fork_rng(device_type=kind):
        try:
            yield
        finally:
            for module, mode in modes.items():
                module.training = mode
            with torch.no_grad():
                for module, name, buffer, before in buffers:
                    module._buffers[name] = buffer
                    if buffer.device.type != "meta" and not torch.equal(buffer, before):
                        buffer.copy_(before)


@contextmanager
def evaluation(model: nn.Module, *, gradients: bool = False) -> Iterator[None]:
    """Put `model` into evaluation mode for the block, and put back afterwards what the block changed."""
    with preserve(model), torch.set_grad_enabled(gradients):
        model.eval()
        yield


def evaluate(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return the outputs of `model` in evaluation mode, without gradients, and with the same random numbers every time.

    The model and the arguments are left as they were.
    """
    args, kwargs = copy_contents((args, dict(kwargs)), model)
    with evaluation(model):
        torch.manual_seed(0)
        # Copied before the buffers are put back, which may be among the outputs.
        return copy_contents(model(*args, **kwargs), model)
