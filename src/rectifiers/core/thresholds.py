"""How thresholds start: the three ways that the ConvReLU paper compares, the usual Glorot start, and plain numbers."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor, nn

from .errors import ConfigError

ThresholdInit = Literal["zero", "random", "glorot", "xavier"] | float
WORDS = ("zero", "random", "glorot", "xavier")
RANDOM_STD = 0.01
"""Standard deviation of the random start; the paper names a zero-mean Gaussian without its width."""


def fill_thresholds(tensor: Tensor, init: ThresholdInit, *, inputs: int, outputs: int, taps: int = 1) -> None:
    """Fill `tensor` in place with starting thresholds.

    Args:
        tensor: the thresholds.
        init: "zero" (the paper's best); "random" for N(0, 0.01²); "glorot" for the uniform distribution of variance
            2 / (inputs + outputs), in channels, as the paper prints it; "xavier" for that of variance
            2 / (taps·(inputs + outputs)), as `torch.nn.init.xavier_uniform_` counts; or one number for all.
        inputs: input channels of one unit.
        outputs: output channels of one unit.
        taps: of the kernel, per channel.

    Example:
        >>> import torch
        >>> tensor = torch.ones(2)
        >>> fill_thresholds(tensor, "zero", inputs=1, outputs=1)
        >>> tensor.tolist()
        [0.0, 0.0]
    """
    if init == "random":
        nn.init.normal_(tensor, std=RANDOM_STD)
    elif init in ("glorot", "xavier"):
        variance = 2 / ((inputs + outputs) * (taps if init == "xavier" else 1))
        bound = math.sqrt(3 * variance)
        nn.init.uniform_(tensor, -bound, bound)
    else:
        nn.init.constant_(tensor, 0.0 if init == "zero" else init)  # type: ignore[arg-type]


def check_threshold_init(owner: str, name: str, init: object) -> None:
    """Raise ConfigError unless `init` is one of the words or a finite number."""
    number = isinstance(init, float | int) and not isinstance(init, bool) and math.isfinite(init)
    if not number and init not in WORDS:
        raise ConfigError(f"{owner}: {name} must be {', '.join(map(repr, WORDS))} or a number, got {init!r}")
