"""`--input SIZES`, as several verbs take it."""

from __future__ import annotations

import math
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
    if not re.fullmatch(r"[1-9]\d{0,9}(,[1-9]\d{0,9})*", text):
        raise ConfigError(f"--input needs sizes of at least 1 with commas, such as 1,3,224,224, got {text!r}")
    return tuple(map(int, text.split(",")))


def make_inputs(shapes: list[tuple[int, ...]], dtype: str = "float") -> tuple[Tensor, ...]:
    """Tensors of these shapes: normal numbers, or zeros and ones if they hold integers.

    Raises:
        ConfigError: PyTorch has no such dtype.
    """
    import torch

    from ..core.memory import free

    integers = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
    kind = getattr(torch, dtype, None)
    if not isinstance(kind, torch.dtype):
        raise ConfigError(f"--input-dtype needs a dtype of PyTorch, such as float, long or bool, got {dtype!r}")
    if not (kind.is_floating_point or kind.is_complex) and kind not in integers:
        raise ConfigError(f"--input-dtype needs a dtype of plain numbers, such as float, long or bool, got {dtype!r}")
    available = free()
    for shape in shapes:
        needed = math.prod(shape) * max(kind.itemsize, 4)
        if available is not None and needed > available:
            sizes = ",".join(map(str, shape))
            raise ConfigError(f"--input {sizes} takes {needed / 1e9:,.0f} GB, and {available / 1e9:,.0f} GB are free")
    generator = torch.Generator().manual_seed(0)
    if kind.is_floating_point:
        return tuple(
            torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu").to(kind) for shape in shapes
        )
    return tuple(torch.randint(0, 2, shape, generator=generator, device="cpu").to(kind) for shape in shapes)
