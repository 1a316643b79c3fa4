"""Where PyTorch has autocast: a plain set, for PyTorch 2.10 cannot trace the question."""

from __future__ import annotations

import torch

AUTOCAST_DEVICES = frozenset(
    device
    for device in ("cpu", "cuda", "xpu", "mps", "hpu", "mtia", "xla", "maia", torch._C._get_privateuse1_backend_name())
    if torch.amp.is_autocast_available(device)
)
"""Types of devices that have it."""
