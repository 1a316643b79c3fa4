"""What a training leaves alone."""

from __future__ import annotations

from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..core.errors import ConfigError
from ..core.param_groups import activation_parameters
from ..surgery.carry.freezing import NORMS

Trained = Literal["all", "activations", "activations and norms", "activations, norms and head", "head"]


def freeze(net: nn.Module, trained: Trained) -> list[nn.Module]:
    """Leave only a part of `net` trainable.

    Args:
        net: any network, its lazy parameters made.
        trained: `all`; or parts: the parameters of `activations`, of normalisation (`norms`), and of the `head`, the
            last layer with weights.

    Returns:
        The batch norms that are not trained: they are to stay in evaluation mode, lest their statistics move.

    Raises:
        ConfigError: nothing would be trained.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.PReLU(), nn.Linear(3, 2))
        >>> freeze(net, "activations") == [net[1]]
        True
        >>> [name for name, parameter in net.named_parameters() if parameter.requires_grad]
        ['2.weight']
    """
    if trained == "all":
        return []
    kept: set[nn.Parameter] = set()
    if "activations" in trained:
        kept |= {parameter for module in net.modules() for parameter in activation_parameters(module)}
    if norms := "norms" in trained:
        kept |= {p for module in net.modules() if isinstance(module, NORMS) for p in module.parameters()}
    if "head" in trained:
        layers = [module for module in net.modules() if isinstance(module, nn.Linear | nn.modules.conv._ConvNd)]
        kept |= set(layers[-1].parameters())
    if not kept:
        raise ConfigError(f"trained={trained!r} leaves nothing to train in {type(net).__name__}")
    for parameter in net.parameters():
        parameter.requires_grad_(parameter in kept)
    return [module for module in net.modules() if isinstance(module, _BatchNorm) and not norms]
