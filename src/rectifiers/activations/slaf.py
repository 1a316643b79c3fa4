"""SLAF: a trained polynomial (Goyal, Goyal and Lall, 2019)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.checks import check_count, count_coefficients
from ..core.elementwise import Elementwise, apply
from ..core.errors import ConfigError
from ..core.fitting import Target, fit_polynomial
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec, ParameterSpec
from ..kernels import rational


@wrap
def slaf(x: Tensor, a: Tensor | Sequence[float], *, channel_dim: int = 1) -> Tensor:
    """Σ_k a_k·x^k.

    Args:
        x: input of any shape.
        a: a_0, a_1, …, at least two; numbers, or a tensor of any granularity with the coefficients along its first
            axis.
        channel_dim: dimension of `x` that channel-wise parameters belong to.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: there are too few coefficients, or they do not fit `x`.

    Example:
        >>> import torch
        >>> slaf(torch.tensor([-1.0, 2.0]), a=(1.0, 0.0, 2.0)).tolist()
        [3.0, 9.0]
    """
    count_coefficients("slaf", "a", a, least=2)
    return apply("slaf", rational.horner, x, channel_dim=channel_dim, coefficients=frozenset("a"), a=a)


class SLAF(Elementwise):
    """Self-learnable activation function: a polynomial, started near a known function and trained from there.

    Args:
        terms: number of coefficients N, at least 2; five reach the fourth power.
        init: function to start near on [−3, 3], in the mean square, which is our choice: a name in
            `rectifiers.core.fitting.TARGETS`, or any function of a tensor.
        relu_like: start as near to ReLU as this number of terms allows.
        **granularity: `share` ("layer" by default), `channels`, `channel_dim`, `device`, `dtype`.

    Raises:
        UnknownNameError: no such target function.
        ConfigError: `terms` is too small.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> SLAF(terms=3, init=lambda x: 1 + x**2)(torch.tensor([1.0, 2.0])).detach().round(decimals=4)
        tensor([2., 5.])
    """

    spec = ActivationSpec(
        name="slaf",
        title="SLAF",
        equation="Σ_k a_k·x^k, k from 0 to N − 1",
        paper="Goyal, Goyal, Lall (2019): Learning Activation Functions: A New Paradigm for Understanding Neural "
        "Networks",
        use="To repeat the papers: a polynomial grows without bound, so it needs small inputs and shallow networks.",
        parameters=(ParameterSpec(name="a", init="fitted to relu", domain="any real numbers", coefficients=5),),
        monotone=False,
        relu_start="nearest",
    )
    a: nn.Parameter

    def __init__(
        self,
        terms: int = 5,
        init: str | Target = "relu",
        *,
        relu_like: bool = False,
        **granularity: Unpack[Granularity],
    ) -> None:
        if check_count(self.owner, "terms", terms) < 2:
            raise ConfigError(f"{self.owner}: terms must be at least 2, got {terms}; one term is a constant")
        a = fit_polynomial("relu" if relu_like else init, terms)
        super().__init__(relu_like=relu_like, inits={"a": a}, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `slaf`."""
        return slaf(self.ready(input), self.a, channel_dim=self.channel_dim)


class SLAFAReLU(Elementwise):
    """SLAF as AReLU's tables ran it: two terms, always affine, 1 + x at the start.

    Args:
        relu_like: not possible for an affine function.
        **granularity: `share` ("layer" by default), `channels`, `channel_dim`, `device`, `dtype`.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> SLAFAReLU()(torch.tensor([-1.0, 2.0])).tolist()
        [0.0, 3.0]
    """

    spec = ActivationSpec(
        name="slaf_arelu",
        title="SLAF (N=2)",
        equation="a_0 + a_1·x",
        paper="Chen, Li, Xu (2020): AReLU: Attention-based Rectified Linear Unit",
        use="Only to repeat the AReLU paper's tables: with two coefficients it is a straight line.",
        parameters=(ParameterSpec(name="a", init=(1.0, 1.0), domain="any real numbers", coefficients=2),),
        invertible=True,
    )
    a: nn.Parameter

    def __init__(self, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `slaf`."""
        return slaf(self.ready(input), self.a, channel_dim=self.channel_dim)
