"""Gives a module tensors of another shape, and the old ones back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from .edit import Undo

Spread = Callable[[Tensor], Tensor]
"""Lays numbers of a parameter's old shape out in its new shape, with zeros at the new places."""


@runtime_checkable
class Reshaping(Protocol):
    """An edit that gives parameters another shape and says where their numbers went."""

    def spreads(self, model: nn.Module) -> Mapping[str, Spread]:
        """By full name of the parameter; called once `model` has been changed."""


def exchange_tensors(module: nn.Module, tensors: Mapping[str, Tensor], sizes: Mapping[str, int]) -> Undo:
    """Put `tensors` in the place of parameters and buffers, keeping flags, attributes and memory format.

    Args:
        module: the module.
        tensors: new values by name.
        sizes: what attributes such as `in_channels` become.

    Returns:
        What puts the very same old tensors back.
    """
    before = {name: getattr(module, name) for name in sizes}
    parameters = {name: module._parameters[name] for name in tensors if name in module._parameters}
    buffers = {name: module._buffers[name] for name in tensors if name in module._buffers}
    for name, old in parameters.items():
        assert old is not None
        module._parameters[name] = _parameter(tensors[name], old)
    for name in buffers:
        module._buffers[name] = tensors[name]
    for name, size in sizes.items():
        setattr(module, name, size)

    def undo() -> None:
        module._parameters.update(parameters)
        module._buffers.update(buffers)
        for name, size in before.items():
            setattr(module, name, size)

    return undo


def _parameter(tensor: Tensor, old: nn.Parameter) -> nn.Parameter:
    for format in (torch.channels_last, torch.channels_last_3d):
        fits = old.dim() == (4 if format is torch.channels_last else 5)
        if fits and not old.is_contiguous() and old.is_contiguous(memory_format=format):
            tensor = tensor.contiguous(memory_format=format)
    new = nn.Parameter(tensor, requires_grad=old.requires_grad)
    vars(new).update(vars(old))
    return new
