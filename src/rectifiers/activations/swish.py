"""Swish: the input, gated by its own sigmoid (Ramachandran, Zoph and Le, 2017)."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.checks import check_number
from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec
from ..kernels import gate


@wrap
def swish(x: Tensor, beta: float = 1.0) -> Tensor:
    """x·σ(β·x).

    Args:
        x: input of any shape.
        beta: sharpness of the gate, fixed.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ConfigError: `beta` is not a finite number.

    Example:
        >>> import torch
        >>> swish(torch.tensor([0.0, 2.0]), beta=0.0).tolist()
        [0.0, 1.0]
    """
    check_number("swish", "beta", beta)
    return apply("swish", gate.silu if beta == 1.0 else partial(_formula, beta=beta), x)


def _formula(x: Tensor, beta: float) -> Tensor:
    return x * torch.sigmoid(beta * x)


class Swish(Elementwise):
    """Sigmoid-weighted linear unit; β = 1 is also called SiLU.

    Args:
        beta: sharpness of the gate, fixed.
        relu_like: not possible for this function.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> Swish()(torch.tensor([0.0, 1.0])).round(decimals=4)
        tensor([0.0000, 0.7311])
    """

    spec = ActivationSpec(
        name="swish",
        title="Swish",
        equation="x·σ(β·x)",
        paper="Ramachandran, Zoph, Le (2017): Searching for Activation Functions",
        use="Where the architecture was designed with it. β is fixed; `pau` can be fitted to it and then learns.",
        monotone=False,
        formula="gate",
    )
    constants = ("beta",)

    def __init__(self, beta: float = 1.0, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)
        self.beta = check_number(self.owner, "beta", beta)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `swish`."""
        return swish(input, self.beta)
