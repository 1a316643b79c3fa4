"""Gaussian blur against torchvision's and SciPy's."""

from __future__ import annotations

import pytest
import torch
from scipy.ndimage import gaussian_filter
from torchvision.transforms.v2 import functional as F

from rectifiers.core.errors import ShapeError
from rectifiers.datasets.blur import gaussian_blur, radius

IMAGES = torch.randint(256, (6, 3, 20, 17), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.0])
def test_as_torchvision(sigma: float) -> None:
    reach = radius(sigma)
    ours = gaussian_blur(IMAGES, torch.full((6,), sigma), reach)
    theirs = F.gaussian_blur(IMAGES, [2 * reach + 1] * 2, [sigma] * 2)
    # Sums in another order may fall on the other side of a half.
    assert (ours.int() - theirs.int()).abs().max() <= 1
    assert (ours != theirs).float().mean() < 1e-3


def test_as_scipy() -> None:
    ours = gaussian_blur(IMAGES, torch.ones(6), radius(1.0))
    theirs = gaussian_filter(IMAGES.double().numpy(), 1.0, axes=(2, 3), mode="mirror")
    assert abs(ours.double().numpy() - theirs).max() <= 0.5 + 1e-4


def test_each_image_has_its_own_width() -> None:
    sigma = torch.tensor([0.5, 1.0, 1.5, 0.2, 2.0, 0.7])
    together = gaussian_blur(IMAGES, sigma, 8)
    alone = torch.cat([gaussian_blur(image[None], one[None], 8) for image, one in zip(IMAGES, sigma, strict=True)])
    assert torch.equal(together, alone)


def test_more_than_one_run() -> None:
    many = IMAGES[:1].expand(2001, -1, -1, -1)
    blurred = gaussian_blur(many, torch.ones(2001), 4)
    assert (blurred == blurred[0]).all()


def test_constant_stays() -> None:
    grey = torch.full((1, 1, 9, 9), 77, dtype=torch.uint8)
    assert torch.equal(gaussian_blur(grey, torch.ones(1), 4), grey)


def test_too_small() -> None:
    with pytest.raises(ShapeError, match="reaches 4 pixels needs images larger than that, got 4×9"):
        gaussian_blur(torch.zeros(1, 1, 4, 9, dtype=torch.uint8), torch.ones(1), 4)
