"""How thresholds start: the three ways that the ConvReLU paper compares, and plain numbers."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor, nn

from .errors import ConfigError

ThresholdInit = Literal["zero", "random", "glorot"] | float
RANDOM_STD = 0.01
"""Standard deviation of the random start; the paper names a zero-mean Gaussian without its width."""


def fill_thresholds(tensor: Tensor, init: ThresholdInit, *, fan_in: int, fan_out: int) -> None:
    """Fill `tensor` in place with starting thresholds.

    Args:
        tensor: the thresholds.
        init: "zero" (the paper's best), "random" for N(0, 0.01²), "glorot" for the uniform distribution on
            ±√(6 / (fan_in + fan_out)), or one number for all.
        fan_in: input connections of one unit.
        fan_out: output connections of one unit.

    Example:
        >>> import torch
        >>> tensor = torch.ones(2)
        >>> fill_thresholds(tensor, "zero", fan_in=1, fan_out=1)
        >>> tensor.tolist()
        [0.0, 0.0]
    """
    if init == "random":
        nn.init.normal_(tensor, std=RANDOM_STD)
    elif init == "glorot":
        bound = math.sqrt(6 / (fan_in + fan_out))
        nn.init.uniform_(tensor, -bound, bound)
    else:
        nn.init.constant_(tensor, 0.0 if init == "zero" else init)


def check_threshold_init(owner: str, name: str, init: object) -> None:
    """Raise ConfigError unless `init` is one of the three words or a finite number."""
    number = isinstance(init, float | int) and not isinstance(init, bool) and math.isfinite(init)
    if not number and init not in ("zero", "random", "glorot"):
        raise ConfigError(f"{owner}: {name} must be 'zero', 'random', 'glorot' or a number, got {init!r}")
