"""The garbage collector, kept from going through many objects that stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Make many objects that stay, among which the collector would look for garbage again and again."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            # To and fro: they count as old now, so that the next small collection does not go through all of them.
            gc.freeze()
            gc.unfreeze()
        gc.enable()
