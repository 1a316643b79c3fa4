"""What training leaves alone."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..core.errors import ConfigError, UnknownNameError
from ..core.parts import Part, parameters_of
from .trained import Trained

PARTS: Mapping[Trained, frozenset[Part]] = {
    "activations": frozenset({"activations"}),
    "activations and norms": frozenset({"activations", "norms"}),
    "activations, norms and head": frozenset({"activations", "norms", "head"}),
    "activations and head": frozenset({"activations", "head"}),
    "norms": frozenset({"norms"}),
    "norms and head": frozenset({"norms", "head"}),
    "biases": frozenset({"biases"}),
    "biases and head": frozenset({"biases", "head"}),
    "adapter": frozenset({"adapter"}),
    "adapter and head": frozenset({"adapter", "head"}),
    "head": frozenset({"head"}),
}
"""The parts that each choice trains; `all` trains everything, whether it belongs to a part or not."""


def freeze(net: nn.Module, trained: Trained) -> list[nn.Module]:
    """Leave only a part of `net` trainable.

    Args:
        net: any network, its lazy parameters made.
        trained: `all`; or parts: the parameters of `activations`, of normalisation (`norms`), the `biases` of all
            layers, what peft added (`adapter`), and the `head`, the last layer with weights.

    Returns:
        The batch norms that are not trained: keep them in evaluation mode, so that their statistics stay.

    Raises:
        UnknownNameError: there is no such choice.
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
    if trained not in PARTS:
        raise UnknownNameError("choice of what is trained", trained, ("all", *PARTS))
    parts = PARTS[trained]
    chosen = parameters_of(net, parts)
    if not chosen:
        raise ConfigError(f"trained={trained!r} leaves nothing to train in {type(net).__name__}")
    for parameter in net.parameters():
        parameter.requires_grad_(parameter in chosen)
    return [module for module in net.modules() if isinstance(module, _BatchNorm) and "norms" not in parts]
