"""Fine-tuning the activations of a trained network alone, as in the experiments of the PVLU paper."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from torch import nn

from ...core.errors import ConfigError, UnknownNameError
from ...core.param_groups import activation_parameters
from ..edits.edit import Undo

Freeze = Literal["weights", "weights-except-norm"]
"""`weights`: everything but the activations' parameters; `weights-except-norm`: those of norms learn too."""

NORMS = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.SyncBatchNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)


def freeze_weights(model: nn.Module, what: Freeze, added: Iterable[nn.Parameter] = ()) -> Undo:
    """Let `model` learn its activations' parameters alone; returns what lets the others learn again.

    What was frozen before stays so. Gradients of what is frozen are cleared, for an optimizer would go on applying
    them. Running statistics of batch norms are no parameters: training mode goes on updating them.

    Args:
        model: any module.
        what: what is frozen.
        added: parameters that came with a swap: they learn, whatever module they belong to.

    Raises:
        UnknownNameError: no such `what`.
        ConfigError: nothing would be left to learn.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.PReLU())
        >>> undo = freeze_weights(net, "weights")
        >>> [name for name, parameter in net.named_parameters() if parameter.requires_grad]
        ['2.weight']
        >>> undo()
        >>> all(parameter.requires_grad for parameter in net.parameters())
        True
    """
    if what not in get_args(Freeze):
        raise UnknownNameError("freeze", str(what), get_args(Freeze))
    spared = {*added, *(parameter for module in model.modules() for parameter in activation_parameters(module))}
    if what == "weights-except-norm":
        norms = [module for module in model.modules() if isinstance(module, NORMS)]
        spared.update(parameter for module in norms for parameter in module.parameters())
    if not any(parameter.requires_grad for parameter in spared):
        raise ConfigError(f"freeze={what!r} leaves nothing to learn: the activations have no parameters")
    frozen = [parameter for parameter in model.parameters() if parameter.requires_grad and parameter not in spared]
    for parameter in frozen:
        parameter.requires_grad_(False)
        parameter.grad = None

    def undo() -> None:
        for parameter in frozen:
            parameter.requires_grad_(True)

    return undo
