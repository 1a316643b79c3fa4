"""The tiles that a tensor is cut into, one per program, and the sums that a program leaves behind.

A tensor lies in memory as rows × bands × width. A tile has several rows, and a piece of one band. Either a band is one
unit, whose coefficients are then scalars of the program; or all units stand in one band, and each column has its own.
The cut follows from the shape alone, and every program writes its sums to a place of its own: same shape, same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import triton
import triton.language as tl
from torch import Tensor

from ..layout import Layout

ELEMENTS = 2048
"""Elements of a full tile: enough to pay for the reduction of its sums."""

FOLD = 1024
"""Width that a tensor with a single unit is folded to."""

SHORTEST = 32
"""Runs of one unit shorter than this share a band: a warp reads no fewer elements at once."""

COLUMNS = 128
"""Columns of a tile over a band of all units; the rest of the tile are rows, over which it sums."""


@dataclass(frozen=True)
class Cut:
    """How a layout is cut into tiles; see `place` for the names."""

    rows: int
    bands: int
    width: int
    total: int
    inner: int
    tile_rows: int
    tile_columns: int
    varying: bool

    @classmethod
    def of(cls, layout: Layout) -> Cut:
        """The cut of a layout that is not empty."""
        outer, units, inner, _ = layout
        total = outer * units * inner
        if units == 1:
            width = min(total, FOLD)
            return cls.of_rows(triton.cdiv(total, width), width, total)
        if inner < SHORTEST:
            return cls._of(outer, 1, units * inner, total, inner, varying=True)
        return cls._of(outer, units, inner, total, inner, varying=False)

    @classmethod
    def of_rows(cls, rows: int, width: int, total: int) -> Cut:
        """The cut of rows that are all alike."""
        return cls._of(rows, 1, width, total, width, varying=False)

    @classmethod
    def _of(cls, rows: int, bands: int, width: int, total: int, inner: int, *, varying: bool) -> Cut:
        height = triton.next_power_of_2(rows)
        most = max(COLUMNS, ELEMENTS // height) if varying else ELEMENTS
        tile_columns = min(triton.next_power_of_2(width), most, ELEMENTS)
        tile_rows = min(height, ELEMENTS // tile_columns)
        return cls(rows, bands, width, total, inner, tile_rows, tile_columns, varying)

    @property
    def chunks(self) -> int:
        """Tiles over the rows."""
        return -(-self.rows // self.tile_rows)

    @property
    def segments(self) -> int:
        """Tiles over the width of a band."""
        return -(-self.width // self.tile_columns)

    @property
    def programs(self) -> int:
        """Tiles in all."""
        return self.chunks * self.bands * self.segments

    @property
    def slots(self) -> int:
        """Sums that all programs make of one coefficient."""
        return self.chunks * self.width if self.varying else self.programs

    def total_of(self, sums: Tensor) -> Tensor:
        """Sums per unit, out of those of all programs: (coefficients, slots) to (coefficients, units)."""
        if self.varying:
            return sums.view(len(sums), self.chunks, -1, self.inner).sum((1, 3))
        return sums.view(len(sums), self.chunks, self.bands, self.segments).sum((1, 3))

    def arguments(self) -> dict[str, Any]:
        """What `place` takes."""
        return {
            "rows": self.rows,
            "bands": self.bands,
            "width": self.width,
            "total": self.total,
            "segments": self.segments,
            "inner": self.inner,
            "ROWS": self.tile_rows,
            "COLUMNS": self.tile_columns,
            "VARYING": self.varying,
        }


@triton.jit
def place(rows, bands, width, total, segments, inner, ROWS: tl.constexpr, COLUMNS: tl.constexpr, VARYING: tl.constexpr):
    """The offsets of this program's tile, which of them exist, the unit of each, and where its sums go."""
    program = tl.program_id(0).to(tl.int64)
    segment = program % segments
    band = program // segments % bands
    chunk = program // segments // bands
    row = chunk * ROWS + tl.arange(0, ROWS)[:, None]
    column = segment * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    offset = (row * bands + band) * width + column
    mask = (row < rows) & (column < width) & (offset < total)
    if VARYING:
        unit = tl.where(column < width, column // inner, 0)
        slot = chunk * width + segment * COLUMNS + tl.arange(0, COLUMNS)
        kept = segment * COLUMNS + tl.arange(0, COLUMNS) < width
    else:
        unit = band
        slot = program
        kept = True
    return offset, mask, unit, slot, kept


class Sink(NamedTuple):
    """Where a program leaves its sums.

    Args:
        sums: all programs' sums, a row per coefficient.
        slots: length of a row.
        slot: this program's place, or places, in a row.
        kept: which of the places exist.
        mask: which elements of the tile exist.
        VARYING: whether every column of the tile has a place of its own.
    """

    sums: Any
    slots: Any
    slot: Any
    kept: Any
    mask: Any
    VARYING: Any


@triton.jit
def deposit(sink, coefficient, value):
    """Sum what the tile adds to the gradient of a coefficient, and write it to the place of this program."""
    added = tl.sum(tl.where(sink.mask, value, 0.0), axis=0)
    if sink.VARYING:
        tl.store(sink.sums + coefficient * sink.slots + sink.slot, added, mask=sink.kept)
    else:
        tl.store(sink.sums + coefficient * sink.slots + sink.slot, tl.sum(added, axis=0))
