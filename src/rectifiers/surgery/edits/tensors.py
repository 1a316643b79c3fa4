"""Replacing a module's tensors by tensors of another shape, and putting the old ones back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from .edit import Undo

Layout = Callable[[Tensor], Tensor]
"""Lays a tensor of a parameter's old shape out in its new shape, with zeros in the new places."""


@runtime_checkable
class ReshapingEdit(Protocol):
    """An edit that gives parameters another shape and says where their old values are in it."""

    def layouts(self, model: nn.Module) -> Mapping[str, Layout]:
        """Return the layouts of the new shapes, by full name of the parameter, once `model` has been changed."""


def write(module: nn.Module, name: str, value: Tensor, inverse: Callable[[Tensor], Tensor]) -> Undo:
    """Give a parameter or buffer other numbers, in its own memory; return what brings the old ones back.

    Args:
        module: the module that has it.
        name: its name there; looked up again for the way back, because a buffer is another tensor after `module.to(…)`.
        value: the numbers.
        inverse: makes the old numbers of the new ones; for the way back where these have been trained since, which is
            to stay.
    """

    def put(numbers: Tensor) -> Tensor:
        tensor: Tensor = getattr(module, name)
        before = tensor.detach().clone()
        copy_into(tensor, numbers)
        return before

    old = put(value)
    new = getattr(module, name).detach().clone()

    def undo() -> None:
        now = getattr(module, name).detach()
        put(old if now.is_meta or _is_same(now, new) else inverse(now))

    return undo


def copy_into(tensor: Tensor, numbers: Tensor) -> None:
    """Copy numbers into a tensor's own memory, also where it was made in inference mode."""
    with torch.inference_mode(tensor.is_inference()), torch.no_grad():
        tensor.copy_(numbers)


def _is_same(now: Tensor, before: Tensor) -> bool:
    """Whether a tensor holds what it held before it may have been moved; NaN is the same as NaN."""
    if before.is_meta or now.shape != before.shape:
        return False
    before = before.to(now)
    return bool(((now == before) | (now.isnan() & before.isnan())).all())


def replace_tensors(module: nn.Module, tensors: Mapping[str, Tensor], sizes: Mapping[str, int]) -> Undo:
    """Replace parameters and buffers of `module`, keeping their flags, attributes and memory format.

    Args:
        module: the module that has them.
        tensors: the new tensors, by name.
        sizes: new values of attributes such as `in_channels`.

    Returns:
        What puts the very same old tensors back, where the module has moved since, too.

    Raises:
        ConfigError: a parameter has hooks, which its replacement would not have.
    """
    before = {name: getattr(module, name) for name in sizes}
    parameters = {name: module._parameters[name] for name in tensors if name in module._parameters}
    for name, parameter in parameters.items():
        if getattr(parameter, "_backward_hooks", None) or getattr(parameter, "_post_accumulate_grad_hooks", None):
            raise ConfigError(
                f"the {name} of {module} has hooks of its own, which one of another shape would not have; remove them, "
                "and register them anew after the swap"
            )
    buffers = {name: module._buffers[name] for name in tensors if name in module._buffers}
    for name, old in parameters.items():
        assert old is not None
        module._parameters[name] = _parameter(tensors[name], old)
    for name in buffers:
        module._buffers[name] = tensors[name]
    for name, size in sizes.items():
        setattr(module, name, size)

    def undo() -> None:
        for name, old in parameters.items():
            assert old is not None
            go_along(old, getattr(module, name))
            module._parameters[name] = old
        for name, buffer in buffers.items():
            module._buffers[name] = None if buffer is None else go_along(buffer, getattr(module, name))
        for name, size in before.items():
            setattr(module, name, size)

    return undo


def go_along(old: Tensor, now: Tensor | None) -> Tensor:
    """Return a tensor with the device and dtype of what is in its place now: a parameter itself, a buffer anew.

    Itself, too, if it has them, if it has no numbers that could move, or if nothing is in its place.
    """
    if now is None or old.is_meta or (old.device, old.dtype) == (now.device, now.dtype):
        return old
    moved = old.detach().to(now.device, now.dtype)
    if not isinstance(old, nn.Parameter):
        return moved
    old.data, old.grad = moved, None
    return old


def _parameter(tensor: Tensor, old: nn.Parameter) -> nn.Parameter:
    for format in (torch.channels_last, torch.channels_last_3d):
        fits = old.dim() == (4 if format is torch.channels_last else 5)
        if fits and not old.is_contiguous() and old.is_contiguous(memory_format=format):
            tensor = tensor.contiguous(memory_format=format)
    new = nn.Parameter(tensor, requires_grad=old.requires_grad)
    vars(new).update(vars(old))
    return new
