"""What anybody needs to know of an activation, in one place. Imports no torch: `rectifiers list` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["elementwise", "channelwise", "convolution"]
ReluStart = Literal["exact", "nearest", "none"]
Capability = Literal["gradgrad", "vmap", "compile", "export", "onnx"]
Effect = Literal["σ", "1 + σ"]


@dataclass(frozen=True)
class ParameterSpec:
    """One learnable parameter of an activation.

    Args:
        name: attribute and argument name.
        init: starting value: a number, a tuple of coefficients, or the name of an initialiser.
        relu: value at which the function equals ReLU, or is nearest to it; None where there is none.
        domain: the values that make sense, in words or as an interval.
        coefficients: how many numbers per unit of granularity; 0 means a plain scalar, without a coefficient axis.
        bounds: where the function clamps it; values beyond act as the bounds do and get no gradient. None: nowhere.
        learns: where its gradient is large enough to learn; a fit stays inside. None: everywhere.
        effect: what the function makes of it, where pictures of its course show that instead of the value.
    """

    name: str
    init: float | tuple[float, ...] | str
    relu: float | tuple[float, ...] | None = None
    domain: str = "any real number"
    coefficients: int = 0
    bounds: tuple[float, float] | None = None
    learns: tuple[float, float] | None = None
    effect: Effect | None = None


@dataclass(frozen=True)
class Limit:
    """Where learned values change the character of a function, though training may pass it.

    Args:
        parameters: names of the parameters whose product is limited.
        low: the least product within the limit.
        high: the greatest.
        meaning: what is beyond it, as a phrase: "beyond ±1, where …".
    """

    parameters: tuple[str, ...]
    low: float
    high: float
    meaning: str


@dataclass(frozen=True)
class ActivationSpec:
    """All facts of one activation function.

    Args:
        name: registry name.
        title: name as the paper prints it.
        equation: the formula, in plain text.
        paper: authors, year, title.
        use: when to use it, in a sentence or two.
        parameters: the learnable parameters; empty for a fixed function.
        kind: `elementwise`, `channelwise` (mixes or multiplies channels), or `convolution`.
        share: default granularity of the parameters.
        channel_factor: output channels per input channel; (1, 1) keeps them, (2, 1) doubles, (1, 2) halves.
        ranks: smallest and largest number of input dimensions; None for no bound.
        stochastic: whether training mode draws random numbers.
        monotone: non-decreasing at its initial parameters.
        invertible: the input can be recovered from the output, at its initial parameters.
        kinks: where the derivative jumps, at the initial parameters: numbers, or names of parameters or
            attributes whose values are the places.
        steepest: the largest derivative of a function that is bounded on both sides; None for all others.
        limits: where learned values change the character of the function.
        relu_start: whether `relu_like=True` makes it ReLU exactly, nearly, or not at all.
        formula: name of the formula, in `rectifiers.kernels`, that computes it; None for PyTorch's own or for none.
        unsupported: what it cannot do, with the reason.
        tolerance: relative error allowed against float64, per dtype name, where the default is too tight.
    """

    name: str
    title: str
    equation: str
    paper: str
    use: str = ""
    parameters: tuple[ParameterSpec, ...] = ()
    kind: Kind = "elementwise"
    share: Literal["layer", "channel", "element"] = "layer"
    channel_factor: tuple[int, int] = (1, 1)
    ranks: tuple[int, int | None] = (0, None)
    stochastic: bool = False
    monotone: bool = True
    invertible: bool = False
    kinks: tuple[float | str, ...] = ()
    steepest: float | None = None
    limits: tuple[Limit, ...] = ()
    relu_start: ReluStart = "none"
    formula: str | None = None
    unsupported: Mapping[Capability, str] = field(default_factory=dict)
    tolerance: Mapping[str, float] = field(default_factory=dict)

    @property
    def learnable(self) -> bool:
        """Whether training changes the function."""
        return bool(self.parameters)
