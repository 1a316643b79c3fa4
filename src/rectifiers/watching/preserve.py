"""Calling a model without changing it: modes, buffers, plain attributes and random number generators are put back."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .attributes import remember_attributes
from .contents import copy_contents
from .wrappers import run_eagerly

T = TypeVar("T")


@contextmanager
def preserve(model: nn.Module) -> Iterator[None]:
    """Put back after the block what a forward pass may change.

    These are modes, buffers, plain attributes with the tensors among them, and random number generators.
    """
    modules = list(model.modules())
    modes = {module: module.training for module in modules}
    put_back_attributes = remember_attributes(modules)
    tensors = [
        (held, name, tensor, tensor.detach().clone(), None if tensor.is_inference() else tensor._version)
        for module in modules
        for held in (module._buffers, module.__dict__)
        for name, tensor in held.items()
        if isinstance(tensor, Tensor) and not isinstance(tensor, nn.Parameter)
    ]
    parameters = (tensor for module in modules for tensor in module._parameters.values() if tensor is not None)
    kind = next((tensor.device.type for tensor in parameters if tensor.device.type not in ("cpu", "meta")), "cuda")
    with torch.random.fork_rng(device_type=kind), _same_random_numbers(), run_eagerly(model):
        try:
            yield
        finally:
            for module, mode in modes.items():
                module.training = mode
            put_back_attributes()
            with torch.no_grad():
                for held, name, tensor, before, version in tensors:
                    if held.get(name) is not tensor:
                        held[name] = tensor
                    if tensor.device.type != "meta" and not _is_untouched(tensor, before, version):
                        # Observers of quantisation take their size in the first call.
                        (tensor if tensor.shape == before.shape else tensor.resize_(before.shape)).copy_(before)


@contextmanager
def _same_random_numbers() -> Iterator[None]:
    """Put back the generators of Python and of NumPy, if it is loaded, from which some models draw."""
    numpy, before = sys.modules.get("numpy"), random.getstate()
    theirs = None if numpy is None else numpy.random.get_state()
    try:
        yield
    finally:
        random.setstate(before)
        if numpy is not None:
            numpy.random.set_state(theirs)


def _is_untouched(tensor: Tensor, before: Tensor, version: int | None) -> bool:
    # Sparse tensors cannot be compared, and those made in inference mode do not count writes.
    if tensor.layout is torch.strided:
        return torch.equal(tensor, before)
    return version is not None and tensor._version == version


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
        random.seed(0)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(0)
        return model(*given, **named)

    with evaluation(model):
        # Copied before the buffers are put back, which may be among the outputs.
        return copy_contents(without_gradients(run), model)
