"""The elementary changes that a plan is made of. Each applies to a model, undoes itself, and is plain data in JSON."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from torch import nn

from ..core.errors import ConfigError
from .calls import CHILD, Calls, PerCall, open_scope
from .recipe import Recipe

Undo = Callable[[], None]


class Edit(Protocol):
    """One change."""

    kind: ClassVar[str]

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; returns what changes it back."""

    def to_json(self) -> dict[str, Any]:
        """Plain data, without the kind."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Edit:
        """The edit that `to_json` wrote."""


@dataclass(frozen=True)
class Replace:
    """Puts an activation in the place of a module, under all of its names; hooks and mode go over.

    Args:
        paths: all names of the module.
        recipe: what to put in; None removes the function (an identity stays).
    """

    kind: ClassVar[str] = "replace"
    paths: tuple[str, ...]
    recipe: Recipe | None

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; returns what changes it back."""
        old = submodule(model, self.paths[0])
        new = _build(self.recipe, model)
        return put(model, self.paths, old, new)

    def to_json(self) -> dict[str, Any]:
        """Plain data, without the kind."""
        return {"paths": list(self.paths), "recipe": self.recipe and self.recipe.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Replace:
        """The edit that `to_json` wrote."""
        return cls(tuple(data["paths"]), read_recipe(data["recipe"]))


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
            back = put(model, self.paths, old, new)
        except ConfigError:
            close()
            raise
        return _all(back, close)

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
        flags = _leave_fast_path(model, owner)

        def back() -> None:
            if earlier is None:
                del owner._modules[CHILD]
            else:
                owner._modules[CHILD] = earlier

        return _all(flags, close, back)

    def to_json(self) -> dict[str, Any]:
        """Plain data, without the kind."""
        return {"path": self.path, **_write_calls(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Intercept:
        """The edit that `to_json` wrote."""
        return cls(data["path"], _read_recipes(data["recipes"]), data["shared"])


def submodule(model: nn.Module, path: str) -> nn.Module:
    """The module at `path`.

    Raises:
        ConfigError: `model` has none there: the plan was made for another model.
    """
    try:
        return model.get_submodule(path)
    except AttributeError:
        raise ConfigError(
            f"{type(model).__name__} has no module {path!r}; the plan was made for another model, or for this one "
            "before it was changed"
        ) from None


def put(model: nn.Module, paths: tuple[str, ...], old: nn.Module, new: nn.Module) -> Undo:
    """Put `new` where `old` stands, under every name; `new` takes over its hooks and mode. Returns the undoing."""
    new.train(old.training)
    slots = []
    for path in paths:
        parent, _, name = path.rpartition(".")
        slots.append((submodule(model, parent), name))
    for path, (holder, name) in zip(paths, slots, strict=True):
        if holder._modules.get(name) is not old:
            raise ConfigError(f"{type(model).__name__}: {path!r} is not the module that the plan was made for")
    undos = [_leave_fast_path(model, holder) for holder, _ in slots]
    for holder, name in slots:
        holder._modules[name] = new
    _move_hooks(old, new)

    def undo() -> None:
        for holder, name in slots:
            holder._modules[name] = old
        _move_hooks(new, old)
        for back in undos:
            back()

    return undo


def _move_hooks(source: nn.Module, to: nn.Module) -> None:
    for name in _HOOKS:
        # The very same dictionaries, so that handles given out for the one module still remove their hooks.
        to.__dict__[name] = source.__dict__[name]
        # The old module may live on inside the new one, where its hooks must not fire a second time.
        source.__dict__[name] = OrderedDict()
    to._is_full_backward_hook, source._is_full_backward_hook = source._is_full_backward_hook, None


_HOOKS = (
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_backward_pre_hooks",
    "_backward_hooks",
)


def _leave_fast_path(model: nn.Module, layer: nn.Module) -> Undo:
    """PyTorch's fused transformer layer computes ReLU or GELU itself, whatever stands there; keep away from it.

    So must the encoder around the layer, whose padded batches no other path takes.
    """
    if not isinstance(layer, nn.TransformerEncoderLayer):
        return lambda: None
    encoders = [
        module
        for module in model.modules()
        if isinstance(module, nn.TransformerEncoder) and any(inner is layer for inner in module.modules())
    ]
    relu_or_gelu = layer.activation_relu_or_gelu
    nested = [encoder.use_nested_tensor for encoder in encoders]
    layer.activation_relu_or_gelu = 0
    for encoder in encoders:
        encoder.use_nested_tensor = False

    def undo() -> None:
        layer.activation_relu_or_gelu = relu_or_gelu
        for encoder, before in zip(encoders, nested, strict=True):
            encoder.use_nested_tensor = before

    return undo


def _all(*undos: Undo) -> Undo:
    def undo() -> None:
        for back in undos:
            back()

    return undo


def _build_all(edit: Distribute | Intercept, model: nn.Module) -> dict[int, nn.Module]:
    if edit.shared:
        return dict.fromkeys(sorted(edit.recipes), _build(next(iter(edit.recipes.values())), model))
    return {number: _build(recipe, model) for number, recipe in sorted(edit.recipes.items())}


def _build(recipe: Recipe | None, model: nn.Module) -> nn.Module:
    return nn.Identity() if recipe is None else recipe.build(model)


def read_recipe(data: Mapping[str, Any] | None) -> Recipe | None:
    """The recipe that `Recipe.to_json` wrote."""
    return None if data is None else Recipe(**data)


def _write_calls(edit: Distribute | Intercept) -> dict[str, Any]:
    recipes = {str(number): recipe and recipe.to_json() for number, recipe in edit.recipes.items()}
    return {"recipes": recipes, "shared": edit.shared}


def _read_recipes(data: Mapping[str, Any]) -> dict[int, Recipe | None]:
    return {int(number): read_recipe(recipe) for number, recipe in data.items()}
