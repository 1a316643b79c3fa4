"""NumPy's format of one array: a magic string, a header that is a Python dictionary, the numbers.

NumPy itself evaluates the header as Python; here it is matched, so that nothing but arrays of plain numbers is read.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from ..core.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = b"\x93NUMPY"
_HEADER = re.compile(
    r"\{\s*'descr':\s*'([<>|=]?(?:b1|[iu][1248]|f(?:2|4|8|16)))',\s*'fortran_order':\s*(True|False),"
    r"\s*'shape':\s*\(((?:\d{1,18},?\s*){0,32})\),?\s*\}\s*"
)


def decode(content: bytes, where: str) -> NDArray[Any]:
    """Decode an array of plain numbers; it shares the memory of `content`.

    Args:
        content: bytes of the file.
        where: the file, for errors.

    Raises:
        DataError: it has another format, or anything but numbers in it, or its length does not fit its shape.
    """
    import numpy as np

    size = {1: 2, 2: 4, 3: 4}.get(content[6] if content.startswith(MAGIC) and len(content) > 6 else 0, 0)
    begin = 8 + size
    end = begin + int.from_bytes(content[8:begin], "little")
    header = _HEADER.fullmatch(content[begin : min(end, begin + 10_000)].decode("latin-1")) if size else None
    if header is None:
        raise DataError(
            f"{where}: expected a NumPy array of plain numbers, which are never unpickled, found bytes that begin "
            f"with {content[begin : begin + 60] if size else content[:16]!r}; save numbers with numpy.savez"
        )
    dtype = np.dtype(header[1])
    shape = tuple(int(number) for number in re.findall(r"\d+", header[3]))
    expected = math.prod(shape) * dtype.itemsize
    if len(content) - end != expected:
        raise DataError(
            f"{where}: its header says {'×'.join(map(str, shape)) or '1'} of {dtype}, so expected {expected:,} bytes, "
            f"found {max(0, len(content) - end):,}; save it again"
        )
    return np.frombuffer(content, dtype, offset=end).reshape(shape, order="F" if header[2] == "True" else "C")
