"""PyTorch, loaded when something of it is first used.

Modules that also tell of data without reading them take it from here: who lists what there is waits for no library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch as torch
    from torch.nn import functional as functional
else:

    class _Lazy:
        """Stands for a module in those that take it from here."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, name: str) -> Any:
            found = getattr(importlib.import_module(self._name), name)
            # Kept, for every batch of a training asks again.
            setattr(self, name, found)
            return found

    torch = _Lazy("torch")
    functional = _Lazy("torch.nn.functional")
