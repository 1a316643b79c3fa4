"""Texts as characters, the way character-level networks read them (Zhang, Zhao, LeCun, 2015)."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor


ALPHABET = string.ascii_lowercase + string.digits + "-,;.!?:'\"/\\|_@#$%^&*~`+-=<>()[]{}\n"
"""The 70 letters as they are published: the hyphen stands there twice, so the second one's row is always zero.

The code of a character is its first place here, counted from 1. Code 0 is every other character, the blank too, and
what lies beyond a text's end."""

_TABLE = bytes((ALPHABET.find(chr(byte).lower()) + 1) if byte < 128 else 0 for byte in range(256))
_CONTINUATION = bytes(range(0x80, 0xC0))


def encode(text: bytes) -> bytes:
    """Encode every character, capitals as small letters.

    Args:
        text: in UTF-8.

    Returns:
        One byte for each character.

    Example:
        >>> list(encode("Añ b1!".encode()))
        [1, 0, 0, 2, 28, 41]
    """
    return text.translate(_TABLE, _CONTINUATION)


@dataclass(frozen=True)
class OneHot:
    """Turn codes into float32: for each letter a row that is 1 where it occurs, else 0; code 0 is a zero vector.

    Example:
        >>> OneHot()(torch.tensor([[2, 0, 1]], dtype=torch.uint8))[0, :3]
        tensor([[0., 0., 1.],
                [1., 0., 0.],
                [0., 0., 0.]])
    """

    letters: int = len(ALPHABET)

    def __call__(self, codes: Tensor) -> Tensor:
        """Encode a batch as float32, on its device.

        Args:
            codes: uint8, N×length.

        Returns:
            N×letters×length.
        """
        code = codes.long()[:, None]
        rows = torch.zeros(len(codes), self.letters, codes.shape[1], dtype=torch.float32, device=codes.device)
        return rows.scatter_(1, (code - 1).clamp_min_(0), (code > 0).to(torch.float32))
