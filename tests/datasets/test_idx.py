"""MNIST's file format: read as written, and every defect named."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rectifiers.core.errors import DataError
from rectifiers.datasets.idx import decode


@given(st.lists(st.integers(0, 4), min_size=1, max_size=4), st.integers(0, 2**32))
def test_round_trip(encode_idx: Callable[[Tensor], bytes], shape: list[int], seed: int) -> None:
    tensor = torch.randint(256, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    decoded = decode(encode_idx(tensor), "file", rank=len(shape))
    assert decoded.shape == tensor.shape
    assert torch.equal(decoded, tensor)


IMAGES = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, *[0] * 24])
LABELS = bytes([0, 0, 8, 1, 0, 0, 0, 2, 0, 0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (IMAGES[:-1], "file: its header says 2×3×4, so expected 40 bytes, found 39"),
        (IMAGES + b"\0", "expected 40 bytes, found 41"),
        (IMAGES[:10], "file: truncated IDX header: expected 16 bytes, found 10"),
        (b"", "begin with 00 00 08 03, found nothing"),
        (b"\x89PNG....", "begin with 00 00 08 03, found 89 50 4e 47"),
        (LABELS, "file: not an IDX file of 3-dimensional bytes"),
        (b"\0\0\x0d" + IMAGES[3:], "begin with 00 00 08 03, found 00 00 0d 03"),
    ],
)
def test_what_is_wrong_is_named(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        decode(content, "file", rank=3)
