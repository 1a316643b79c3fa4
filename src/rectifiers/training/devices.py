"""Where a network is trained."""

from __future__ import annotations

import torch
from torch import nn

from ..core.errors import ConfigError


def check_device(name: str) -> None:
    """Make sure that this machine has a device.

    Args:
        name: as PyTorch writes it, such as `cpu` or `cuda:1`.

    Raises:
        ConfigError: it does not.
    """
    device = torch.device(name)
    backend = getattr(torch, device.type)
    if not backend.is_available() or (device.index or 0) >= backend.device_count():
        raise ConfigError(f"this machine has no device {name!r}; use 'cpu'")


def device_of(net: nn.Module) -> torch.device:
    """Where a network is; the CPU where it has no parameters."""
    return next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
