"""What every formula with kernels declares."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor


class Formula(ABC):
    """An equation that several activations may share; declared once, and run by kernels.

    Attributes:
        name: name of its operators in `torch.ops.rectifiers`: `NAME` with all that PyTorch wants to know of one,
            `NAME_forward` without a derivative, and `NAME_backward`.
    """

    name: str

    @abstractmethod
    def schemas(self) -> Iterator[str]:
        """Declarations of its operators, in PyTorch's language."""

    @abstractmethod
    def register(self, library: torch.library.Library, variants: Sequence[Any]) -> None:
        """Tell PyTorch the shapes, derivatives and batching of its operators.

        Args:
            library: where the operators are declared.
            variants: all formulas that share these operators.
        """

    @abstractmethod
    def errors(self, device: str) -> Iterator[tuple[str, float]]:
        """How far its kernel is from its reference, on some random inputs, with their shapes in words.

        Args:
            device: where to run the kernel.
        """

    def tolerance(self, device: str) -> float:
        """The largest error that rounding explains."""
        return 1e-4


def samples(*sizes: Any, device: str, uniform: bool = False) -> Tensor:
    """Random numbers for a self-test: float32 whatever the default dtype is, for that is what kernels take.

    Args:
        sizes: of the tensor.
        device: where they go.
        uniform: whether they lie between 0 and 1; else they are normal.
    """
    draw: Any = torch.rand if uniform else torch.randn
    # Drawn on the processor, so that no GPU's generator has to be set back.
    drawn: Tensor = draw(*sizes, dtype=torch.float32, device="cpu")
    return drawn.to(device)


def gradients(output: Tensor, inputs: Sequence[Tensor], grad: Tensor) -> tuple[Tensor, ...]:
    """The gradients of inputs, for a gradient of the output."""
    # As a sum: given the gradient itself, PyTorch loads its symbolic shapes, which takes a third of a second.
    return torch.autograd.grad((output * grad).sum(), inputs)


def relative_error(found: Sequence[Tensor | None], expected: Sequence[Tensor]) -> float:
    """The largest error of several tensors, each relative to its largest element, or to 1."""
    return worst(_error(one, other) for one, other in zip(found, expected, strict=True))


def worst(errors: Iterable[float]) -> float:
    """The largest of some errors; NaN if one of them is NaN, which Python's `max` passes over unless it comes first.

    Example:
        >>> worst([0.5, 2.0]), worst([0.5, float("nan")])
        (2.0, nan)
    """
    every = list(errors)
    return math.nan if any(map(math.isnan, every)) else max(every)


def _error(found: Tensor | None, expected: Tensor) -> float:
    assert found is not None
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1))
