"""Arguments of a convolution: numbers per spatial axis, and paddings by number or by word."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import ConfigError

Size = int | Sequence[int]
Padding = Size | str


def per_axis(owner: str, name: str, value: Size, dims: int, *, least: int) -> tuple[int, ...]:
    """`value` as one number per spatial axis.

    Args:
        owner: who asks, for the error.
        name: the argument's name.
        value: one number for all axes, or one per axis.
        dims: how many axes there are.
        least: what each number must not be below.

    Raises:
        ConfigError: they are not that many whole numbers, or one is too small.

    Example:
        >>> per_axis("conv", "stride", 2, 3, least=1)
        (2, 2, 2)
    """
    numbers = tuple(value) if isinstance(value, Sequence) else (value,) * dims
    if len(numbers) == 1:
        numbers *= dims
    if len(numbers) != dims or not all(isinstance(number, int) and number >= least for number in numbers):
        raise ConfigError(f"{owner}: {name} must be one number or {dims}, each at least {least}, got {value!r}")
    return numbers


def margins_of(
    owner: str, padding: Padding, kernel: Sequence[int], steps: Sequence[int], spacings: Sequence[int]
) -> list[tuple[int, int]]:
    """Zeros to add before and after each spatial axis.

    Args:
        owner: who asks, for the error.
        padding: zeros on both sides, one number or one per axis; "same" keeps the size, "valid" adds none.
        kernel: taps per axis.
        steps: strides of the kernel per axis.
        spacings: distances between taps per axis.

    Raises:
        ConfigError: `padding` is another word, negative, or "same" with a stride.

    Example:
        >>> margins_of("conv", "same", (3, 4), (1, 1), (1, 1))
        [(1, 1), (1, 2)]
    """
    if isinstance(padding, str):
        if padding == "valid":
            return [(0, 0)] * len(kernel)
        if padding != "same":
            raise ConfigError(f"{owner}: padding must be 'same', 'valid' or numbers, got {padding!r}")
        if any(step != 1 for step in steps):
            raise ConfigError(f"{owner}: padding='same' needs stride 1, got {tuple(steps)}")
        totals = [(taps - 1) * gap for taps, gap in zip(kernel, spacings, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    return [(margin, margin) for margin in per_axis(owner, "padding", padding, len(kernel), least=0)]
