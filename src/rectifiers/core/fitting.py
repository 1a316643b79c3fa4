"""Coefficients that bring a polynomial or a rational function near a target, by least squares in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import ConfigError, UnknownNameError

Target = Callable[[Tensor], Tensor]
POINTS = 2001
ROUNDS, POLISH, GLANCE = 200, 60, 20
"""Steps of Levenberg and Marquardt at most: for the named functions, whose fit is kept; for points; and for points from
each of several starts, the best three of which go on."""

TARGETS: dict[str, Target] = {
    "elu": F.elu,
    "gelu": F.gelu,
    "identity": torch.clone,
    "leaky_relu": F.leaky_relu,
    "relu": F.relu,
    "relu6": F.relu6,
    "selu": F.selu,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "swish": F.silu,
    "tanh": torch.tanh,
}


STARTS = ("elu", "gelu", "softplus", "swish", "tanh")
"""The targets whose fits are starts of others."""


@dataclass(frozen=True)
class Points:
    """A function as numbers: what it makes of some inputs, and how much each of them counts.

    Args:
        x: inputs, ascending, of shape (N,) and float64; (N, C) for one function per channel, in any order.
        y: the function's values there.
        weight: weights of the squared errors.
    """

    x: Tensor
    y: Tensor
    weight: Tensor

    def solve(self, columns: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the coefficients of `columns`, of shape (N, K), whose sum is nearest to `y`, or to `self.y`."""
        root = self.weight.sqrt()
        return _solve(root[:, None] * columns, root * (self.y if y is None else y))


def fit_polynomial(
    target: str | Target, terms: int, *, interval: tuple[float, float] = (-3.0, 3.0)
) -> tuple[float, ...]:
    """Coefficients c_0, …, c_{terms−1} of the polynomial nearest to `target` in the mean square.

    Args:
        target: a name in `TARGETS`, or a function of a float64 tensor.
        terms: number of coefficients, at least 1.
        interval: where to be near.

    Raises:
        UnknownNameError: no such target.
        ConfigError: `terms` or `interval` make no sense, or the target is not finite there.

    Example:
        >>> [round(c, 6) + 0.0 for c in fit_polynomial(lambda x: 1 + 2 * x, 3)]
        [1.0, 2.0, 0.0]
    """
    if terms < 1:
        raise ConfigError(f"fit_polynomial: terms must be at least 1, got {terms}")
    if isinstance(target, str):
        return _named_polynomial(target, terms, (interval[0], interval[1]))
    u, scale, y = _sample("fit_polynomial", target, interval)
    powers = torch.arange(terms, dtype=torch.float64, device="cpu")
    solution = _solve(u[:, None] ** powers, y)
    return tuple((solution / scale**powers).tolist())


def fit_rational(
    target: str | Target,
    degrees: tuple[int, int] = (5, 4),
    form: Literal["A", "B"] = "B",
    *,
    interval: tuple[float, float] = (-3.0, 3.0),
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Numerator a_0, …, a_m and denominator b_1, …, b_n of the safe rational function nearest to `target`.

    The denominator is 1 + Σ|b_k||x|^k in form A and 1 + |Σ b_k x^k| in form B. A linear fit, reweighted by its own
    denominator, gives the start; Levenberg–Marquardt steps on the true error finish it.

    Args:
        target: a name in `TARGETS`, or a function of a float64 tensor.
        degrees: m and n, each at least 1.
        form: "A" or "B".
        interval: where to be near, in the mean square.

    Raises:
        UnknownNameError: no such target.
        ConfigError: `degrees`, `form` or `interval` make no sense, or the target is not finite there.

    Example:
        >>> a, b = fit_rational(lambda x: x / (1 + x**2), degrees=(1, 2))
        >>> [round(c, 4) + 0.0 for c in (*a, *b)]
        [0.0, 1.0, 0.0, 1.0]
    """
    if not isinstance(degrees, Sequence) or len(degrees) != 2 or not all(isinstance(d, int) and d > 0 for d in degrees):
        raise ConfigError(f"fit_rational: degrees must be two whole numbers of at least 1, got {degrees!r}")
    if form not in ("A", "B"):
        raise ConfigError(f"fit_rational: form must be 'A' or 'B', got {form!r}")
    if isinstance(target, str):
        return _named_rational(target, (degrees[0], degrees[1]), form, (interval[0], interval[1]))
    u, scale, y = _sample("fit_rational", target, interval)
    return _rational(u, scale, y, torch.ones_like(u), (degrees[0], degrees[1]), form, ROUNDS)


def fit_rational_to(
    points: Points, degrees: tuple[int, int] = (5, 4), form: Literal["A", "B"] = "B"
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Numerator and denominator, as `fit_rational` gives them, of the function nearest to some points.

    Example:
        >>> x = torch.linspace(-2, 2, 101, dtype=torch.float64)
        >>> a, b = fit_rational_to(Points(x, x / (1 + x**2), torch.ones_like(x)), degrees=(1, 2))
        >>> [round(c, 4) + 0.0 for c in (*a, *b)]
        [0.0, 1.0, 0.0, 1.0]
    """
    scale = float(points.x.abs().max())
    # The error has several valleys, and the fits to smooth functions lie in others than the linear fit does.
    starts = [_named_rational(name, degrees, form, (-reach, reach)) for name in STARTS for reach in (3.0, 6.0)]
    return _rational(points.x / scale, scale, points.y, points.weight.sqrt(), degrees, form, POLISH, starts)


def _rational(
    u: Tensor,
    scale: float,
    y: Tensor,
    root: Tensor,
    degrees: tuple[int, int],
    form: Literal["A", "B"],
    rounds: int,
    starts: Sequence[tuple[tuple[float, ...], tuple[float, ...]]] = (),
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Fit values `y` at `scale`·`u`, whose errors count by the square of `root`, also from other `starts`."""
    m, n = degrees
    upper = u[:, None] ** torch.arange(m + 1, device="cpu")
    lower = (u.abs() if form == "A" else u)[:, None] ** torch.arange(1, n + 1, device="cpu")
    # As floats, for the powers of a number by integers have the default dtype, which may be a half precision.
    exponents = torch.cat((torch.arange(m + 1, device="cpu"), torch.arange(1, n + 1, device="cpu"))).float()

    def error(solution: Tensor) -> float:
        return float(((_value(upper, lower, solution, form) - y) * root).square().sum())

    solutions = [_reweighted(upper, lower, y, root, form)]
    if starts:
        solutions += [torch.tensor((*a, *b), dtype=y.dtype, device="cpu") * scale**exponents for a, b in starts]
        solutions = sorted((_polish(upper, lower, y, root, each, form, GLANCE) for each in solutions), key=error)[:3]
    solution = min((_polish(upper, lower, y, root, each, form, rounds) for each in solutions), key=error)
    solution = solution / scale**exponents
    return tuple(solution[: m + 1].tolist()), tuple(solution[m + 1 :].tolist())


def _named(name: str) -> Target:
    if name not in TARGETS:
        raise UnknownNameError("target function", name, TARGETS)
    return TARGETS[name]


@cache
def _named_polynomial(name: str, terms: int, interval: tuple[float, float]) -> tuple[float, ...]:
    return fit_polynomial(_named(name), terms, interval=interval)


@cache
def _named_rational(
    name: str, degrees: tuple[int, int], form: Literal["A", "B"], interval: tuple[float, float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return fit_rational(_named(name), degrees, form, interval=interval)


def _sample(owner: str, target: Target, interval: tuple[float, float]) -> tuple[Tensor, float, Tensor]:
    """Points scaled to [−1, 1], which keeps powers well conditioned; their scale; the target's values."""
    if not callable(target):
        raise ConfigError(f"{owner}: the target must be a name or a function, got {target!r}")
    low, high = interval
    if not low < high:
        raise ConfigError(f"{owner}: interval must be (low, high) with low < high, got {interval!r}")
    scale = max(abs(low), abs(high))
    x = torch.linspace(low, high, POINTS, dtype=torch.float64, device="cpu")
    with torch.no_grad():
        y = target(x)
    if y.shape != x.shape or not y.isfinite().all():
        raise ConfigError(f"{owner}: the target must return one finite number per input on {interval!r}")
    return x / scale, scale, y


def _solve(matrix: Tensor, y: Tensor) -> Tensor:
    solution: Tensor = torch.linalg.lstsq(matrix, y[:, None], driver="gelsd").solution
    return solution[:, 0]


def _reweighted(upper: Tensor, lower: Tensor, y: Tensor, root: Tensor, form: Literal["A", "B"]) -> Tensor:
    """The Sanathanan–Koerner iteration: P − y·Q, linear in the coefficients, divided by the last round's Q."""
    m = upper.shape[1]
    best, least = torch.zeros(m + lower.shape[1], dtype=y.dtype, device="cpu"), float("inf")
    q = torch.ones_like(y)
    for _ in range(20):
        solution = _solve(torch.cat((upper, -y[:, None] * lower), 1) / q[:, None] * root[:, None], y / q * root)
        error = float(((_value(upper, lower, solution, form) - y) * root).square().mean())
        if error < least:
            best, least = solution, error
        q = _denominator(lower, solution[m:], form)
    return best


def _polish(
    upper: Tensor, lower: Tensor, y: Tensor, root: Tensor, start: Tensor, form: Literal["A", "B"], rounds: int
) -> Tensor:
    m = upper.shape[1]
    solution, damping = start, 1e-3
    error = _value(upper, lower, solution, form) - y
    for _ in range(rounds):
        b = solution[m:]
        q = _denominator(lower, b, form)
        signs = b.sign() if form == "A" else (lower @ b).sign()[:, None]
        jacobian = torch.cat((upper, -(error + y)[:, None] * lower * signs), 1) / q[:, None] * root[:, None]
        normal = jacobian.T @ jacobian
        step = torch.linalg.solve(normal + damping * (normal.diagonal() + 1e-12).diag(), jacobian.T @ (error * root))
        candidate = solution - step
        new_error = _value(upper, lower, candidate, form) - y
        gain = float((error * root).square().sum() - (new_error * root).square().sum())
        if gain > 0:
            solution, error, damping = candidate, new_error, damping / 3
        else:
            damping *= 4
        if damping > 1e12:
            break
    return solution


def _denominator(lower: Tensor, b: Tensor, form: Literal["A", "B"]) -> Tensor:
    return 1 + (lower @ b.abs() if form == "A" else (lower @ b).abs())


def _value(upper: Tensor, lower: Tensor, solution: Tensor, form: Literal["A", "B"]) -> Tensor:
    m = upper.shape[1]
    return (upper @ solution[:m]) / _denominator(lower, solution[m:], form)
