"""The edit that replaces a module by an activation."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from ...core.errors import ConfigError
from ...watching.kinds import may_be_activation
from .edit import Undo, submodule
from .fast_path import leave_fast_path
from .recipe import Recipe, build_recipe, read_recipe


@dataclass(frozen=True)
class Replace:
    """Replaces a module by an activation, under all of its names; the activation gets the module's hooks and mode.

    Args:
        paths: all names of the module.
        recipe: what to put in; None removes the activation and leaves an identity.
    """

    kind: ClassVar[str] = "replace"
    paths: tuple[str, ...]
    recipe: Recipe | None

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; return what changes it back."""
        old = submodule(model, self.paths[0])
        if not may_be_activation(old):
            raise ConfigError(
                f"{self.paths[0]!r} is a {type(old).__name__} in this {type(model).__name__}, and no activation, as it "
                "was in the model that the plan was made for"
            )
        new = build_recipe(self.recipe, model)
        return put_module(model, self.paths, old, new)

    def to_json(self) -> dict[str, Any]:
        """Return the edit as plain data, without its kind."""
        return {"paths": list(self.paths), "recipe": self.recipe and self.recipe.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Replace:
        """Read the edit that `to_json` wrote."""
        return cls(tuple(data["paths"]), read_recipe(data["recipe"]))


def put_module(model: nn.Module, paths: tuple[str, ...], old: nn.Module, new: nn.Module) -> Undo:
    """Replace `old` by `new` under every name, and give `new` its hooks and mode; return what undoes it."""
    new.train(old.training)
    slots = []
    for path in paths:
        parent, _, name = path.rpartition(".")
        slots.append((submodule(model, parent), name))
    for path, (holder, name) in zip(paths, slots, strict=True):
        if holder._modules.get(name) is not old:
            raise ConfigError(
                f"{path!r} is not the module {paths[0]!r} in this {type(model).__name__}, as it was in the model that "
                "the plan was made for"
            )
    undos = [leave_fast_path(model, holder) for holder, _ in slots]
    for holder, name in slots:
        holder._modules[name] = new

    def stays_elsewhere(hooked: nn.Module) -> bool:
        # It takes a walk through the whole model, and matters to hooks alone.
        if not any(hooked.__dict__[name] for name in _HOOKS):
            return False
        others = set(model.modules()) - set(new.modules())
        return any(child is old for holder in others for child in holder._modules.values())

    stays, own = stays_elsewhere(old), {name: dict(new.__dict__[name]) for name in _HOOKS if new.__dict__[name]}
    _move_hooks(old, new, keep=stays)
    _add_hooks(new, own, apart=stays)
    # What was put in may have no parameters that show where the model is.
    witness = _find_parameter(new, slots[0][0], model)
    place = _place_of(witness)

    def undo() -> None:
        # The model may have been changed since; what was put in is looked for where it is now.
        holders = dict.fromkeys(holder for holder, _ in slots)
        now = [(holder, name) for holder in holders for name, child in holder._modules.items() if child is new]
        around = [child for holder in holders for child in holder.children() if new in set(child.modules())]
        if not now and around:
            raise ConfigError(
                f"{paths[0]!r} is inside of {type(around[0]).__name__} since the swap; take that off, and revert again"
            )
        stayed = stays or stays_elsewhere(new)
        for holder, name in now:
            holder._modules[name] = old
        moved = _place_of(witness)
        if place is not None and moved is not None and moved != place and place[0].type != "meta":
            device, dtype = moved[0] if moved[0] != place[0] else None, moved[1] if moved[1] != place[1] else None
            old.to(device=device, dtype=dtype)
        old.train(new.training)
        if not stayed:
            _move_hooks(new, old)
            for name, hooks in own.items():
                new.__dict__[name].update(
                    {key: old.__dict__[name].pop(key) for key in hooks if key in old.__dict__[name]}
                )
        for back in undos:
            back()

    return undo


def _find_parameter(*around: nn.Module) -> tuple[nn.Module, str] | None:
    """Return the first module in these that has a parameter of its own, and its name there; None if there is none."""
    modules = (module for each in around for module in each.modules())
    return next(((module, name) for module in modules for name, _ in module.named_parameters(recurse=False)), None)


def _place_of(witness: tuple[nn.Module, str] | None) -> tuple[torch.device, torch.dtype] | None:
    """Return the device and the dtype of a module's parameter; None if there is none."""
    one = None if witness is None else dict(witness[0].named_parameters(recurse=False)).get(witness[1])
    return None if one is None else (one.device, one.dtype)


def _move_hooks(source: nn.Module, to: nn.Module, *, keep: bool = False) -> None:
    for name in _HOOKS:
        # The very same dictionaries, so that handles of the one module's hooks can still remove them.
        to.__dict__[name] = source.__dict__[name]
        # The old module may go on being called inside the new one, where its hooks must not be called again; or under
        # other names, where they must.
        if not keep:
            source.__dict__[name] = OrderedDict()
    if source._is_full_backward_hook is not None:
        to._is_full_backward_hook = source._is_full_backward_hook
    if not keep:
        source._is_full_backward_hook = None


def _add_hooks(module: nn.Module, own: Mapping[str, Mapping[int, Any]], *, apart: bool) -> None:
    """Give a module its own hooks back, such as one that computes a weight, before those that came from another.

    Args:
        module: the module.
        own: its hooks by their number, in dictionaries by name.
        apart: whether the other module goes on having the dictionaries, which are not to be changed then.
    """
    for name, hooks in own.items():
        there = module.__dict__[name]
        others = dict(there)
        if apart:
            module.__dict__[name] = there = OrderedDict()
        there.clear()
        there.update(hooks)
        there.update(others)


_HOOKS = (
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_backward_pre_hooks",
    "_backward_hooks",
)
