"""What activations learn: the one list of their parameters, as objects for optimizers and as values for a reader."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from .spec import ActivationSpec


def activation_parameters(module: nn.Module) -> list[nn.Parameter]:
    """The parameters of this one module that shape an activation: ours, and those of PyTorch's own PReLU."""
    if isinstance(module, nn.PReLU):
        return list(module.parameters())
    own = getattr(module, "activation_parameters", None)
    return list(own()) if own is not None else []


def shaping_parameters(model: nn.Module) -> set[nn.Parameter]:
    """The parameters that shape the activations anywhere in `model`, each once.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.PReLU())
        >>> shaping_parameters(net) == {net[1].weight}
        True
    """
    return {parameter for module in model.modules() for parameter in activation_parameters(module)}


def learning_activations(model: nn.Module) -> Iterator[tuple[str, nn.Module, tuple[str, ...]]]:
    """Name, module and names of the parameters of every activation that learns; ConvReLU's thresholds too.

    An activation that is made of other modules names their parameters as its own, with dots.
    """
    inside: set[nn.Module] = set()
    for layer, module in model.named_modules():
        spec = getattr(module, "spec", None)
        if module in inside:
            continue
        if isinstance(spec, ActivationSpec):
            if spec.parameters:
                names = tuple(parameter.name for parameter in spec.parameters)
                inside.update(module.modules() if any("." in name for name in names) else ())
                yield layer, module, names
        elif isinstance(module, nn.PReLU):
            yield layer, module, ("weight",)


def learned_values(model: nn.Module) -> Iterator[tuple[str, str, Tensor]]:
    """Layer, name and values of every learned parameter; those without a shape yet are left out.

    Example:
        >>> [(layer, name, values.shape) for layer, name, values in learned_values(nn.Sequential(nn.PReLU(3)))]
        [('0', 'weight', torch.Size([3]))]
    """
    for layer, module, names in learning_activations(model):
        for name in names:
            values = attrgetter(name)(module)
            if not is_lazy(values):
                yield layer, name, values.detach()
