"""The order of an epoch, and the normalisation of whole batches of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core.errors import ConfigError, DataError, ShapeError, UnknownNameError
from ..core.lazy import torch
from ..core.seeds import derive
from ..core.wording import plural

if TYPE_CHECKING:
    from torch import Tensor

CONSTANTS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "unit": ((0.0,), (1.0,)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""Mean and standard deviation of each channel, as papers and their code state them: not always those of the data."""
NORMALISATIONS = ("standard", *CONSTANTS)


def order(count: int, seed: int, epoch: int) -> Tensor:
    """Permute `count` images by seed and epoch alone.

    Args:
        count: number of images.
        seed: seed of the trial.
        epoch: number of the epoch.

    Returns:
        int64 tensor of length `count`.

    Example:
        >>> order(5, seed=0, epoch=1).sort().values
        tensor([0, 1, 2, 3, 4])
    """
    return torch.randperm(count, generator=torch.Generator().manual_seed(derive(seed, "order", epoch)), device="cpu")


def check_pixelless(kind: str) -> None:
    """Make sure that a normalisation leaves its input as it is, as it must where there are texts.

    Args:
        kind: its name.

    Raises:
        UnknownNameError: with the nearest names.
        ConfigError: it scales pixels.
    """
    if kind not in NORMALISATIONS:
        raise UnknownNameError("normalisation", kind, NORMALISATIONS)
    if kind != "unit":
        raise ConfigError(f"texts have no pixels to scale, so they cannot be normalised to {kind!r}; use 'unit'")


@dataclass(frozen=True)
class Normalise:
    """Turn pixels 0–255 into float32: (pixel/255 − mean) / std; by default, pixel/255.

    Args:
        mean: one number, or one per channel, in units of the brightest pixel.
        std: one number, or one per channel, in the same units.
        channels_last: lay the batch out with channels innermost.

    Example:
        >>> Normalise()(torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8)).flatten().tolist()
        [0.0, 0.20000000298023224, 1.0]
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    channels_last: bool = False

    @classmethod
    def fit(cls, kind: str, images: Tensor, *, channels_last: bool = False) -> Normalise:
        """Make the normalisation called `kind`, measured on the training split.

        Args:
            kind: "standard" gives each channel mean 0 and standard deviation 1; see `named` for the others.
            images: those to measure: uint8, N×C×H×W.
            channels_last: lay batches out with channels innermost.

        Raises:
            UnknownNameError: with the nearest names.
            DataError: "standard" was asked for a channel that is the same everywhere.
        """
        if kind != "standard":
            return cls.named(kind, channels_last=channels_last)
        mean, std = _moments(images)
        if 0.0 in std:
            raise DataError(
                f"channel {std.index(0.0)} has the same value in every image, so 'standard' cannot scale it; use 'unit'"
            )
        return cls(mean, std, channels_last)

    @classmethod
    def named(cls, kind: str, *, channels_last: bool = False) -> Normalise:
        """Make a normalisation that measures nothing.

        Args:
            kind: "unit" only divides by 255; "cifar10", "cifar100" and "imagenet" then apply the customary constants
                of these data sets.
            channels_last: lay batches out with channels innermost.

        Raises:
            UnknownNameError: with the nearest names.

        Example:
            >>> Normalise.named("imagenet").mean
            (0.485, 0.456, 0.406)
        """
        if kind not in CONSTANTS:
            raise UnknownNameError("normalisation", kind, NORMALISATIONS)
        return cls(*CONSTANTS[kind], channels_last)

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise a batch to float32, on its device.

        Args:
            images: uint8, N×C×H×W.

        Raises:
            ShapeError: the numbers of channels differ.
        """
        if len(self.mean) not in (1, images.shape[1]):
            raise ShapeError(
                f"normalisation is for {plural(len(self.mean), 'channel')}, got images with {images.shape[1]}"
            )
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        pixels = images.to(torch.float32, memory_format=layout).div_(255)
        if self.mean != (0.0,):
            pixels.sub_(self._per_channel(self.mean, images.device))
        if self.std != (1.0,):
            pixels.div_(self._per_channel(self.std, images.device))
        return pixels

    @staticmethod
    def _per_channel(values: tuple[float, ...], device: torch.device) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=device).view(1, -1, 1, 1)


def _moments(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Measure mean and standard deviation of each channel, exactly for any number of pixels, from the 256 counts."""
    levels = torch.arange(256, dtype=torch.float64, device="cpu") / 255
    means, deviations = [], []
    for channel in images.cpu().unbind(1):
        share = channel.flatten().bincount(minlength=256).double() / channel.numel()
        mean = (share * levels).sum()
        means.append(float(mean))
        deviations.append(float((share * (levels - mean) ** 2).sum().sqrt()))
    return tuple(means), tuple(deviations)
