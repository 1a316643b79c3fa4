"""What happens to the images or texts of training batches, as a value that a trial can hold: ("crop:4", "flip").

A batch is augmented as one tensor of 8-bit numbers, wherever it lives. All that is random comes from named streams: the
same seed and epoch draw the same, and a transform more leaves what the others draw as it was.

A new transform: one file that holds its `Transform`, and one line in `TABLE`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from ...core.errors import ConfigError
from ...core.lazy import torch
from ...core.registry import Registry
from ...core.seeds import derive
from .transform import Transform

if TYPE_CHECKING:
    from torch import Tensor

TABLE = {
    "crop": "crop:Crop",
    "cutout": "cutout:Cutout",
    "delay": "delay:Delay",
    "flip": "flip:Flip",
    "gaussian": "gaussian:Gaussian",
    "patch": "patch:Patch",
    "pca": "pca:PCA",
    "resized-crop": "resized_crop:ResizedCrop",
    "rotate": "rotate:Rotate",
    "scale": "scale:Scale",
    "shift": "shift:Shift",
}

EVERYTHING = slice(None)

registry: Registry[type[Transform]] = Registry("augmentation", __name__, TABLE)


@dataclass(frozen=True)
class Augmentation:
    """Transforms of a batch, one after the other.

    Args:
        specs: "NAME" or "NAME:NUMBER" of each transform; none leaves images as they are.

    Raises:
        UnknownNameError: with the nearest names.
        ConfigError: a number is missing, does not belong there, or is outside its domain; or a name stands twice.

    Example:
        >>> flip = Augmentation(("flip",))
        >>> row = torch.tensor([1, 2, 3], dtype=torch.uint8).expand(4, 1, 1, 3)
        >>> flip(row, flip.draws(seed=0, epoch=0))[:, 0, 0].tolist()
        [[1, 2, 3], [3, 2, 1], [3, 2, 1], [1, 2, 3]]
    """

    specs: tuple[str, ...] = ()
    transforms: tuple[Transform, ...] = field(init=False)

    def __post_init__(self) -> None:
        names = [spec.partition(":")[0] for spec in self.specs]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"augmentation {name!r} appears twice in {self}; name it once")
        object.__setattr__(self, "transforms", tuple(map(parse, self.specs)))

    @property
    def crops(self) -> bool:
        """Whether a transform cuts images down to the size that a network sees."""
        return any(transform.crops for transform in self.transforms)

    def draws(self, seed: int, epoch: int) -> Mapping[Transform, torch.Generator]:
        """Where the transforms of an epoch draw from, batch by batch: a stream for each.

        Args:
            seed: seed of the trial.
            epoch: number of the epoch.
        """
        return {
            transform: torch.Generator().manual_seed(derive(seed, "augment", spec.partition(":")[0], epoch))
            for spec, transform in zip(self.specs, self.transforms, strict=True)
        }

    def __call__(
        self, images: Tensor, draws: Mapping[Transform, torch.Generator], *, count: int = 0, share: slice = EVERYTHING
    ) -> Tensor:
        """The batch, augmented.

        Args:
            images: uint8, N×C×H×W.
            draws: streams of the epoch; they move on by what the batch draws.
            count: images of the whole batch, where these are a share of it.
            share: which of them these are.

        Returns:
            uint8 on the device of `images`, which are never changed.

        Raises:
            ShapeError: the images are too small.
        """
        for transform in self.transforms:
            drawn = transform.draw((count or len(images), *images.shape[1:]), draws[transform])
            images = transform.apply(images, drawn[share].to(images.device))
        return images

    def __str__(self) -> str:
        return " ".join(self.specs)


def parse(spec: str) -> Transform:
    """The transform that is written "NAME" or "NAME:NUMBER".

    Raises:
        UnknownNameError: with the nearest names.
        ConfigError: the number is missing, does not belong there, or is outside its domain.

    Example:
        >>> parse("crop:4")
        Crop(margin=4)
    """
    name, colon, number = spec.partition(":")
    cls: Callable[..., Transform] = registry.get(name)
    parameters = fields(registry.get(name))
    if not parameters:
        if colon:
            raise ConfigError(f"augmentation {name!r} takes no number, got {spec!r}; write {name!r}")
        return cls()
    (parameter,) = parameters
    # A word, where the file of a user's postpones annotations as this one does, or the type itself.
    kind = int if parameter.type in ("int", int) else float
    try:
        value = kind(number)
        if not math.isfinite(value):
            raise ValueError
    except ValueError:
        expected = "a whole number" if kind is int else "a finite number"
        raise ConfigError(f"augmentation {name!r} needs {expected}, its {parameter.name}, got {spec!r}") from None
    return cls(value)
