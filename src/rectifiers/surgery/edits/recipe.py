"""What to put in a place: an activation by name and settings, ready to be written down."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ...activations import create, registry
from ...core.errors import ConfigError
from ..inserted.capped import Capped
from ..inserted.write_back import WriteBack

Factory = Callable[[int], nn.Module]


@dataclass(frozen=True)
class Recipe:
    """An activation at one site.

    Args:
        activation: registered name, or a function that makes a module for a number of channels.
        settings: arguments of the registered class.
        channels: size of the channel dimension.
        dtype: dtype of the values there, without the `torch.`.
        near: module whose parameters show the device.
        cap: upper bound of a capped ReLU, which stays; None for none.
        write_back: write the result over the input too, because something reads it there.
        shape: shape of the example's values, for functions that make modules without parameters before the first call.
    """

    activation: str | Factory
    settings: Mapping[str, Any] = field(default_factory=dict)
    channels: int = 1
    dtype: str = "float32"
    near: str = ""
    cap: float | None = None
    write_back: bool = False
    shape: tuple[int, ...] = ()

    def build(self, model: nn.Module) -> nn.Module:
        """The module, on the device of the layer in front of it."""
        place: dict[str, Any] = {"device": _device(model, self.near), "dtype": getattr(torch, self.dtype)}
        if isinstance(self.activation, str):
            elementwise = registry.get(self.activation).spec.kind != "convolution"
            module = create(self.activation, **self.settings, **(place if elementwise else {}))
        else:
            module = self.activation(self.channels).to(**place)
            if any(is_lazy(parameter) for parameter in module.parameters()):
                with torch.no_grad():
                    module(torch.zeros(self.shape, **place))
        if self.cap is not None:
            module = Capped(module, self.cap)
        return WriteBack(module) if self.write_back else module

    def to_json(self) -> dict[str, Any]:
        """Plain data, without what is as usual.

        Raises:
            ConfigError: the activation is a function, which cannot be written down.
        """
        if not isinstance(self.activation, str):
            raise ConfigError(
                f"the plan puts in {self.activation!r}, which cannot be written down; register it under a name with "
                "rectifiers.register_activation and swap by that name"
            )
        usual = Recipe(self.activation)
        return {name: copy.copy(value) for name, value in vars(self).items() if value != getattr(usual, name)} | {
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
            return tensor.device
    return torch.get_default_device()


def build_recipe(recipe: Recipe | None, model: nn.Module) -> nn.Module:
    """The module of a recipe for `model`; an identity where there is none."""
    return nn.Identity() if recipe is None else recipe.build(model)


def read_recipe(data: Mapping[str, Any] | None) -> Recipe | None:
    """The recipe that `Recipe.to_json` wrote."""
    return None if data is None else Recipe(**data)
