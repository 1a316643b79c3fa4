"""Starting values that bring one function near another: a search by least squares over its own parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .elementwise import Elementwise
from .fitting import Points
from .spec import ParameterSpec

ROUNDS, SETTLED, STEP = 60, 1e-6, 1e-6
"""Steps of Levenberg and Marquardt at most, the relative gain below which they end, and the difference that derivatives
are taken over."""
DIGITS = (3, 6, 10)
"""Significant digits to which a result is rounded: the fewest that do as well as all."""

Start = dict[str, float | tuple[float, ...]]


def match(make: Callable[..., Elementwise], points: Points) -> Start:
    """Return the starting values with which a function comes nearest to `points`, in the weighted mean square.

    Args:
        make: makes the function's module; takes `share`, `channels`, `device` and `dtype`.
        points: what to be near.

    Example:
        >>> from ..activations import PReLU
        >>> x = torch.linspace(-2, 2, 101, dtype=torch.float64)
        >>> match(PReLU, Points(x, torch.where(x < 0, 0.125 * x, x), torch.ones_like(x)))
        {'a': 0.125}
    """
    with torch.device("cpu"):
        with torch.random.fork_rng(devices=()):
            search = _Search(make, points)
        found = [search.descend(search.pack(guess)) for guess in search.guesses]
        return search.unpack(_round(min(found, key=search.loss), search.loss))


class _Search:
    """The values of a function for many starting values at once: one to a channel."""

    def __init__(self, make: Callable[..., Elementwise], points: Points) -> None:
        self.points, self.root = points, points.weight.sqrt()
        self.guesses = make(share="layer", device="cpu", dtype=torch.float64).guesses(points)
        self.shapes = {name: _width(value) for name, value in self.guesses[0].items()}
        self.count = sum(width or 1 for width in self.shapes.values())
        self.module = make(share="channel", channels=2 * self.count + 1, device="cpu", dtype=torch.float64).eval()
        self.x = points.x[:, None].expand(-1, 2 * self.count + 1).contiguous()
        self.low, self.high = self._bounds(self.module.spec.parameters)

    def _bounds(self, parameters: Sequence[ParameterSpec]) -> tuple[Tensor, Tensor]:
        limits = {parameter.name: parameter.learns or (-torch.inf, torch.inf) for parameter in parameters}
        rows = [limits[name] for name, width in self.shapes.items() for _ in range(width or 1)]
        bounds = torch.tensor(rows, dtype=torch.float64, device="cpu")
        return bounds[:, 0], bounds[:, 1]

    def pack(self, start: Mapping[str, Any]) -> Tensor:
        """Return starting values as one vector."""
        numbers: list[float] = []
        for name, width in self.shapes.items():
            numbers += start[name] if width else [start[name]]
        return torch.tensor(numbers, dtype=torch.float64, device="cpu").clamp(self.low, self.high)

    def unpack(self, vector: Tensor) -> Start:
        """Return a vector as starting values."""
        numbers, result = iter(vector.tolist()), Start()
        for name, width in self.shapes.items():
            result[name] = tuple(next(numbers) for _ in range(width)) if width else next(numbers)
        return result

    def loss(self, vector: Tensor) -> float:
        """Return the weighted sum of squared errors; infinity where it is not a number."""
        error, _ = self.expand(vector)
        return _square(error)

    def expand(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted errors of the function, and their derivatives by its parameters."""
        steps = (STEP * vector.abs().clamp_min(1)).diag()
        columns = torch.cat((vector[:, None], vector[:, None] + steps, vector[:, None] - steps), 1)
        with torch.no_grad():
            row = 0
            for name, width in self.shapes.items():
                part = columns[row : row + (width or 1)]
                getattr(self.module, name).copy_(part if width else part[0])
                row += width or 1
            values = self.module(self.x)
        derivative = (values[:, 1 : self.count + 1] - values[:, self.count + 1 :]) / (2 * steps.diagonal())
        return self.root * (values[:, 0] - self.points.y), self.root[:, None] * derivative

    def descend(self, vector: Tensor) -> Tensor:
        """Go down from a start by damped Gauss–Newton steps, within the bounds."""
        error, derivative = self.expand(vector)
        least, damping = _square(error), 1e-3
        for _ in range(ROUNDS):
            normal = derivative.T @ derivative
            scale = normal.diagonal()
            ridge = (damping * scale + 1e-14 * scale.max() + 1e-300).diag()
            if not (normal.isfinite().all() and error.isfinite().all()):
                break
            step, failed = torch.linalg.solve_ex(normal + ridge, derivative.T @ error)
            candidate = (vector - step).clamp(self.low, self.high)
            new_error, new_derivative = self.expand(candidate)
            loss = _square(new_error)
            if not failed and loss < least:
                settled = least - loss < SETTLED * least
                vector, error, derivative, least, damping = candidate, new_error, new_derivative, loss, damping / 5
                if settled:
                    break
            else:
                damping *= 10
                if damping > 1e9:
                    break
        return vector


def _square(error: Tensor) -> float:
    loss = float(error.square().sum())
    return loss if loss == loss else float("inf")


def _width(value: Any) -> int:
    return len(value) if isinstance(value, tuple) else 0


def _round(vector: Tensor, loss: Callable[[Tensor], float]) -> Tensor:
    """Round to the fewest digits that do as well, so that a slope of 0.1 is found as 0.1."""
    least = loss(vector)
    for digits in DIGITS:
        rounded = torch.tensor([float(f"{number:.{digits}g}") for number in vector.tolist()], dtype=vector.dtype)
        if loss(rounded) <= least * (1 + 1e-6) + 1e-20:
            return rounded
    return vector
