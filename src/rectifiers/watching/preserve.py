"""Running a model without leaving a trace in it: modes, buffers and random numbers are put back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def preserve(model: nn.Module) -> Iterator[None]:
    """Put back what a forward pass may change: modes, buffers, the state of random number generators."""
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
    """Put `model` into evaluation mode for the block, and leave it as it was."""
    with preserve(model), torch.set_grad_enabled(gradients):
        model.eval()
        yield


def evaluate(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """What `model` returns in evaluation mode, without gradients and without being changed."""
    with evaluation(model):
        return model(*args, **kwargs)
