"""What is tried, piece by piece, in the order of what it is worth to know: a run may be cut off at any of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from ...kernels.conv_threshold import NAME as CONVOLUTION
from ...kernels.elementwise import ElementwiseFormula
from ...kernels.formulas import FORMULAS
from ...kernels.triton.loading import Triton
from ..subjects import names_of_ours

Kind = Literal["check", "prepare", "time"]

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

CONVRELU = "convrelu2d"


@dataclass(frozen=True)
class Piece:
    """The least that is tried and kept.

    Args:
        kind: `check` compares kernels with the reference, `prepare` compiles what `time` times.
        subject: a formula with the values of its options, to check; the name of a function, to time.
        dtype: a key of `DTYPES`.
        shape: a key of `Sizes.timed`; empty for checks, which have shapes of their own.
    """

    kind: Kind
    subject: str
    dtype: str
    shape: str = ""

    @property
    def key(self) -> str:
        """What results are kept under."""
        return "/".join((self.kind, self.subject, self.dtype, *((self.shape,) if self.shape else ())))

    @classmethod
    def read(cls, key: str) -> Piece:
        """The piece of a key.

        Example:
            >>> Piece.read("time/arelu/float32/image").shape
            'image'
        """
        return cls(*key.split("/"))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Shape:
    """An input to time at.

    Args:
        sizes: channels or features second.
        channels_last: its memory order; contiguous otherwise.
        outputs: channels of the output, for a convolution of 3×3 taps with a zero around; 0 for functions.
    """

    sizes: tuple[int, ...]
    channels_last: bool = False
    outputs: int = 0


@dataclass(frozen=True)
class Sizes:
    """How large everything is.

    Args:
        checked: the image that elementwise formulas are compared on.
        convolved: the image that the convolution is compared on.
        timed: inputs to time at, by name.
        rounds: turns of everything that is timed together.
        repeats: calls in a turn.
    """

    checked: tuple[int, ...]
    convolved: tuple[int, ...]
    timed: dict[str, Shape]
    rounds: int
    repeats: int


FULL = Sizes(
    checked=(8, 64, 28, 28),
    convolved=(8, 64, 28, 28),
    timed={
        "tokens": Shape((8192, 4096)),
        "image": Shape((128, 64, 32, 32)),
        "image channels_last": Shape((128, 64, 32, 32), channels_last=True),
        "convolution": Shape((128, 64, 32, 32), outputs=64),
        "convolution channels_last": Shape((128, 64, 32, 32), channels_last=True, outputs=64),
        "deep convolution": Shape((128, 256, 8, 8), outputs=256),
    },
    rounds=5,
    repeats=10,
)

TINY = Sizes(
    checked=(2, 6, 5, 4),
    convolved=(1, 3, 5, 4),
    timed={"tokens": Shape((4, 8)), "convolution": Shape((1, 2, 4, 4), outputs=2)},
    rounds=2,
    repeats=1,
)
"""For Triton's interpreter."""


def variants() -> dict[str, ElementwiseFormula]:
    """Elementwise formulas that Triton has kernels for, by their names and the values of their options."""
    found = [one for one in FORMULAS if isinstance(one, ElementwiseFormula) and one.name not in Triton.lacks]
    return {"-".join(map(str, (one.name, *map(int, one.values)))): one for one in found}


def plan(sizes: Sizes) -> Iterator[Piece]:
    """All pieces: first whether everything is right, then what it costs."""
    for dtype in DTYPES:
        for name in (*variants(), CONVOLUTION):
            yield Piece("check", name, dtype)
    for kind in ("prepare", "time"):
        for dtype in ("bfloat16", "float32"):
            for label, shape in sizes.timed.items():
                for name in (CONVRELU,) if shape.outputs else names_of_ours():
                    yield Piece(kind, name, dtype, label)
