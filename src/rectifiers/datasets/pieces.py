"""Texts as word pieces: numbers of a vocabulary, filled up with zeros, as pretrained encoders read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..core.errors import DataError
from ..core.lazy import torch
from ..core.wording import plural
from .batches import check_pixelless
from .dataset import check_counts, check_labels
from .examples import LabelledExamples, Which

if TYPE_CHECKING:
    from torch import Tensor

VOCABULARY = 30_522
"""Word pieces of BERT's vocabulary without capitals."""

GROUP = 64
"""Texts that are sorted by length among themselves."""


@dataclass(frozen=True)
class Numbers:
    """Turn a batch of pieces into float32, and leave out what lies beyond the end of all its texts.

    Example:
        >>> Numbers()(torch.tensor([[101, 7, 0, 0], [101, 7, 8, 0]], dtype=torch.int32))
        tensor([[101.,   7.,   0.],
                [101.,   7.,   8.]])
    """

    def __call__(self, pieces: Tensor) -> Tensor:
        """Cut and convert a batch, on its device; vocabularies are far below the 2²⁴ that float32 counts to.

        Args:
            pieces: int32, N×length.

        Returns:
            N×the longest text of the batch, at least 1.
        """
        longest = max(1, int((pieces != 0).sum(1).max()))
        return pieces[:, :longest].to(torch.float32)


@dataclass(frozen=True, eq=False, repr=False)
class Pieces(LabelledExamples):
    """Texts of word pieces and their labels.

    Args:
        pieces: int32, N×length; 0 beyond the end of a text.
        labels: int64, N, counted from 0.

    Example:
        >>> Pieces.pack([[101, 7], [101, 7, 8, 9]], [0, 1], length=3).pieces
        tensor([[101,   7,   0],
                [101,   7,   8]], dtype=torch.int32)
    """

    noun: ClassVar[str] = "texts"
    augmentable: ClassVar[str] = ""

    pieces: Tensor
    labels: Tensor

    @classmethod
    def pack(cls, texts: Sequence[Sequence[int]], labels: Sequence[int], *, length: int) -> Pieces:
        """Fill texts up; longer ones are cut.

        Args:
            texts: numbers of the pieces of each text, above 0.
            labels: of the texts.
            length: pieces of an input.
        """
        rows = [[*text[:length], *[0] * (length - len(text))] for text in texts]
        return cls(torch.tensor(rows, dtype=torch.int32), torch.tensor(labels))

    @property
    def shape(self) -> tuple[int, ...]:
        """The length alone."""
        return (self.pieces.shape[1],)

    def take(self, which: Which) -> Tensor:
        """Take pieces as they are."""
        return self.pieces[which] if isinstance(which, slice) else self.pieces.index_select(0, which)

    def part(self, mask: Tensor) -> Pieces:
        """Select the texts for which a boolean mask holds, in their order."""
        return Pieces(self.pieces[mask], self.labels[mask])

    def numbers(self, kind: str, *, channels_last: bool = False) -> Numbers:
        """Make the function that cuts batches; "unit" is the only kind."""
        check_pixelless(kind)
        return Numbers()

    def to(self, device: torch.device | str) -> Pieces:
        """Copy the pieces to a device."""
        return Pieces(self.pieces.to(device), self.labels.to(device))

    def order(self, seed: int, epoch: int) -> Tensor:
        """Indices of an epoch's texts: shuffled, and then sorted by length within groups.

        So the texts of a small batch have like lengths, and little of it is filled up.
        """
        shuffled = super().order(seed, epoch)
        lengths = (self.pieces != 0).sum(1).cpu()
        return torch.cat([group[lengths[group].argsort(stable=True)] for group in shuffled.split(GROUP)])

    def by_length(self) -> Pieces:
        """Sort the texts by their lengths, so that batches in this order have little to fill up."""
        order = (self.pieces != 0).sum(1).argsort(stable=True)
        return Pieces(self.pieces[order], self.labels[order])

    def check(self, where: str, classes: int) -> None:
        """Make sure that texts and labels fit together."""
        if self.pieces.dtype != torch.int32 or self.pieces.dim() != 2 or not self.pieces.numel():
            raise DataError(
                f"{where}: expected int32 pieces N×length, got {self.pieces.dtype} of shape {tuple(self.pieces.shape)}"
            )
        check_counts(where, text=len(self.pieces), label=len(self.labels))
        check_labels(where, self.labels, classes)

    def content(self) -> Iterator[Tensor]:
        """Yield pieces and labels."""
        yield from (self.pieces, self.labels)

    def __repr__(self) -> str:
        return f"Pieces({plural(len(self), 'text')}, {self.pieces.shape[1]} pieces seen)"
