"""How rich CReLU with a linear function on top is: Theorem 4.1 of the CReLU paper, checked on small classes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.checks import check_count, check_positive
from ...core.errors import DataError, ShapeError
from ...core.seeds import derive
from .measured import Measured, Record

CHUNK = 4096
"""Sign vectors at a time."""


@dataclass(frozen=True)
class RademacherBound(Measured):
    """Both sides of the inequality, for one class of functions on one sample.

    Args:
        left: complexity of the linear function on CReLU of the class.
        right: √d·B times the complexity of the class.
        left_error: standard error of `left`; 0 where all signs were gone through.
        right_error: of `right`.
        gap_error: standard error of `right` − `left`, which share their signs.
        signs: how many sign vectors were used.
        exact: whether these are all there are.
    """

    left: float
    right: float
    left_error: float
    right_error: float
    gap_error: float
    signs: int
    exact: bool

    @property
    def ratio(self) -> float:
        """`left` / `right`: at most 1 where the bound holds."""
        return self.left / self.right if self.right else math.inf

    @property
    def holds(self) -> bool | None:
        """Whether the bound holds; None where it is nearer than two standard errors."""
        gap = self.right - self.left
        if self.exact or abs(gap) > 2 * self.gap_error:
            return gap >= -1e-12 * self.right
        return None

    def records(self) -> list[Record]:
        """One row."""
        return [
            {
                "left": self.left,
                "left_error": self.left_error,
                "right": self.right,
                "right_error": self.right_error,
                "ratio": self.ratio,
                "holds": "undecided" if self.holds is None else self.holds,
                "signs": self.signs,
                "exact": self.exact,
            }
        ]


def rademacher_bound(
    values: Tensor, *, inputs: int = 1, norm: float = 1.0, draws: int = 10_000, seed: int = 0
) -> RademacherBound:
    """Both sides of R̂(H∘ρ∘G) ≤ √d·B·R̂(F) for a finite class F (Shang et al., 2016, Theorem 4.1).

    F are functions of the input, known by their values on a sample x_1 … x_L; G are all vectors of d functions of F, ρ
    is CReLU, and H are the linear functions of its 2d outputs with ‖W‖₂ ≤ B. The empirical Rademacher complexity is

        R̂(F) = E_σ sup_f |2/L·Σ_i σ_i f(x_i)|

    with independent signs σ_i. For a finite class the supremum over W and G is known, so that nothing but the mean over
    the signs is estimated, and not even that where there are no more than `draws` of them:

        sup = 2/L·B·√d·max_f √((Σ_i σ_i [f(x_i)]₊)² + (Σ_i σ_i [−f(x_i)]₊)²)

    Args:
        values: (functions, L) values of each function of the class on the sample.
        inputs: d, the number of functions that CReLU is applied to.
        norm: B, the largest length of the linear function's weights.
        draws: sign vectors to draw; where 2^L is no larger, all are gone through.
        seed: root of the signs.

    Raises:
        ShapeError: `values` is no matrix with an entry.
        DataError: a value is not finite.
        ConfigError: a number outside its domain.

    Example:
        One function that takes both signs breaks the bound as printed, by √2:

        >>> found = rademacher_bound(torch.tensor([[1.0, -1.0]]))
        >>> round(found.left, 4), found.right, found.holds
        (1.4142, 1.0, False)
    """
    if values.ndim != 2 or not values.numel():
        raise ShapeError(f"rademacher_bound: expected values of shape (functions, L), got {tuple(values.shape)}")
    if not values.isfinite().all():
        raise DataError("rademacher_bound: some functions have no finite value on the sample; leave them out")
    check_count("rademacher_bound", "inputs", inputs)
    check_count("rademacher_bound", "draws", draws)
    check_positive("rademacher_bound", "norm", norm)
    values = values.detach().double().cpu()
    points = values.shape[1]
    exact = points < 63 and 2**points <= draws
    scale = 2 / points * norm * math.sqrt(inputs)
    left, right = [], []
    for signs in _all_signs(points) if exact else _signs(points, draws, seed):
        positive, negative = signs @ values.clamp(min=0).T, signs @ values.neg().clamp(min=0).T
        left.append(scale * torch.hypot(positive, negative).amax(1))
        right.append(scale * (positive - negative).abs().amax(1))
    lefts, rights = torch.cat(left), torch.cat(right)

    def error(samples: Tensor) -> float:
        return 0.0 if exact else float(samples.std() / math.sqrt(len(samples)))

    return RademacherBound(
        left=float(lefts.mean()),
        right=float(rights.mean()),
        left_error=error(lefts),
        right_error=error(rights),
        gap_error=error(rights - lefts),
        signs=len(lefts),
        exact=exact,
    )


def _signs(points: int, draws: int, seed: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(derive(seed, "rademacher"))
    for start in range(0, draws, CHUNK):
        size = (min(CHUNK, draws - start), points)
        yield torch.randint(2, size, generator=generator, dtype=torch.float64) * 2 - 1


def _all_signs(points: int) -> Iterator[Tensor]:
    bits = torch.arange(points)
    for numbers in torch.arange(2**points).split(CHUNK):
        yield ((numbers[:, None] >> bits) & 1).double() * 2 - 1
