"""Subclasses made at run time for single modules: they have the name of the module's class, and can be pickled."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn
from typing_extensions import Self

from ...core.adapting import RECIPE
from ...watching.callers import names_in, unwrapped
from ...watching.replaced import CHILD, HIDDEN, Calls

_LOADING = ("assign_to_params_buffers",)
"""What `load_state_dict` tells every module of how it loads."""

MakeClass = Callable[..., "type[nn.Module]"]
Recipe = tuple[Any, ...]
"""The function that makes a class, the class or the recipe that it makes it from, and its other arguments."""


class Derived(nn.Module):
    """The base that classes made at run time have in front of the module's own class."""

    # Whatever a class has hides parts of a module that have its name; nobody else has this one, nor `RECIPE`.
    _rectifiers_renewed: Mapping[Any, Any] = {}
    """What this class has put in the place of functions of those that it is made from."""

    def __init_subclass__(cls, **unused: Any) -> None:
        """Leave out what the module's own class does for its subclasses, such as registering them."""

    @property
    def rectified(self) -> Any:
        """The activations of the module's function calls, where they are hidden from loops over its children."""
        for hidden in _hidden(self):
            return hidden
        raise AttributeError(CHILD)

    def named_modules(
        self, memo: set[nn.Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Module]]:
        """Give what is hidden too, after all others."""
        memo = set() if memo is None else memo
        yield from super().named_modules(memo, prefix, remove_duplicate)
        for hidden in _hidden(self):
            yield from hidden.named_modules(memo, f"{prefix}.{CHILD}" if prefix else CHILD, remove_duplicate)

    def children(self) -> Iterator[nn.Module]:
        """Give what is hidden, too, where PyTorch asks to keep parameters alike in several processes."""
        yield from super().children()
        if not torch.compiler.is_compiling():
            asking = sys._getframe(1).f_globals.get("__name__", "")
            yield from _hidden(self) if asking.startswith("torch.distributed.") else ()

    def train(self, mode: bool = True, *args: Any, **kwargs: Any) -> Any:
        """Set the mode of what is hidden too; the module's own class may take more, and return something else."""
        for hidden in _hidden(self):
            hidden.train(mode)
        return super().train(mode, *args, **kwargs)

    def apply(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        """Apply `fn` to what is hidden too, unless the module's own class means something else by it."""
        own = super().apply
        for hidden in _hidden(self) if getattr(own, "__func__", None) is nn.Module.apply else ():
            hidden.apply(fn)
        return own(fn, *args, **kwargs)

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        if recurse:
            for hidden in _hidden(self):
                hidden._apply(fn)
        # Classes of others may take `fn` alone, which is all that PyTorch gives.
        rest = () if recurse else (recurse,)
        super()._apply(fn, *rest)  # type: ignore[no-untyped-call, unused-ignore]
        return self

    def _replicate_for_data_parallel(self) -> Any:
        replica = super()._replicate_for_data_parallel()  # type: ignore[no-untyped-call, unused-ignore]
        for hidden in _hidden(self):
            hidden.join_when_replicated(replica)
        return replica

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for hidden in _hidden(self):
            hidden.state_dict(destination=destination, prefix=f"{prefix}{CHILD}.", keep_vars=keep_vars)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        rest = (strict, missing_keys, unexpected_keys, error_msgs)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)
        for hidden in _hidden(self):
            inside = f"{prefix}{CHILD}."
            unexpected_keys[:] = [key for key in unexpected_keys if not key.startswith(inside)]
            metadata = {name: local_metadata[name] for name in _LOADING if name in local_metadata}
            for name, module in hidden.named_modules():
                module._load_from_state_dict(state_dict, f"{inside}{name}." if name else inside, metadata, *rest)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A class made at run time cannot be pickled by its name; what makes it can.
        return _new_module, (_pickled_recipe(type(self)),), self.__getstate__()  # type: ignore[no-untyped-call, unused-ignore]


def _hidden(module: nn.Module) -> tuple[Calls, ...]:
    return (module.__dict__[HIDDEN],) if HIDDEN in module.__dict__ else ()


def can_derive(cls: type) -> bool:
    """Return whether a module of this class may become one of a class that `derive_class` makes of it.

    Python lets an object change its class only where both classes have got their `__dict__` in the same place. A class
    that names one without, such as `abc.ABC` or `typing.Generic`, in front of `nn.Module` has got its own.
    """
    home = cls
    while home.__base__ is not None and home.__base__.__dictoffset__:
        home = home.__base__
    return home.__base__ is object


def goes_through_children(cls: type[nn.Module]) -> bool:
    """Return whether the modules of a class may go through their own children, as containers do.

    They would call the activations of their own function calls, if these were children too.
    """
    if issubclass(cls, (nn.Sequential, nn.ModuleList, nn.ModuleDict)):
        return True
    own = (home for home in cls.__mro__ if home is not nn.Module and not issubclass(home, Derived))
    functions = (each for home in own for member in vars(home).values() for each in unwrapped(member))
    # What is rewritten stands beside the original, which does not name the activations.
    codes = (each.__code__ for each in functions if not each.__code__.co_filename.startswith(REWRITTEN))
    return any(names_in(code) & _LOOPS for code in codes)


REWRITTEN = "<rectifiers "
"""How the names of the files begin in which rewritten methods stand."""

_LOOPS = {"children", "named_children", "modules", "named_modules", "_modules"}


def derive_class(
    first: type[Derived],
    base: type[nn.Module],
    make: MakeClass,
    *arguments: Any,
    more_bases: tuple[type, ...] = (),
    members: Mapping[str, Any] | None = None,
) -> type[nn.Module]:
    """Make a subclass of `first` and `base` that has the name of `base`; the one that there is, if it was made before.

    Args:
        first: the base that comes first.
        base: the class of the module.
        make: a function at the top of a file that makes this class from `base`, for unpickling.
        *arguments: what else `make` takes.
        more_bases: bases that come last.
        members: further attributes and methods of the class.
    """
    known = known_class(base, make, *arguments)
    if known is not None:
        return known
    named = {"__module__": base.__module__, "__qualname__": base.__qualname__, "__doc__": base.__doc__}
    renewed = {base.forward: vars(first)["forward"]} if "forward" in vars(first) else {}
    own = {RECIPE: (make, base, *arguments), "_rectifiers_renewed": renewed}
    # The metaclass's own `__new__` may register classes; plain ones have none.
    meta: Any = type(base)
    bases = (base, *more_bases) if issubclass(base, first) else (first, base, *more_bases)
    cls: type[nn.Module] = meta(base.__name__, bases, {**own, **named, **(members or {})})
    return cls


def renewed_function(function: Any, before: type, now: type) -> Any:
    """Return what is in the place of a class's function in the class that its module has now; itself if nothing is.

    Args:
        function: a function of the class before.
        before: the class that the module had.
        now: the class that it has.
    """
    tables = [vars(cls).get("_rectifiers_renewed", {}) for cls in now.__mro__]
    renewed = {old: new for table in reversed(tables) for old, new in table.items()}
    # A class that was made once more, from the source before, knows nothing of its predecessor's functions.
    for cls in reversed(before.__mro__):
        for old, new in vars(cls).get("_rectifiers_renewed", {}).items():
            if new is function and new not in renewed and renewed.get(old, new) is not new:
                function = old
    seen = []
    while function in renewed and function not in seen:
        seen.append(function)
        function = renewed[function]
    return function


def known_class(base: type[nn.Module], make: MakeClass, *arguments: Any) -> type[nn.Module] | None:
    """Return the class that `derive_class` has made already; None if it has not, or nothing uses it any more.

    Equally swapped modules have the same class, as `torch.func.stack_module_state` wants, and share what was compiled.
    """
    wanted = (make, base, *arguments)
    return next((cls for cls in type.__subclasses__(base) if vars(cls).get(RECIPE) == wanted), None)


def _pickled_recipe(cls: type[Any]) -> Recipe:
    make, base, *arguments = getattr(cls, RECIPE)
    # Classes that are made of plain functions have a recipe, too.
    return make, _pickled_recipe(base) if hasattr(base, RECIPE) else base, *arguments


def _new_module(recipe: Recipe) -> nn.Module:
    cls = _class_of(recipe)
    module: nn.Module = cls.__new__(cls)
    return module


def _class_of(recipe: Recipe) -> type[nn.Module]:
    make, base, *arguments = recipe
    cls: type[nn.Module] = make(_class_of(base) if isinstance(base, tuple) else base, *arguments)
    return cls
