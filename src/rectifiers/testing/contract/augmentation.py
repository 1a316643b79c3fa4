"""What every augmentation keeps to."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch

from ..samples import demand

_SHAPE = (6, 3, 16, 16)


def _run(transform: Any, seed: int) -> torch.Tensor:
    made = transform(*(2 for _ in fields(transform)))
    images = torch.randint(0, 256, _SHAPE, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    out: torch.Tensor = made.apply(images, made.draw(_SHAPE, torch.Generator().manual_seed(seed)))
    return out


def check_images(transform: Any) -> None:
    """Batches of 8-bit images stay that."""
    out = _run(transform, 1)
    demand(out.dtype == torch.uint8, f"images come out in {out.dtype}, not torch.uint8")
    demand(out.shape[:2] == _SHAPE[:2] and out.ndim == 4, f"a batch {_SHAPE} comes out as {tuple(out.shape)}")


def check_drawn(transform: Any) -> None:
    """All that is random comes from the generator."""
    demand(torch.equal(_run(transform, 1), _run(transform, 1)), "the same generator gives other images")
