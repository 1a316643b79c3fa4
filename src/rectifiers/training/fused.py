"""Parts of a network that run together where they follow one another: a convolution and the max-pooling behind it.

The network stays as it is: its modules, their names, types and weights. What changes is how an `nn.Sequential` goes
through them, and it goes one by one again where somebody listens at one of the two.
"""

from __future__ import annotations

from types import MethodType

import torch
from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

from ..kernels import pooled_conv
from ..networks.blocks import Network

_FORWARDS = (nn.Sequential.forward, Network.forward)
_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)


def fuse(net: nn.Module) -> nn.Module:
    """Let a network run convolutions and the max-pooling behind them in one pass, where there is a kernel for it.

    Results are the same up to rounding.

    Args:
        net: the network; changed.

    Returns:
        The same network.

    Example:
        >>> net = fuse(nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.ReLU()))
        >>> [type(part).__name__ for part in net]
        ['Conv2d', 'MaxPool2d', 'ReLU']
        >>> net(torch.zeros(16, 1, 10, 10)).shape
        torch.Size([16, 4, 4, 4])
    """
    for module in net.modules():
        if isinstance(module, nn.Sequential) and type(module).forward in _FORWARDS:
            # A bound method, which a copy of the network binds anew.
            module.forward = MethodType(_go_through, module)  # type: ignore[method-assign]
    return net


def _go_through(sequence: nn.Sequential, inputs: Tensor) -> Tensor:
    parts = list(sequence)
    place = 0
    while place < len(parts):
        part, following = parts[place], parts[place + 1] if place + 1 < len(parts) else None
        if (together := _run_together(part, following, inputs)) is not None:
            inputs, place = together, place + 2
        else:
            inputs, place = part(inputs), place + 1
    return inputs


def _run_together(convolution: nn.Module, pooling: nn.Module | None, inputs: Tensor) -> Tensor | None:
    """What comes out of two modules, or None where they are to be called one by one."""
    if not (type(convolution) is nn.Conv2d and type(pooling) is nn.MaxPool2d):
        return None
    padding = convolution.padding
    plain = (
        convolution.stride == (1, 1)
        and convolution.dilation == (1, 1)
        and convolution.groups == 1
        and not isinstance(padding, str)
        and padding[0] == padding[1]
        and convolution.padding_mode == "zeros"
        and pooling.kernel_size in (2, (2, 2))
        and pooling.stride in (2, (2, 2))
        and pooling.padding in (0, (0, 0))
        and pooling.dilation in (1, (1, 1))
        and not (pooling.ceil_mode or pooling.return_indices)
    )
    if not plain or inputs.ndim != 4 or _is_watched(convolution) or _is_watched(pooling) or _has_any_global_hook():
        return None
    if torch.is_autocast_enabled("cpu") or torch._C._len_torch_function_stack():
        return None
    return pooled_conv.convolve(inputs, convolution.weight, convolution.bias, int(padding[0]))


def _is_watched(module: nn.Module) -> bool:
    return any(getattr(module, hooks) for hooks in _HOOKS)
