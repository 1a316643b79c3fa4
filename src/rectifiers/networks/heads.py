"""A new last layer for a trained network, for transfer to another task."""

from __future__ import annotations

from torch import nn

from ..core.checks import check_count
from ..core.errors import ConfigError


def replace_head(net: nn.Module, classes: int) -> nn.Linear:
    """Put a new linear layer, with PyTorch's initialisation, in place of a network's last one.

    Args:
        net: any network that ends in a linear layer; changed in place.
        classes: number of logits.

    Returns:
        The new layer, on the device of the old one and of its dtype.

    Raises:
        ConfigError: the network has no linear layer, or `classes` is not a positive integer.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1000))
        >>> replace_head(net, 10)
        Linear(in_features=3, out_features=10, bias=True)
        >>> net[2].out_features
        10
    """
    linear = [(name, module) for name, module in net.named_modules() if isinstance(module, nn.Linear)]
    if not linear or not linear[-1][0]:
        raise ConfigError(f"{type(net).__name__} has no linear layer inside it that could be replaced")
    name, old = linear[-1]
    parent, _, attribute = name.rpartition(".")
    new = nn.Linear(
        old.in_features,
        check_count("replace_head", "classes", classes),
        bias=old.bias is not None,
        device=old.weight.device,
        dtype=old.weight.dtype,
    )
    setattr(net.get_submodule(parent), attribute, new)
    return new
