"""Rows of small whole numbers, with a number to be answered for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..core.errors import DataError
from ..core.lazy import torch
from .dataset import check_counts
from .examples import Examples, Which

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False, repr=False)
class Numbers(Examples):
    """Inputs of a few whole numbers each, and the answers.

    Args:
        inputs: uint8, N×features.
        answers: float32, N×1.

    Example:
        >>> Numbers(torch.zeros(3, 20, dtype=torch.uint8), torch.zeros(3, 1))
        Numbers(3 rows of 20)
    """

    noun: ClassVar[str] = "rows"
    augmentable: ClassVar[str] = ""
    fewest_classes: ClassVar[int] = 1

    inputs: Tensor
    answers: Tensor

    @property
    def targets(self) -> Tensor:
        """The answers."""
        return self.answers

    @property
    def strata(self) -> Tensor:
        """A zero for each row: all are alike."""
        return torch.zeros(len(self.answers), dtype=torch.int64)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of features."""
        return tuple(self.inputs.shape[1:])

    def take(self, which: Which) -> Tensor:
        """Take rows as they are."""
        return self.inputs[which] if isinstance(which, slice) else self.inputs.index_select(0, which)

    def part(self, mask: Tensor) -> Numbers:
        """Select the rows for which a boolean mask holds, in their order."""
        return Numbers(self.inputs[mask], self.answers[mask])

    def numbers(self, kind: str, *, channels_last: bool = False) -> Callable[[Tensor], Tensor]:
        """Make the function that gives the numbers as they are.

        Raises:
            DataError: another normalisation than `unit` is asked for.
        """
        if kind != "unit":
            raise DataError(f"rows of numbers are taken as they are, got normalise={kind!r}; leave it out")
        return torch.Tensor.float

    def to(self, device: torch.device | str) -> Numbers:
        """Copy the rows to a device."""
        return Numbers(self.inputs.to(device), self.answers.to(device))

    def check(self, where: str, classes: int) -> None:
        """Make sure that inputs and answers fit together."""
        if self.inputs.dtype != torch.uint8 or self.inputs.dim() != 2:
            raise DataError(f"{where}: expected uint8 rows N×features, got {self.inputs.dtype} {self.inputs.shape}")
        if self.answers.dtype != torch.float32 or self.answers.dim() != 2:
            raise DataError(f"{where}: expected float32 answers N×1, got {self.answers.dtype} {self.answers.shape}")
        check_counts(where, row=len(self.inputs), answer=len(self.answers))

    def content(self) -> Iterator[Tensor]:
        """Yield inputs and answers."""
        yield from (self.inputs, self.answers)

    def __repr__(self) -> str:
        return f"Numbers({len(self):,} rows of {self.inputs.shape[1]})"
