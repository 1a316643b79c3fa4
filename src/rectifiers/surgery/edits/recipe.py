"""What to put at a site: an activation by name, with its options, in a form that can be written down."""

from __future__ import annotations

import copy
import json
import math
import numbers
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ...activations import create, registry
from ...core.elementwise import Elementwise
from ...core.errors import ConfigError
from ...watching.wrappers import execution_device
from ..inserted.added import add_to
from ..inserted.annealed import Annealed
from ..inserted.capped import Capped
from ..inserted.kept import keep
from ..inserted.unbounded import allow_infinite
from ..inserted.write_back import WriteBack

Factory = Callable[[int], nn.Module]


@dataclass(frozen=True)
class Recipe:
    """An activation and the options with which it goes to one site.

    Args:
        activation: registered name, or a function that makes a module for a number of channels.
        settings: options of the registered class, under the name that saved plans give them.
        channels: size of the channel dimension.
        dtype: dtype of the activation's input, without the `torch.`; that of its parameters only where no weights are
            near, for inside autocast the values are narrower than the weights.
        near: path of a module whose parameters show the device and the dtype.
        cap: upper bound to keep, from a capped ReLU; None for no bound.
        write_back: whether to write the result over the input too, because something else reads it there.
        keep_input: whether to work on a copy of the input, because something else writes over it.
        keep_output: whether to return a copy of the output, because something else writes over it.
        allow_infinite: whether to give at infinite inputs what ReLU gives there.
        shape: shape of the activation's input on the example, for modules that have no parameters before a first call.
        fitted: starting values that were fitted to what was there, by parameter.
        added_to: the `formula` that stays, and the `options` that it takes, where the activation is added to it but for
            its ReLU; empty if it takes the place of what was there.
        annealed_from: the `formula` that the activation, a plain rectifier, comes from little by little, and the
            `options` that it takes; empty if the activation is there from the start.
    """

    activation: str | Factory
    settings: Mapping[str, Any] = field(default_factory=dict)
    channels: int = 1
    dtype: str = "float32"
    near: str = ""
    cap: float | None = None
    write_back: bool = False
    keep_input: bool = False
    keep_output: bool = False
    allow_infinite: bool = False
    shape: tuple[int, ...] = ()
    fitted: Mapping[str, float | tuple[float, ...] | tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    added_to: Mapping[str, Any] = field(default_factory=dict)
    annealed_from: Mapping[str, Any] = field(default_factory=dict)

    def build(self, model: nn.Module) -> nn.Module:
        """Build the module for `model`, on the device of the layer before it, and in the dtype of its weights."""
        dtype = _dtype(model, self.near) or getattr(torch, self.dtype)
        factory: dict[str, Any] = {"device": _device(model, self.near), "dtype": dtype}
        if self.annealed_from:
            module: nn.Module = Annealed(**self.annealed_from, to=str(self.activation)).to(**factory)
        elif isinstance(self.activation, str):
            elementwise = registry.get(self.activation).spec.kind != "convolution"
            module = create(self.activation, **self.settings, **(factory if elementwise else {}))
            if self.fitted and isinstance(module, Elementwise):
                module.start_at(**self.fitted)
            if self.added_to and isinstance(module, Elementwise):
                module = add_to(activation=module, **self.added_to)
        else:
            module = self.activation(self.channels).to(**factory)
            if any(is_lazy(parameter) for parameter in module.parameters()):
                with torch.no_grad():
                    module(torch.zeros(self.shape, **factory))
        if self.allow_infinite:
            module = allow_infinite(module)
        if self.keep_input or self.keep_output:
            module = keep(module, input=self.keep_input, output=self.keep_output)
        if self.cap is not None:
            module = Capped(module, self.cap)
        return WriteBack(module) if self.write_back else module

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as plain data, without fields that have their default values.

        Raises:
            ConfigError: the activation, or one of its options, is a function or something else that cannot be written
                down.
        """
        if not isinstance(self.activation, str):
            raise ConfigError(
                f"the plan puts in {self.activation!r}, which cannot be written down; register it under a name with "
                "rectifiers.register_activation and swap by that name"
            )
        default = Recipe(self.activation)
        data = {name: copy.copy(value) for name, value in vars(self).items() if value != getattr(default, name)}
        if self.settings:
            data["settings"] = {name: _write_option(self.activation, name, one) for name, one in self.settings.items()}
        return data | {"activation": self.activation}


def _write_option(activation: str, name: str, value: Any) -> Any:
    """Return an option as JSON has it; a number of NumPy's becomes a plain one."""
    if isinstance(value, numbers.Real) and not isinstance(value, (int, float)):
        value = int(value) if isinstance(value, numbers.Integral) else float(value)
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        raise ConfigError(
            f"the plan puts in {activation} with {name}={value!r}, which cannot be written down; register a class that "
            "has it with rectifiers.register_activation, and swap by its name"
        ) from None
    return value


def _around(model: nn.Module, path: str) -> Iterator[nn.Module]:
    """Yield the module at `path`, if there is one, and those around it, up to the model."""
    names = path.split(".") if path else []
    for length in range(len(names), 0, -1):
        try:
            yield model.get_submodule(".".join(names[:length]))
        except AttributeError:
            continue
    yield model


def _device(model: nn.Module, near: str) -> torch.device:
    for module in _around(model, near):
        for tensor in (*module.parameters(), *module.buffers()):
            # Offloaded parameters are on the meta device between calls; the activation's own stay where it runs.
            return tensor.device if not tensor.is_meta else execution_device(module) or tensor.device
    return torch.get_default_device()


def _dtype(model: nn.Module, near: str) -> torch.dtype | None:
    """Return the dtype of the nearest weights that can be trained in; None if there are none."""
    for module in _around(model, near):
        for parameter in module.parameters():
            if parameter.dtype in _TRAINABLE:
                return parameter.dtype
    return None


_TRAINABLE = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""Not the integers and eight-bit numbers of quantised weights."""


def build_recipe(recipe: Recipe | None, model: nn.Module) -> nn.Module:
    """Build the module of a recipe for `model`; an identity if there is no recipe."""
    return nn.Identity() if recipe is None else recipe.build(model)


def read_recipe(data: Mapping[str, Any] | None) -> Recipe | None:
    """Read the recipe that `Recipe.to_json` wrote."""
    if data is None:
        return None
    # JSON has lists where there were tuples.
    if not isinstance(data["activation"], str):
        raise ValueError(f"expected the name of an activation, got {data['activation']!r}")
    if _largest(data.get("settings", {})) > _MOST:
        raise ValueError(f"expected at most {_MOST:,} learned numbers, got {data['settings']!r}")
    fitted = {name: _tuples(value) for name, value in data.get("fitted", {}).items()}
    return Recipe(**{**data, "fitted": fitted})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _largest(value: Any) -> int:
    """Return how many numbers an option of an activation may ask for: itself, or the product of a shape."""
    if isinstance(value, Mapping):
        return max(map(_largest, value.values()), default=0)
    if isinstance(value, list):
        return math.prod(map(_largest, value))
    return abs(value) if isinstance(value, int) else 0


_MOST = 2**26
"""Learned numbers that a written recipe may ask for; more than any layer has."""
