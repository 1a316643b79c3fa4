"""Fine-tuning the activations of a trained network alone, as in the experiments of the PVLU paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from torch import nn

from ...core.errors import ConfigError, UnknownNameError
from ...core.parts import Part, parameters_of
from ..edits.edit import Undo

Freeze = Literal["weights", "weights-except-norm"]
"""`weights`: everything but the activations' parameters; `weights-except-norm`: those of norms learn too."""

TRAINED: Mapping[Freeze, frozenset[Part]] = {
    "weights": frozenset({"activations"}),
    "weights-except-norm": frozenset({"activations", "norms"}),
}
"""The parts that go on learning."""


def freeze_weights(model: nn.Module, what: Freeze, added: Iterable[nn.Parameter] = ()) -> Undo:
    """Freeze all parameters of `model` but those of its activations; return what unfreezes them.

    Parameters that were frozen before stay frozen. Gradients of frozen parameters are cleared, because an optimizer
    would go on applying them. Running statistics of batch norms are not parameters: training mode still updates them.

    Args:
        model: any module.
        what: what is frozen.
        added: parameters that came with a swap; they are not frozen, whatever module they belong to.

    Raises:
        UnknownNameError: `what` is neither `weights` nor `weights-except-norm`.
        ConfigError: no parameter would be left to learn.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.PReLU())
        >>> undo = freeze_weights(net, "weights")
        >>> [name for name, parameter in net.named_parameters() if parameter.requires_grad]
        ['2.weight']
        >>> undo()
        >>> all(parameter.requires_grad for parameter in net.parameters())
        True
    """
    if what not in TRAINED:
        raise UnknownNameError("freeze", str(what), TRAINED)
    spared = {*added, *parameters_of(model, TRAINED[what])}
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
