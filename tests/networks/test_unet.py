"""The U-Net: masks as large as the image, skips, stages, and sides that do not fit."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from rectifiers.core.errors import ShapeError
from rectifiers.networks.placement import list_sites

from .samples import build, build_meta


def test_masks_have_the_sides_of_the_image() -> None:
    net = build("unet", shape=(3, 32, 48), classes=2, features=4)
    assert net(torch.rand(2, 3, 32, 48)).shape == (2, 2, 32, 48)


def test_decoders_read_their_encoders() -> None:
    net = build("unet", shape=(3, 16, 16), features=2).eval()
    given: dict[str, torch.Tensor] = {}
    for part in ("encoder1", "decoder1"):
        net.get_submodule(part).register_forward_hook(
            lambda _, inputs, output, part=part: given.update({part: output if part == "encoder1" else inputs[0]})
        )
    net(torch.rand(1, 3, 16, 16))
    assert torch.equal(given["decoder1"][:, 2:], given["encoder1"])


def test_two_sites_in_every_level() -> None:
    found = Counter(site.name.partition(".")[0] for site in list_sites("unet", shape=(3, 256, 256), classes=1))
    assert list(found) == [
        *(f"encoder{level}" for level in (1, 2, 3, 4)),
        "bottleneck",
        *(f"decoder{level}" for level in (4, 3, 2, 1)),
    ]
    assert set(found.values()) == {2}


def test_sides_that_cannot_be_halved_four_times() -> None:
    with pytest.raises(ShapeError, match="sides are multiples of 16, got 250×256; pad them"):
        build_meta("unet", shape=(3, 250, 256))
