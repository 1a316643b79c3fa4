"""Named seed streams: a seed is derived from what it is for, never counted.

Adding a stream, or drawing more numbers from one, leaves all others as they were, so that a trial keeps its bits when
the code around it changes.
"""

from __future__ import annotations

import hashlib


def derive(seed: int, *names: str | int) -> int:
    """Derive a 63-bit seed for one purpose, the same on every machine and in every process.

    Args:
        seed: the seed that the others are derived from.
        *names: the purpose.

    Example:
        >>> derive(0, "init") == derive(0, "init"), derive(0, "init") == derive(0, "order", 1)
        (True, False)
    """
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
