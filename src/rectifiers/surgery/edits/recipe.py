"""What to put at a site: an activation by name, with its options, in a form that can be written down."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ...activations import create, registry
from ...core.elementwise import Elementwise
from ...core.errors import ConfigError
from ...watching.wrappers import execution_device
from ..inserted.capped import Capped
from ..inserted.write_back import WriteBack

Factory = Callable[[int], nn.Module]


@dataclass(frozen=True)
class Recipe:
    """An activation and the options with which it goes to one site.

    Args:
        activation: registered name, or a function that makes a module for a number of channels.
        settings: options of the registered class, under the name that saved plans give them.
        channels: size of the channel dimension.
        dtype: dtype of the activation's input, without the `torch.`.
        near: path of a module whose parameters show the device.
        cap: upper bound to keep, from a capped ReLU; None for no bound.
        write_back: whether to write the result over the input too, because something else reads it there.
        shape: shape of the activation's input on the example, for modules that have no parameters before a first call.
        fitted: starting values that were fitted to what was there, by parameter.
    """

    activation: str | Factory
    settings: Mapping[str, Any] = field(default_factory=dict)
    channels: int = 1
    dtype: str = "float32"
    near: str = ""
    cap: float | None = None
    write_back: bool = False
    shape: tuple[int, ...] = ()
    fitted: Mapping[str, float | tuple[float, ...]] = field(default_factory=dict)

    def build(self, model: nn.Module) -> nn.Module:
        """Build the module for `model`, on the device of the layer in front of it."""
        factory: dict[str, Any] = {"device": _device(model, self.near), "dtype": getattr(torch, self.dtype)}
        if isinstance(self.activation, str):
            elementwise = registry.get(self.activation).spec.kind != "convolution"
            module = create(self.activation, **self.settings, **(factory if elementwise else {}))
            if self.fitted and isinstance(module, Elementwise):
                module.start_at(**self.fitted)
        else:
            module = self.activation(self.channels).to(**factory)
            if any(is_lazy(parameter) for parameter in module.parameters()):
                with torch.no_grad():
                    module(torch.zeros(self.shape, **factory))
        if self.cap is not None:
            module = Capped(module, self.cap)
        return WriteBack(module) if self.write_back else module

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as plain data, without fields that have their default values.

        Raises:
            ConfigError: the activation is a function, which cannot be written down.
        """
        if not isinstance(self.activation, str):
            raise ConfigError(
                f"the plan puts in {self.activation!r}, which cannot be written down; register it under a name with "
                "rectifiers.register_activation and swap by that name"
            )
        default = Recipe(self.activation)
        return {name: copy.copy(value) for name, value in vars(self).items() if value != getattr(default, name)} | {
            "activation": self.activation
        }


def _near(model: nn.Module, path: str) -> nn.Module:
    try:
        return model.get_submodule(path)
    except AttributeError:
        return model


def _device(model: nn.Module, near: str) -> torch.device:
    for module in (_near(model, near), model):
        for tensor in (*module.parameters(), *module.buffers()):
            # Offloaded parameters are on the meta device between calls; the activation's own stay where it runs.
            return tensor.device if not tensor.is_meta else execution_device(module) or tensor.device
    return torch.get_default_device()


def build_recipe(recipe: Recipe | None, model: nn.Module) -> nn.Module:
    """Build the module of a recipe for `model`; an identity if there is no recipe."""
    return nn.Identity() if recipe is None else recipe.build(model)


def read_recipe(data: Mapping[str, Any] | None) -> Recipe | None:
    """Read the recipe that `Recipe.to_json` wrote."""
    if data is None:
        return None
    # JSON has lists where there were tuples.
    fitted = {name: tuple(v) if isinstance(v, list) else v for name, v in data.get("fitted", {}).items()}
    return Recipe(**{**data, "fitted": fitted})
