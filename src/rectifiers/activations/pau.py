"""PAU: a trained rational function without poles (Molina, Schramowski and Kersting, 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.checks import check_number, count_coefficients
from ..core.elementwise import Elementwise, Init, apply
from ..core.errors import ConfigError, ShapeError
from ..core.fitting import Points, Target, fit_rational, fit_rational_to
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec, ParameterSpec
from ..kernels import rational


@wrap
def pau(
    x: Tensor,
    numerator: Tensor | Sequence[float],
    denominator: Tensor | Sequence[float],
    form: rational.Form = "B",
    *,
    channel_dim: int = 1,
) -> Tensor:
    """Σ_k a_k·x^k divided by 1 + Σ_k |b_k|·|x|^k (form A) or by 1 + |Σ_k b_k·x^k| (form B).

    Args:
        x: input of any shape.
        numerator: a_0, a_1, …, at least two; numbers, or a tensor of any granularity with the coefficients along
            its first axis.
        denominator: b_1, b_2, …, at least one, given like the numerator.
        form: "A", or "B" as in the paper.
        channel_dim: dimension of `x` that channel-wise parameters belong to.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: there are too few coefficients, or they do not fit `x`.
        ConfigError: `form` is neither letter.

    Example:
        >>> import torch
        >>> pau(torch.tensor([-1.0, 1.0]), numerator=(0.0, 1.0), denominator=(1.0, 0.0), form="A").tolist()
        [-0.5, 0.5]
    """
    upper = count_coefficients("pau", "numerator", numerator)
    lower = count_coefficients("pau", "denominator", denominator)
    if upper < 2 or lower < 1:
        raise ShapeError(
            f"pau: expected at least 2 coefficients in the numerator and 1 in the denominator, got {upper} and {lower}"
        )
    _check_form("pau", form)
    return apply(
        "pau",
        rational.formulas[form],
        x,
        channel_dim=channel_dim,
        coefficients=frozenset(["numerator", "denominator"]),
        numerator=numerator,
        denominator=denominator,
    )


def _check_form(owner: str, form: rational.Form) -> rational.Form:
    if form not in ("A", "B"):
        raise ConfigError(f"{owner}: form must be 'A' or 'B', got {form!r}")
    return form


class PAU(Elementwise):
    """Padé activation unit: a quotient of polynomials, started near a known function and trained from there.

    Args:
        init: function to start near: a name in `rectifiers.core.fitting.TARGETS`, or any function of a
            tensor.
        degrees: degrees of the numerator and the denominator.
        form: "A", or "B" as in the paper.
        reach: how far from 0 on both sides it starts near that function; beyond it, a quotient of these degrees may be
            far off, and so it should be as far as the inputs go.
        relu_like: start as near to ReLU as these degrees come.
        **granularity: `share` ("layer" as in the paper), `channels`, `channel_dim`, `device`, `dtype`.

    Raises:
        UnknownNameError: no such target function.
        ConfigError: `degrees`, `form` or `reach` make no sense.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> PAU("tanh")(torch.tensor([-1.0, 1.0])).detach().round(decimals=4)
        tensor([-0.7616,  0.7616])
    """

    spec = ActivationSpec(
        name="pau",
        title="PAU",
        equation="Σ_k a_k·x^k / (1 + |Σ_k b_k·x^k|)",
        paper="Molina, Schramowski, Kersting (2020): Padé Activation Units: End-to-end Learning of Flexible "
        "Activation Functions in Deep Networks",
        use="When the shape itself should be learned; it can be fitted to the function that it replaces. A "
        "rational function costs more than ReLU, and needs inputs of moderate size.",
        parameters=(
            ParameterSpec(name="numerator", init="fitted to leaky_relu", domain="any real numbers", coefficients=6),
            ParameterSpec(name="denominator", init="fitted to leaky_relu", domain="any real numbers", coefficients=4),
        ),
        monotone=False,
        kinks=(0.0,),
        relu_start="nearest",
        formula="rational",
    )
    constants = ("form",)
    numerator: nn.Parameter
    denominator: nn.Parameter

    def __init__(
        self,
        init: str | Target = "leaky_relu",
        degrees: tuple[int, int] = (5, 4),
        form: rational.Form = "B",
        reach: float = 3.0,
        *,
        relu_like: bool = False,
        **granularity: Unpack[Granularity],
    ) -> None:
        if check_number(self.owner, "reach", reach) <= 0:
            raise ConfigError(f"{self.owner}: reach must be above 0, got {reach!r}")
        interval = (-float(reach), float(reach))
        a, b = fit_rational("relu" if relu_like else init, degrees, _check_form(self.owner, form), interval=interval)
        super().__init__(relu_like=relu_like, inits={"numerator": a, "denominator": b}, **granularity)
        self.form, self._degrees = form, (len(a) - 1, len(b))

    def guesses(self, points: Points) -> list[dict[str, Any]]:
        """Add the rational function that is nearest by an iterated linear fit."""
        a, b = fit_rational_to(points, self._degrees, self.form)
        return [*super().guesses(points), {"numerator": a, "denominator": b}]

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `pau`."""
        return pau(self.ready(input), self.numerator, self.denominator, self.form, channel_dim=self.channel_dim)


class PAUAReLU(Elementwise):
    """PAU as AReLU's tables ran it: form A of degrees 5 and 4, with the authors' coefficients near LeakyReLU.

    Args:
        relu_like: start as near to ReLU as these degrees come.
        **granularity: `share` ("layer" by default), `channels`, `channel_dim`, `device`, `dtype`.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> PAUAReLU()(torch.tensor([0.0])).detach().round(decimals=4)
        tensor([0.0336])
    """

    spec = ActivationSpec(
        name="pau_arelu",
        title="PAU (form A)",
        equation="Σ_k a_k·x^k / (1 + Σ_k |b_k|·|x|^k), k up to 5 and 4",
        paper="Chen, Li, Xu (2020): AReLU: Attention-based Rectified Linear Unit",
        use="To repeat the AReLU paper's tables; elsewhere `pau`.",
        parameters=(
            ParameterSpec(
                name="numerator",
                init=(0.0335583603, 0.505000375, 1.65343934, 2.01001052, 0.931901999, 0.152424124),
                domain="any real numbers",
                coefficients=6,
            ),
            ParameterSpec(
                name="denominator",
                init=(3.30847488e-6, 3.98021568, 5.12471206e-7, 0.301830109),
                domain="any real numbers",
                coefficients=4,
            ),
        ),
        monotone=False,
        kinks=(0.0,),
        relu_start="nearest",
        formula="rational",
    )
    numerator: nn.Parameter
    denominator: nn.Parameter

    def __init__(self, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        inits: dict[str, Init] = {}
        if relu_like:
            inits["numerator"], inits["denominator"] = fit_rational("relu", form="A")
        super().__init__(relu_like=relu_like, inits=inits, **granularity)

    def guesses(self, points: Points) -> list[dict[str, Any]]:
        """Add the rational function that is nearest by an iterated linear fit."""
        a, b = fit_rational_to(points, form="A")
        return [*super().guesses(points), {"numerator": a, "denominator": b}]

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `pau`."""
        return pau(self.ready(input), self.numerator, self.denominator, "A", channel_dim=self.channel_dim)
