"""One model of the zoo: how it is made, and with what it is called."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Made = Any
"""What a model is called with: a tensor, a tuple of arguments, or a dictionary of keyword arguments."""

SIZES = (32, 64, 96, 128, 160, 192, 224, 240, 256, 288, 299, 384)


@dataclass(frozen=True)
class Entry:
    """One model of the zoo.

    Args:
        name: library and name, such as `timm/resnet18`.
        family: heading on the page.
        make: makes the model, with random weights.
        example: makes what the model is called with; it may look at the model, which may be changed by that.
        other: makes an example of another length or size; None if the model takes no other.
        training: makes what the model is called with in training, with labels or targets; None if that is the example.
        generate: whether the model generates text or sound by `generate`.
        varies: what the other example has another of.
    """

    name: str
    family: str
    make: Callable[[], nn.Module]
    example: Callable[[nn.Module], Made]
    other: Callable[[nn.Module], Made] | None = None
    training: Callable[[nn.Module], Made] | None = None
    generate: bool = False
    varies: str = "size"


def call(model: nn.Module, made: Made) -> Any:
    """Call a model with an example."""
    if isinstance(made, dict):
        return model(**made)
    return model(*made) if isinstance(made, tuple) else model(made)


def image_entry(
    name: str,
    family: str,
    make: Callable[[], nn.Module],
    *,
    sizes: Sequence[int] = SIZES,
    shape: Callable[[int], tuple[int, ...]] = lambda size: (2, 3, size, size),
) -> Entry:
    """Make the entry of a model that takes images, with the smallest images that it takes.

    Args:
        name: library and name.
        family: heading on the page.
        make: makes the model.
        sizes: heights to try, from small to large; the next that the model takes is its other size.
        shape: the example's shape for a height.
    """
    found: dict[str, int] = {}

    def smallest(model: nn.Module) -> Tensor:
        size = first_accepted(model, ((size, torch.randn(shape(size))) for size in sizes))
        found["size"] = size
        return torch.randn(shape(size))

    def other(model: nn.Module) -> Tensor:
        larger = [size for size in sizes if size > found["size"]][:2]
        try:
            size = first_accepted(model, ((size, torch.randn(shape(size))) for size in larger), modes=(False,))
        except Exception:
            # Of fixed size: another number of images.
            return torch.randn(3, *shape(found["size"])[1:])
        return torch.randn(shape(size))

    return Entry(name, family, make, smallest, other)


def first_accepted(
    model: nn.Module, examples: Iterable[tuple[int, Made]], modes: Sequence[bool] = (True, False)
) -> int:
    """Return the size of the first example that a model takes, in training mode (True), in evaluation mode, or both.

    Raises:
        Exception: what the model raised at the last example, if it takes none.
    """
    failure: Exception = ValueError("no sizes to try")
    was = model.training
    try:
        for size, made in examples:
            try:
                with torch.no_grad():
                    for mode in modes:
                        call(model.train(mode), made)
            except Exception as error:
                failure = error
            else:
                return size
    finally:
        model.train(was)
    raise failure


def tokens(count: int, *, batch: int = 2, vocabulary: int = 90, first: int = 3) -> Tensor:
    """Make random tokens; those before `first` mean the beginning, the end and padding."""
    return torch.randint(first, vocabulary, (batch, count))


def select(entries: Iterable[Entry], pattern: str) -> Iterator[Entry]:
    """Yield the entries whose names fit a pattern such as `timm/dla*`."""
    return (entry for entry in entries if fnmatch.fnmatch(entry.name, pattern))
