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
MOST_DAMPING = 1e9
"""The damping at which a search ends, because no step leads further down."""
DIGITS = (3, 6, 10)
"""Significant digits to which a result is rounded: the fewest that do as well as all."""
TOGETHER = 128
"""How many channels are matched at once."""

Start = dict[str, float | tuple[float, ...] | tuple[tuple[float, ...], ...]]


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
            torch.default_generator.manual_seed(0)  # for starts that are random
            guesses = make(share="layer", device="cpu", dtype=torch.float64).guesses(points)
            search = _Search(make, Points(*(part[:, None] for part in (points.x, points.y, points.weight))), guesses[0])
        found = [search.descend(search.pack(guess)) for guess in guesses]
        best = min(found, key=lambda vectors: float(search.loss(vectors)))
        return search.unpack(search.round(best))[0]


def match_channels(make: Callable[..., Elementwise], points: Points, start: Start) -> Start:
    """Return starting values for each channel, found from `start`, which does for all of them.

    Args:
        make: makes the function's module; takes `share`, `channels`, `device` and `dtype`.
        points: what to be near in each channel: numbers of shape (N, C).
        start: starting values for one channel.

    Example:
        >>> from ..activations import PReLU
        >>> x = torch.linspace(-2, 2, 101, dtype=torch.float64)[:, None].expand(-1, 2)
        >>> slopes = torch.tensor([0.125, 0.5], dtype=torch.float64)
        >>> match_channels(PReLU, Points(x, torch.where(x < 0, slopes * x, x), torch.ones_like(x)), {"a": 0.25})
        {'a': (0.125, 0.5)}
    """
    channels: list[Start] = []
    with torch.device("cpu"):
        for part in zip(*(numbers.split(TOGETHER, 1) for numbers in (points.x, points.y, points.weight)), strict=True):
            with torch.random.fork_rng(devices=()):
                search = _Search(make, Points(*part), start)
            channels += search.unpack(search.round(search.descend(search.pack(start))))
    return {name: tuple(channel[name] for channel in channels) for name in start}  # type: ignore[misc]


class _Search:
    """The values of a function in several channels, for many starting values at once."""

    def __init__(self, make: Callable[..., Elementwise], points: Points, like: Start) -> None:
        self.points, self.root = points, points.weight.sqrt()
        self.shapes = {name: _width(value) for name, value in like.items()}
        self.count = sum(width or 1 for width in self.shapes.values())
        self.channels = points.x.shape[1]
        tried = 2 * self.count + 1
        self.module = make(share="channel", channels=tried * self.channels, device="cpu", dtype=torch.float64).eval()
        self.x = points.x.repeat(1, tried)
        self.low, self.high = self._bounds(self.module.spec.parameters)

    def _bounds(self, parameters: Sequence[ParameterSpec]) -> tuple[Tensor, Tensor]:
        limits = {parameter.name: parameter.learns or (-torch.inf, torch.inf) for parameter in parameters}
        rows = [limits[name] for name, width in self.shapes.items() for _ in range(width or 1)]
        bounds = torch.tensor(rows, dtype=torch.float64, device="cpu")
        return bounds[:, :1], bounds[:, 1:]

    def pack(self, start: Mapping[str, Any]) -> Tensor:
        """Return starting values as vectors, one column for each channel."""
        numbers: list[float] = []
        for name, width in self.shapes.items():
            numbers += start[name] if width else [start[name]]
        vector = torch.tensor(numbers, dtype=torch.float64, device="cpu")[:, None]
        return vector.clamp(self.low, self.high).repeat(1, self.channels)

    def unpack(self, vectors: Tensor) -> list[Start]:
        """Return vectors as the starting values of each channel."""
        channels = []
        for vector in vectors.T.tolist():
            numbers, result = iter(vector), Start()
            for name, width in self.shapes.items():
                result[name] = tuple(next(numbers) for _ in range(width)) if width else next(numbers)
            channels.append(result)
        return channels

    def loss(self, vectors: Tensor) -> Tensor:
        """Return the weighted sum of squared errors in each channel; infinity where it is not a number."""
        error, _ = self.expand(vectors)
        return _square(error)

    def expand(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted errors of the function, and their derivatives by its parameters, in each channel."""
        steps = STEP * vectors.abs().clamp_min(1)
        moved = torch.diag_embed(steps.T).permute(1, 2, 0)
        columns = torch.cat((vectors[:, None], vectors[:, None] + moved, vectors[:, None] - moved), 1).flatten(1)
        with torch.no_grad():
            row = 0
            for name, width in self.shapes.items():
                part = columns[row : row + (width or 1)]
                getattr(self.module, name).copy_(part if width else part[0])
                row += width or 1
            values = self.module(self.x).unflatten(1, (-1, self.channels))
        derivative = (values[:, 1 : self.count + 1] - values[:, self.count + 1 :]) / (2 * steps)
        return self.root * (values[:, 0] - self.points.y), self.root[:, None] * derivative

    def descend(self, vectors: Tensor) -> Tensor:
        """Go down from a start by damped Gauss–Newton steps, within the bounds, in each channel on its own."""
        error, derivative = self.expand(vectors)
        least, damping = _square(error), torch.full((self.channels,), 1e-3, dtype=torch.float64)
        going = torch.ones(self.channels, dtype=torch.bool)
        for _ in range(ROUNDS):
            normal = torch.einsum("npc,nqc->cpq", derivative, derivative)
            slope = torch.einsum("npc,nc->cp", derivative, error)
            going &= normal.isfinite().all(2).all(1) & slope.isfinite().all(1) & (damping <= MOST_DAMPING)
            if not going.any():
                break
            scale = normal.diagonal(dim1=1, dim2=2)
            ridge = damping[:, None] * scale + 1e-14 * scale.amax(1, keepdim=True) + 1e-300
            step, failed = torch.linalg.solve_ex(normal + torch.diag_embed(ridge), slope)
            candidate = (vectors - step.T).clamp(self.low, self.high)
            new_error, new_derivative = self.expand(candidate)
            loss = _square(new_error)
            better = going & (failed == 0) & (loss < least)
            settled = better & (least - loss < SETTLED * least)
            vectors = vectors.where(~better, candidate)
            error, derivative = error.where(~better, new_error), derivative.where(~better, new_derivative)
            damping = torch.where(better, damping / 5, damping * 10)
            least = least.where(~better, loss)
            going &= ~settled
        return vectors

    def round(self, vectors: Tensor) -> Tensor:
        """Round to the fewest digits that do as well, so that a slope of 0.1 is found as 0.1."""
        least = self.loss(vectors)
        result, open_ = vectors, torch.ones(self.channels, dtype=torch.bool)
        for digits in DIGITS:
            rounded = [[float(f"{number:.{digits}g}") for number in row] for row in vectors.tolist()]
            shorter = torch.tensor(rounded, dtype=vectors.dtype)
            as_good = open_ & (self.loss(shorter) <= least * (1 + 1e-6) + 1e-20)
            result, open_ = result.where(~as_good, shorter), open_ & ~as_good
        return result


def _square(error: Tensor) -> Tensor:
    loss = error.square().sum(0)
    return loss.nan_to_num(nan=torch.inf, posinf=torch.inf)


def _width(value: Any) -> int:
    return len(value) if isinstance(value, tuple) else 0
