"""The IDX format of MNIST and its kin: two zero bytes, a type, the number of dimensions, their sizes, the numbers.

Sizes are big-endian 32-bit integers; of the types only unsigned bytes (8) is used by the data sets here.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

from ..core.errors import DataError
from ..core.lazy import torch
from ..core.reading import damage

if TYPE_CHECKING:
    from torch import Tensor

_UNSIGNED_BYTE = 8


def decode(content: bytes, name: str, rank: int) -> Tensor:
    """Decode the tensor in an IDX file.

    Args:
        content: bytes of the file, unpacked.
        name: name of the file, for errors.
        rank: number of dimensions it must have.

    Returns:
        A uint8 tensor of that rank.

    Raises:
        DataError: the file has another format, rank or type, or its length does not fit its sizes.

    Example:
        >>> decode(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]), "labels", rank=1)
        tensor([7, 8, 9], dtype=torch.uint8)
    """
    magic = bytes([0, 0, _UNSIGNED_BYTE, rank])
    if content[:4] != magic:
        raise DataError(
            f"{name}: not an IDX file of {rank}-dimensional bytes: "
            f"expected it to begin with {magic.hex(' ')}, found {content[:4].hex(' ') or 'nothing'}"
        )
    header = 4 + 4 * rank
    if len(content) < header:
        raise DataError(f"{name}: truncated IDX header: expected {header} bytes, found {len(content)}")
    sizes = struct.unpack(f">{rank}I", content[4:header])
    expected_bytes = header + math.prod(sizes)
    if len(content) != expected_bytes:
        raise DataError(
            f"{name}: its header says {'×'.join(map(str, sizes))}, so expected {expected_bytes:,} bytes, "
            f"found {len(content):,}; delete it and get it again"
        )
    # A bytearray, because torch warns about memory that it could not write. No number at all may still have sizes
    # whose product overflows.
    with damage(f"{name}: cannot be read as an IDX file"):
        return torch.frombuffer(bytearray(content), dtype=torch.uint8)[header:].reshape(sizes)
