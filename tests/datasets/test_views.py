"""The ten patches against torchvision's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from rectifiers.core.errors import ShapeError
from rectifiers.datasets.views import centre_crop, ten_crop

IMAGES = torch.randint(256, (3, 3, 11, 14), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
SIZES = [(8, 8), (5, 9), (4, 4), (11, 14)]


@pytest.mark.parametrize("size", SIZES)
def test_as_torchvision(size: tuple[int, int]) -> None:
    assert torch.equal(centre_crop(IMAGES, size), F.center_crop(IMAGES, list(size)))
    assert torch.equal(ten_crop(IMAGES, size), torch.stack(v2.TenCrop(size)(IMAGES), 1))


@pytest.mark.parametrize("view", [centre_crop, ten_crop])
def test_too_small(view: Callable[[Tensor, tuple[int, int]], Tensor]) -> None:
    with pytest.raises(ShapeError, match="cannot cut 12×8 pixels out of images of 11×14"):
        view(IMAGES, (12, 8))
