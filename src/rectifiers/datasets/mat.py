"""MATLAB's MAT-files of version 5, as far as published data sets need them: arrays of unsigned bytes, packed or not.

A file is 128 bytes of header and then elements: a type, a number of bytes, the bytes, filled up to a multiple of eight.
An element of type 15 holds another one, packed by zlib; one of type 14 is an array: its flags, sizes, name and numbers,
each an element of its own.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..core.lazy import torch
from ..core.reading import allowance, damage, inflate

if TYPE_CHECKING:
    from torch import Tensor

_BEGIN = 128
_LITTLE_ENDIAN = b"\x00\x01IM"
_BYTES, _SIZES, _MATRIX, _COMPRESSED = 2, 5, 14, 15


class _Element(NamedTuple):
    type: int
    content: memoryview


def decode(content: bytes, where: str) -> dict[str, Tensor]:
    """Decode the arrays of unsigned bytes in a MAT-file, by name; others are left out.

    Args:
        content: bytes of the file.
        where: the file, for errors.

    Returns:
        uint8 tensors of the sizes that MATLAB had.

    Raises:
        DataError: it is another kind of file, is damaged, or unpacks to more than it deserves.
    """
    with damage(f"{where}: cannot be read as a MATLAB file of version 5", advice="get it again"):
        if content[_BEGIN - 4 : _BEGIN] != _LITTLE_ENDIAN:
            raise ValueError(f"expected it to say {_LITTLE_ENDIAN.hex(' ')} at byte {_BEGIN - 4}")
        left = allowance(len(content))
        arrays = {}
        for element in _elements(memoryview(content)[_BEGIN:]):
            if element.type == _COMPRESSED:
                unpacked = inflate(element.content.tobytes(), left)
                left -= len(unpacked)
                element = next(_elements(memoryview(unpacked)), element)
            if element.type == _MATRIX and (array := _array(element.content)) is not None:
                arrays[array[0]] = array[1]
        return arrays


def _array(content: memoryview) -> tuple[str, Tensor] | None:
    """Read name and numbers of an array; None if they are not bytes."""
    _, sizes, name, *parts = _elements(content)
    if sizes.type != _SIZES or not parts or parts[0].type != _BYTES:
        return None
    numbers = parts[0].content
    shape = struct.unpack(f"<{len(sizes.content) // 4}i", sizes.content)
    if min(shape, default=0) < 0 or math.prod(shape) != len(numbers):
        raise ValueError(f"expected {'×'.join(map(str, shape))} bytes, found {len(numbers):,}")
    # MATLAB counts the first axis fastest. A bytearray, because torch warns about memory that it could not write.
    flat = torch.frombuffer(bytearray(numbers), dtype=torch.uint8) if numbers else torch.empty(0, dtype=torch.uint8)
    return bytes(name.content).decode("ascii"), flat.reshape(shape[::-1]).permute(*reversed(range(len(shape))))


def _elements(content: memoryview) -> Iterator[_Element]:
    at = 0
    while at < len(content):
        kind, size = struct.unpack_from("<II", content, at)
        begin = at + 8
        if kind >> 16:  # a small one: its size and at most four bytes stand where the size of others is
            kind, size, begin = kind & 0xFFFF, kind >> 16, at + 4
        end = begin + size
        if end > len(content) or (begin == at + 4 and size > 4):
            raise ValueError("it is truncated")
        yield _Element(kind, content[begin:end])
        at = at + 8 if begin == at + 4 else end if kind == _COMPRESSED else -(-end // 8) * 8
