"""Maxout: the largest of k consecutive channels (Goodfellow et al., 2013)."""

from __future__ import annotations

from fractions import Fraction
from functools import partial, reduce

import torch
from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.checks import check_count
from ..core.elementwise import Elementwise, apply, check_input
from ..core.errors import ShapeError
from ..core.granularity import Granularity, channel_axis
from ..core.spec import ActivationSpec


@wrap
def maxout(x: Tensor, pool_size: int = 2, *, channel_dim: int = 1) -> Tensor:
    """Maximum over each group of `pool_size` consecutive channels.

    Args:
        x: input with channels in dimension `channel_dim`, their number a multiple of `pool_size`.
        pool_size: how many channels make one.
        channel_dim: dimension of `x` that holds the channels.

    Returns:
        Tensor of the dtype of `x` with `pool_size` times fewer channels; `x` itself for a pool size of 1.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: `x` has no such dimension, or its channels do not divide into groups.
        ConfigError: `pool_size` is not a positive whole number.

    Example:
        >>> import torch
        >>> maxout(torch.tensor([[1.0, 3.0, -2.0, -5.0]])).tolist()
        [[3.0, -2.0]]
    """
    check_input("maxout", x)
    if check_count("maxout", "pool_size", pool_size) == 1:
        return x
    axis = channel_axis("maxout", x, channel_dim)
    if x.shape[axis] % pool_size:
        raise ShapeError(
            f"maxout: the channels must divide into groups of {pool_size}, "
            f"but the input has {x.shape[axis]} in dimension {channel_dim}"
        )
    return apply("maxout", partial(_formula, pool_size=pool_size, axis=axis), x)


def _formula(x: Tensor, pool_size: int, axis: int) -> Tensor:
    groups: Tensor = x.unflatten(axis, (x.shape[axis] // pool_size, pool_size))
    # A chain of maxima keeps the memory format of the input, which a reduction does not.
    return reduce(torch.maximum, groups.unbind(axis + 1))


class Maxout(Elementwise):
    """Maximum over groups of consecutive channels; the layer before makes k times as many.

    Args:
        pool_size: how many channels make one, k.
        relu_like: not possible for this function.
        **granularity: `channel_dim`; there are no parameters to share.

    Shape:
        (N, C, …) in, (N, C/k, …) out.

    Example:
        >>> import torch
        >>> Maxout(pool_size=4)(torch.tensor([[1.0, 3.0, -2.0, -5.0]])).tolist()
        [[3.0]]
    """

    spec = ActivationSpec(
        name="maxout",
        title="Maxout",
        equation="max of x over groups of k consecutive channels",
        paper="Goodfellow, Warde-Farley, Mirza, Courville, Bengio (2013): Maxout Networks",
        use="When the layer before may have several times the channels: it keeps the largest of each group.",
        kind="channelwise",
        channel_factor=(1, 2),
        ranks=(2, None),
    )
    constants = ("pool_size",)

    def __init__(self, pool_size: int = 2, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)
        self.pool_size = check_count(self.owner, "pool_size", pool_size)

    @property
    def channel_factor(self) -> Fraction:
        """Output channels per input channel, 1/k."""
        return Fraction(1, self.pool_size)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `maxout`."""
        return maxout(input, self.pool_size, channel_dim=self.channel_dim)


class MaxoutAReLU(Maxout):
    """Maxout as AReLU's tables ran it: groups of one channel, which is the identity.

    Args:
        relu_like: not possible for this function.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> MaxoutAReLU()(torch.tensor([-1.0, 2.0])).tolist()
        [-1.0, 2.0]
    """

    spec = ActivationSpec(
        name="maxout_arelu",
        title="Maxout (k=1)",
        equation="x",
        paper="Chen, Li, Xu (2020): AReLU: Attention-based Rectified Linear Unit",
        use="Only to repeat the AReLU paper's tables: with one piece, Maxout is the identity.",
        invertible=True,
    )

    def __init__(self, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(1, relu_like=relu_like, **granularity)
