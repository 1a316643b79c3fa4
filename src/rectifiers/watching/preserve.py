"""Calling a model without changing it: modes, buffers and random number generators are put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .contents import copy_contents
from .wrappers import run_eagerly

T = TypeVar("T")


@contextmanager
def preserve(model: nn.Module) -> Iterator[None]:
    """Put back after the block what a forward pass may change: modes, buffers and random number generators."""
    modules = list(model.modules())
    modes = {module: module.training for module in modules}
    buffers = [
        (module, name, buffer, buffer.clone(), None if buffer.is_inference() else buffer._version)
        for module in modules
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    parameters = (tensor for module in modules for tensor in module._parameters.values() if tensor is not None)
    kind = next((tensor.device.type for tensor in parameters if tensor.device.type not in ("cpu", "meta")), "cuda")
    with torch.random.fork_rng(device_type=kind), run_eagerly(model):
        try:
            yield
        finally:
            for module, mode in modes.items():
                module.training = mode
            with torch.no_grad():
                for module, name, buffer, before, version in buffers:
                    module._buffers[name] = buffer
                    if buffer.device.type != "meta" and not _is_untouched(buffer, before, version):
                        # Observers of quantisation take their size in the first call.
                        (buffer if buffer.shape == before.shape else buffer.resize_(before.shape)).copy_(before)


def _is_untouched(buffer: Tensor, before: Tensor, version: int | None) -> bool:
    # Sparse tensors cannot be compared, and those made in inference mode do not count writes.
    if buffer.layout is torch.strided:
        return torch.equal(buffer, before)
    return version is not None and buffer._version == version


def without_gradients(run: Callable[[], T]) -> T:
    """Return what `run` returns, run without gradients, or with them if a model takes gradients in its `forward`."""
    try:
        with torch.no_grad():
            return run()
    except Exception as error:
        if "does not require grad" not in str(error):
            raise
    with torch.enable_grad():
        return run()


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

    def run() -> Any:
        given, named = copy_contents((args, dict(kwargs)), model)
        torch.manual_seed(0)
        return model(*given, **named)

    with evaluation(model):
        # Copied before the buffers are put back, which may be among the outputs.
        return copy_contents(without_gradients(run), model)
