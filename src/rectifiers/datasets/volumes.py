"""Volumes of slices, prepared, drawn and scored as the public code of LGG's authors does it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..core.errors import DataError
from ..core.lazy import functional as F
from ..core.lazy import torch
from ..core.seeds import derive
from .slices import Slices

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 256
"""Pixels of a prepared slice, either way."""

DARK = 0.1
"""Share of a volume's brightest number below which all is taken for black."""

PERCENTILES = (10, 99)
"""Between these the numbers of a volume are stretched; what lies outside is cut off."""

DEEPEST, HIGHEST = -2.5, 10.25
"""What 0 and 255 stand for in a prepared volume, in standard deviations from its mean."""

SPREAD = 0.1
"""Weight that all slices of a volume share alike, beside that of their masks."""


class Volumes(Slices):
    """Slices of prepared volumes. An epoch draws them by their masks; of a prediction the largest piece counts.

    Each slice of a batch belongs to a volume drawn at random, in which it has a share of the probability as it has of
    the mask, and an equal part of another tenth. As many are drawn as there are, some of them again and again.
    """

    largest_piece: ClassVar[bool] = True

    @cached_property
    def weights(self) -> Tensor:
        """Probability of each slice; those of a volume add up to one. Float64, N."""
        volumes = self.patients.unique(return_inverse=True)[1].cpu()
        sizes = self.masks.flatten(1).sum(1, dtype=torch.float64).cpu()
        counts = volumes.bincount()
        totals = torch.zeros(len(counts), dtype=torch.float64, device="cpu").index_add_(0, volumes, sizes)[volumes]
        even = 1 / counts[volumes].double()
        return torch.where(totals > 0, (sizes / totals.clamp(min=1) + SPREAD * even) / (1 + SPREAD), even)

    def order(self, seed: int, epoch: int) -> Tensor:
        """Draw the slices of an epoch."""
        generator = torch.Generator().manual_seed(derive(seed, "order", epoch))
        return torch.multinomial(self.weights, len(self), replacement=True, generator=generator)


def prepare(slices: Slices, where: str, side: int = SIDE) -> Volumes:
    """Prepare each patient's volume, in these steps.

    Its first and its last slice go. What is darker than a tenth of its brightest number becomes black, the volume is
    cut down to what is not, its slices are padded with black to squares and brought to `side` × `side`, images by cubic
    interpolation and masks by the nearest pixel. The numbers are cut off at the 10th and the 99th percentile, and each
    channel is brought to mean 0 and deviation 1. Last, 0 to 255 stand for −2.5 to 10.25 of that, in steps of 0.05.

    Args:
        slices: as they were stored.
        where: names them in errors.
        side: pixels of a prepared slice.

    Raises:
        DataError: a volume has fewer than three slices, or nothing but black, or no contrast.
    """
    images, masks, patients = [], [], []
    for patient in slices.patients.unique():
        here = slices.patients == patient
        image, mask = _prepare(slices.images[here], slices.masks[here], side, f"{where}, patient {int(patient)}")
        images.append(image)
        masks.append(mask)
        patients.append(patient.expand(len(image)))
    return Volumes(torch.cat(images), torch.cat(masks), torch.cat(patients))


def _prepare(images: Tensor, masks: Tensor, side: int, where: str) -> tuple[Tensor, Tensor]:
    if len(images) < 3:
        raise DataError(f"{where}: expected at least 3 slices, because the outermost are left out, found {len(images)}")
    volume, masks = images[1:-1].float(), masks[1:-1]
    volume = torch.where(volume < DARK * volume.max(), 0.0, volume)
    lit = volume.amax(1) > 0
    if not lit.any():
        raise DataError(f"{where}: expected images with something on them, found nothing but black")
    depth, rows, columns = _box(lit)
    volume, masks = volume[depth, :, rows, columns], masks[depth, :, rows, columns]
    height, width = volume.shape[2:]
    missing = abs(height - width)
    margin = (missing // 2, missing - missing // 2)
    padding = (*margin, 0, 0) if height > width else (0, 0, *margin)
    # Cubic curves overshoot edges.
    resized = F.interpolate(F.pad(volume, padding), (side, side), mode="bicubic", align_corners=False)
    volume = resized.clamp(0, float(volume.max()))
    masks = F.interpolate(F.pad(masks, padding).float(), (side, side), mode="nearest-exact").to(torch.uint8)
    low, high = map(float, np.percentile(volume.numpy(), PERCENTILES))
    if low == high:
        raise DataError(f"{where}: expected images with contrast, found {low:g} from the 10th to the 99th percentile")
    volume = volume.clamp(low, high)
    std, mean = torch.std_mean(volume, (0, 2, 3), correction=0, keepdim=True)
    scores = (volume - mean) / std.clamp(min=1e-6)
    return ((scores - DEEPEST) / (HIGHEST - DEEPEST) * 255).round().clamp(0, 255).to(torch.uint8), masks


def _box(lit: Tensor) -> tuple[slice, slice, slice]:
    """The smallest box around what holds, of N×H×W."""
    places = lit.nonzero()
    first, last = places.amin(0).tolist(), places.amax(0).tolist()
    depth, height, width = (slice(low, high + 1) for low, high in zip(first, last, strict=True))
    return depth, height, width
