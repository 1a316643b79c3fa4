"""`--input SIZES`, as several verbs take it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..core.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor


def parse_sizes(text: str) -> tuple[int, ...]:
    """The shape that a text such as 1,3,224,224 gives.

    Raises:
        ConfigError: it is something else.
    """
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise ConfigError(f"--input needs sizes with commas, such as 1,3,224,224, got {text!r}")
    return tuple(map(int, text.split(",")))


def make_inputs(shapes: list[tuple[int, ...]], dtype: str = "float") -> tuple[Tensor, ...]:
    """Tensors of these shapes: normal numbers, or zeros and ones if they hold integers.

    Raises:
        ConfigError: PyTorch has no such dtype.
    """
    import torch

    kind = getattr(torch, dtype, None)
    if not isinstance(kind, torch.dtype):
        raise ConfigError(f"--input-dtype needs a dtype of PyTorch, such as float, long or bool, got {dtype!r}")
    generator = torch.Generator().manual_seed(0)
    if kind.is_floating_point:
        return tuple(torch.randn(shape, generator=generator).to(kind) for shape in shapes)
    return tuple(torch.randint(0, 2, shape, generator=generator).to(kind) for shape in shapes)
