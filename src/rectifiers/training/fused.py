"""Faster ways through parts of a network, which stays as it is: its modules, their names, types and weights.

An `nn.Sequential` runs a convolution and the max-pooling after it together, and one by one again where somebody
listens at one of the two. A ConvReLU of a single tap on channels_last is a threshold per channel and a convolution of
1×1, which spares its kernel the change of the order in memory.
"""

from __future__ import annotations

from types import MethodType

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.module import _has_any_global_hook

from ..activations.adarelu import adarelu
from ..activations.convrelu import ConvReLU2d
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
    """Let a network take faster ways where there are any: a convolution and max-pooling in one pass, for example.

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
        elif type(module) is ConvReLU2d and module.threshold[0].numel() == 1 and not any(_padding(module)):
            module.forward = MethodType(_threshold_first, module)  # type: ignore[method-assign]
    return net


def _padding(convolution: nn.Conv2d) -> tuple[int, ...]:
    """Zeros that it adds, or may add, on each axis."""
    return (1, 1) if isinstance(convolution.padding, str) else convolution.padding


def _threshold_first(convolution: ConvReLU2d, inputs: Tensor) -> Tensor:
    last = inputs.ndim == 4 and inputs.is_contiguous(memory_format=torch.channels_last) and not inputs.is_contiguous()
    if not last or torch.is_autocast_enabled("cpu"):
        return ConvReLU2d.forward(convolution, inputs)
    seen = adarelu(inputs, convolution.threshold.flatten(), channel_dim=1)
    weight, bias, groups = convolution.weight, convolution.bias, convolution.groups
    return F.conv2d(seen, weight, bias, convolution.stride, groups=groups)


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
