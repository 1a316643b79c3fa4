"""Puts activations where there is no module for each call: at calls of functions, and at calls of a reused module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import fx, nn

from ...core.errors import ConfigError, UnsupportedError
from ...watching.places import Place
from ...watching.replaced import CHILD, HIDDEN, Calls
from ..inserted.classes import class_of, set_class
from ..inserted.derived import Derived, goes_through_children
from ..inserted.per_call import PerCall
from ..inserted.rewritten import rewritten_class
from ..inserted.scope import open_scope
from .edit import Undo, chain_undos, submodule
from .fast_path import leave_fast_path
from .graph import number_calls, replace_nodes
from .recipe import Recipe, build_recipe, read_recipe
from .replace import put_module


@dataclass(frozen=True)
class Distribute:
    """Gives calls of a module that is called several times an activation each.

    Args:
        paths: all names of the module.
        scope: path of the module within whose calls the calls are counted.
        recipes: what to put at a call, by number of the call; None removes the activation there.
        shared: whether all of these calls share one activation.
        places: where in the code of the scope's class each call is; without them, or where the code is another, calls
            are told apart by their numbers.
        elsewhere: where else the code calls the module, which stays there what it was.
    """

    kind: ClassVar[str] = "distribute"
    paths: tuple[str, ...]
    scope: str
    recipes: Mapping[int, Recipe | None]
    shared: bool = False
    places: Mapping[int, Place] = field(default_factory=dict)
    elsewhere: tuple[Place, ...] = ()

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; return what changes it back."""
        old = submodule(model, self.paths[0])
        new = PerCall(_build_all(self, model), old, self.paths[0], self.scope)
        inside = f"{self.scope}." if self.scope else ""
        path = next(path for path in self.paths if path.startswith(inside))
        table = [*self.places.items(), *((-1, place) for place in self.elsewhere)]
        scope = submodule(model, self.scope)
        if isinstance(scope, fx.GraphModule):
            close = number_calls(scope, old)
        else:
            close = _rewrite_class(scope, table) if table else None
        close = close or open_scope(scope, reused=path.removeprefix(inside))
        try:
            back = put_module(model, self.paths, old, new)
        except ConfigError:
            close()
            raise
        return chain_undos(back, close)

    def to_json(self) -> dict[str, Any]:
        """Return the edit as plain data, without its kind."""
        data = {"paths": list(self.paths), "scope": self.scope, **_write_calls(self), **_write_places(self)}
        if self.elsewhere:
            data["elsewhere"] = [place.to_json() for place in self.elsewhere]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Distribute:
        """Read the edit that `to_json` wrote."""
        recipes, elsewhere = _read_recipes(data["recipes"]), tuple(Place(**one) for one in data.get("elsewhere", ()))
        return cls(tuple(data["paths"]), data["scope"], recipes, data["shared"], _read_places(data), elsewhere)


@dataclass(frozen=True)
class Intercept:
    """Replaces function calls that one module makes by activations.

    Args:
        path: path of the module that calls the functions.
        recipes: what to put at a call, by number of the call; None removes the activation there.
        shared: whether all of these calls share one activation.
        places: where in the code of the module's class each call is; without them, or where the code is another, calls
            are told apart by their numbers.
        through: methods of the module that the calls are in, and that numbers cannot be counted in without `forward`.
        kinds: the kinds of the functions, by number of the call, where the call alone tells them; where calls are
            counted, one of another kind stays what it is.
    """

    kind: ClassVar[str] = "intercept"
    path: str
    recipes: Mapping[int, Recipe | None]
    shared: bool = False
    places: Mapping[int, Place] = field(default_factory=dict)
    through: tuple[str, ...] = ()
    kinds: Mapping[int, str] = field(default_factory=dict)

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; return what changes it back."""
        owner = submodule(model, self.path)
        # A graph goes through nothing but its nodes.
        hidden = not isinstance(owner, fx.GraphModule) and goes_through_children(type(owner))
        holder: dict[str, Any] = owner.__dict__ if hidden else owner._modules
        name = HIDDEN if hidden else CHILD
        earlier = holder.get(name)
        if _has_its_own(owner):
            raise ConfigError(
                f"{self.path or 'the model'} has an attribute {CHILD!r} already, where the activations of its calls "
                "are to be kept; rename it"
            )
        known = {} if earlier is None else {int(name): module for name, module in earlier.named_children()}
        kinds = {**(earlier.kinds if isinstance(earlier, Calls) else {}), **self.kinds}
        calls = Calls({**known, **_build_all(self, model)}, kinds).train(owner.training)
        close = self._rewrite(owner) or open_scope(owner, through=self.through)
        if hidden:
            holder[name] = calls
        else:
            owner.add_module(CHILD, calls)
        flags = leave_fast_path(model, owner)

        def back() -> None:
            if earlier is None:
                del holder[name]
            else:
                holder[name] = earlier

        return chain_undos(flags, close, back)

    def to_json(self) -> dict[str, Any]:
        """Return the edit as plain data, without its kind."""
        data = {"path": self.path, **_write_calls(self), **_write_places(self)}
        if self.through:
            data["through"] = list(self.through)
        if self.kinds:
            data["kinds"] = {str(number): kind for number, kind in self.kinds.items()}
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Intercept:
        """Read the edit that `to_json` wrote."""
        recipes = _read_recipes(data["recipes"])
        kinds = {int(number): str(kind) for number, kind in data.get("kinds", {}).items()}
        return cls(data["path"], recipes, data["shared"], _read_places(data), tuple(data.get("through", ())), kinds)

    def _rewrite(self, owner: nn.Module) -> Undo | None:
        """Rewrite the graph, or the methods, that call the functions; None if that is not possible."""
        if isinstance(owner, fx.GraphModule):
            return replace_nodes(owner, self.recipes)
        if self.places.keys() != self.recipes.keys():
            return None
        return _rewrite_class(owner, self.places.items())


def _has_its_own(owner: nn.Module) -> bool:
    """Return whether a module, or its class, has something of its own by the name of what holds the activations."""
    held = (vars(owner), owner._parameters, owner._buffers)
    child = owner._modules.get(CHILD)
    return (
        any(CHILD in names for names in held)
        or not (child is None or isinstance(child, Calls))
        or any(CHILD in vars(home) for home in type(owner).__mro__ if home is not Derived)
    )


def _rewrite_class(owner: nn.Module, places: Iterable[tuple[int, Place]]) -> Undo | None:
    """Rewrite the methods of a module in which calls are; None if that is not possible."""
    table = tuple((place, number) for number, place in sorted(places, key=repr))
    try:
        return set_class(owner, rewritten_class(class_of(owner), table))
    except UnsupportedError:
        return None


def _build_all(edit: Distribute | Intercept, model: nn.Module) -> dict[int, nn.Module]:
    if edit.shared:
        return dict.fromkeys(sorted(edit.recipes), build_recipe(next(iter(edit.recipes.values())), model))
    return {number: build_recipe(recipe, model) for number, recipe in sorted(edit.recipes.items())}


def _write_calls(edit: Distribute | Intercept) -> dict[str, Any]:
    recipes = {str(number): recipe and recipe.to_json() for number, recipe in edit.recipes.items()}
    return {"recipes": recipes, "shared": edit.shared}


def _write_places(edit: Distribute | Intercept) -> dict[str, Any]:
    places = {str(number): place.to_json() for number, place in edit.places.items()}
    return {"places": places} if places else {}


def _read_places(data: Mapping[str, Any]) -> dict[int, Place]:
    return {int(number): Place(**place) for number, place in data.get("places", {}).items()}


def _read_recipes(data: Mapping[str, Any]) -> dict[int, Recipe | None]:
    return {int(number): read_recipe(recipe) for number, recipe in data.items()}
