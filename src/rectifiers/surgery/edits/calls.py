"""Puts activations where no module of its own stands: at calls of functions, and at calls of a reused module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from ...core.errors import ConfigError
from ...watching.replaced import CHILD, Calls
from ..inserted.per_call import PerCall
from ..inserted.scope import open_scope
from .edit import Undo, submodule, undo_all
from .fast_path import leave_fast_path
from .recipe import Recipe, build_recipe, read_recipe
from .replace import put_module


@dataclass(frozen=True)
class Distribute:
    """Puts an activation of its own at each call of a module that is called several times.

    Args:
        paths: all names of the module.
        scope: the module within whose forward calls are counted.
        recipes: by number of the call; None removes the function there.
        shared: one activation for all of these calls.
    """

    kind: ClassVar[str] = "distribute"
    paths: tuple[str, ...]
    scope: str
    recipes: Mapping[int, Recipe | None]
    shared: bool = False

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; returns what changes it back."""
        old = submodule(model, self.paths[0])
        new = PerCall(_build_all(self, model), old, self.paths[0], self.scope)
        inside = f"{self.scope}." if self.scope else ""
        path = next(path for path in self.paths if path.startswith(inside))
        close = open_scope(submodule(model, self.scope), reused=path.removeprefix(inside))
        try:
            back = put_module(model, self.paths, old, new)
        except ConfigError:
            close()
            raise
        return undo_all(back, close)

    def to_json(self) -> dict[str, Any]:
        """Plain data, without the kind."""
        return {"paths": list(self.paths), "scope": self.scope, **_write_calls(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Distribute:
        """The edit that `to_json` wrote."""
        return cls(tuple(data["paths"]), data["scope"], _read_recipes(data["recipes"]), data["shared"])


@dataclass(frozen=True)
class Intercept:
    """Puts activations in the place of function calls of one module.

    Args:
        path: the module whose forward calls the functions.
        recipes: by number of the call; None removes the function there.
        shared: one activation for all of these calls.
    """

    kind: ClassVar[str] = "intercept"
    path: str
    recipes: Mapping[int, Recipe | None]
    shared: bool = False

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; returns what changes it back."""
        owner = submodule(model, self.path)
        earlier = owner._modules.get(CHILD)
        if earlier is not None and not isinstance(earlier, Calls):
            raise ConfigError(f"{self.path or 'the model'} has a child {CHILD!r} of its own; rename it")
        known = {} if earlier is None else {int(name): module for name, module in earlier.named_children()}
        calls = Calls({**known, **_build_all(self, model)}).train(owner.training)
        close = open_scope(owner)
        owner.add_module(CHILD, calls)
        flags = leave_fast_path(model, owner)

        def back() -> None:
            if earlier is None:
                del owner._modules[CHILD]
            else:
                owner._modules[CHILD] = earlier

        return undo_all(flags, close, back)

    def to_json(self) -> dict[str, Any]:
        """Plain data, without the kind."""
        return {"path": self.path, **_write_calls(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Intercept:
        """The edit that `to_json` wrote."""
        return cls(data["path"], _read_recipes(data["recipes"]), data["shared"])


def _build_all(edit: Distribute | Intercept, model: nn.Module) -> dict[int, nn.Module]:
    if edit.shared:
        return dict.fromkeys(sorted(edit.recipes), build_recipe(next(iter(edit.recipes.values())), model))
    return {number: build_recipe(recipe, model) for number, recipe in sorted(edit.recipes.items())}


def _write_calls(edit: Distribute | Intercept) -> dict[str, Any]:
    recipes = {str(number): recipe and recipe.to_json() for number, recipe in edit.recipes.items()}
    return {"recipes": recipes, "shared": edit.shared}


def _read_recipes(data: Mapping[str, Any]) -> dict[int, Recipe | None]:
    return {int(number): read_recipe(recipe) for number, recipe in data.items()}
