"""A convolution whose taps each have a floor: ConvReLU.

Shapes: N batch, C input channels, O output channels, G groups; the rest are one to three spatial axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch.nn.functional as F
from torch import Tensor

from . import threshold as threshold_kernel

_CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def reference(
    x: Tensor,
    weight: Tensor,
    threshold: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """Σ over channels and taps of weight·max(input, threshold), one 1×1 convolution per tap.

    A tap's whole gradient at a tie goes to its threshold.

    Args:
        x: padded input, (N, C, …).
        weight: (O, C/G, *kernel).
        threshold: (C, *kernel).
        bias: (O,) or None.
        stride: step of the kernel, per spatial axis.
        dilation: distance between taps, per spatial axis.
        groups: G.

    Returns:
        Tensor of shape (N, O, …).
    """
    kernel = threshold.shape[1:]
    convolution = _CONVOLUTIONS[len(kernel)]
    ones = (1,) * len(kernel)
    axes = list(zip(x.shape[2:], kernel, stride, dilation, strict=True))
    # What a tap sees on an axis: from its own offset on, as far as the last step of the kernel takes it.
    spans = [(size - gap * (taps - 1) - 1) // step * step + 1 for size, taps, step, gap in axes]
    taps = product(*(range(size) for size in kernel))
    floors, weights = threshold.flatten(1).unbind(-1), weight.flatten(2).unbind(-1)
    total: Tensor | None = None
    for tap, floor, column in zip(taps, floors, weights, strict=True):
        window = [
            slice(at * gap, at * gap + span, step)
            for at, span, step, gap in zip(tap, spans, stride, dilation, strict=True)
        ]
        seen = threshold_kernel.reference(x[(slice(None), slice(None), *window)], floor.reshape(-1, *ones))
        column = column.reshape(*column.shape, *ones)
        if total is None:
            total = convolution(seen, column, bias, groups=groups)
        else:
            total = total + convolution(seen, column, groups=groups)
    assert total is not None
    return total
