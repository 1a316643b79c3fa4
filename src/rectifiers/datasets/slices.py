"""Slices of volumes with masks, for segmentation; a patient's slices stay together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import Self

from ..core.errors import DataError
from ..core.lazy import torch
from ..core.wording import plural
from .batches import Normalise
from .dataset import check_counts, shape_text
from .examples import Examples, Which

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False, repr=False)
class Slices(Examples):
    """Images, the mask of each, and the patient that it belongs to.

    Args:
        images: uint8, N×C×H×W; the slices of a patient one after another, in their order.
        masks: uint8, N×1×H×W, each pixel 0 or 1.
        patients: int64, N: number of the patient.

    Example:
        >>> Slices(*(torch.zeros(4, 1, 8, 8, dtype=torch.uint8) for _ in range(2)), torch.tensor([0, 0, 0, 3]))
        Slices(4 images of 2 patients, 1×8×8)
    """

    noun: ClassVar[str] = "patients"
    augmentable: ClassVar[str] = ""
    masked: ClassVar[bool] = True
    largest_piece: ClassVar[bool] = False
    """Whether of what is predicted in a volume only the largest connected piece counts."""

    images: Tensor
    masks: Tensor
    patients: Tensor

    @property
    def targets(self) -> Tensor:
        """The masks."""
        return self.masks

    @property
    def strata(self) -> Tensor:
        """A zero for each patient: all are alike."""
        return torch.zeros(len(self.patients.unique()), dtype=torch.int64)

    @property
    def shape(self) -> tuple[int, ...]:
        """C×H×W."""
        return tuple(self.images.shape[1:])

    def members(self, chosen: Tensor) -> Tensor:
        """Mark the slices of the chosen patients."""
        return chosen[self.patients.unique(return_inverse=True)[1]]

    def take(self, which: Which) -> Tensor:
        """Take images as they are."""
        return self.images[which]

    def part(self, mask: Tensor) -> Self:
        """Select the slices for which a boolean mask holds, in their order."""
        return type(self)(self.images[mask], self.masks[mask], self.patients[mask])

    def numbers(self, kind: str, *, channels_last: bool = False) -> Normalise:
        """Make the normalisation called `kind`, measured on these images."""
        return Normalise.fit(kind, self.images, channels_last=channels_last)

    def to(self, device: torch.device | str) -> Self:
        """Copy the slices to a device."""
        return type(self)(self.images.to(device), self.masks.to(device), self.patients.to(device))

    def check(self, where: str, classes: int) -> None:
        """Make sure that images, masks and patients fit together."""
        expected = (len(self.images), 1, *self.images.shape[2:])
        if self.images.dtype != torch.uint8 or self.masks.dtype != torch.uint8 or tuple(self.masks.shape) != expected:
            raise DataError(
                f"{where}: expected uint8 masks of {shape_text(expected)} for images of "
                f"{shape_text(tuple(self.images.shape))}, got {self.masks.dtype} of "
                f"{shape_text(tuple(self.masks.shape))}"
            )
        check_counts(where, image=len(self.images), patient=len(self.patients))

    def content(self) -> Iterator[Tensor]:
        """Yield images, masks and patients."""
        yield from (self.images, self.masks, self.patients)

    def __repr__(self) -> str:
        counts = f"{plural(len(self), 'image')} of {plural(len(self.strata), 'patient')}"
        return f"{type(self).__name__}({counts}, {shape_text(self.shape)})"
