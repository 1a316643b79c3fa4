"""A model watched while it runs: every call of an activation, at its site, with what goes in and what comes out.

CReLU, Maxout and ConvReLU, which change the channels and are not among the sites of a trace, are sites here too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from typing_extensions import Self

from . import kinds
from .kinds import own_kind, spec_of
from .names import Numbering
from .sites import Site, locate_sites
from .trace import record
from .watcher import Frame, Watcher


@dataclass(frozen=True)
class SiteCall:
    """One call of an activation.

    Args:
        site: where.
        x: what goes in. In `before`, the tensor itself; in `after`, its values without their history.
        module: the activation, where it is a module.
        repeat: applies the same activation to another input of that shape.
    """

    site: Site
    x: Tensor
    module: nn.Module | None
    repeat: Callable[[Tensor], Tensor]


class Listener(Protocol):
    """What is told of the calls."""

    def before(self, call: SiteCall) -> None:
        """An activation is about to run."""

    def after(self, call: SiteCall, y: Tensor) -> None:
        """It has returned `y`."""


class Observer(Watcher):
    """While it is entered, `listener` is told of every activation that `model` calls.

    Args:
        model: what will be called.
        sites: those of `find_sites`; calls elsewhere are counted in `unknown`.
        listener: gets the calls; what it computes is not observed.

    Attributes:
        visited: the sites by name, in the order in which they first ran.
        unknown: calls of activations at none of the sites, by the module that makes them.
    """

    def __init__(self, model: nn.Module, sites: Sequence[Site], listener: Listener) -> None:
        super().__init__(model)
        self.listener = listener
        self.sites = {(site.path, site.number): site for site in sites}
        self.scopes = {site.path: model.get_submodule(site.scope) for site in sites}
        self.visited: dict[str, Site] = {}
        self.unknown: dict[str, int] = defaultdict(int)
        self._numbering = Numbering()
        # What is going on in each frame of the stack, if it is the call of an activation at a site.
        self._begun: list[SiteCall | None] = []
        # Frames on the stack that are activations of this library, whatever they compute inside.
        self._inside = 0

    def __enter__(self) -> Self:
        """Start."""
        self._numbering, self._begun, self._inside = Numbering(), [], 0
        return super().__enter__()

    def enter_model(self) -> None:
        """Begin while the model's own call is under way."""
        self.begin_frame(self.model)
        self._begun.append(None)

    def begin_module(self, frame: Frame, args: tuple[Any, ...]) -> None:
        """Tell of a module that is an activation of this library."""
        call = None
        if not self._inside and spec_of(frame.module) is not None:
            given = next((leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor)), None)
            site = self._site_of_module(frame.module, given)
            if site is not None and given is not None:
                call = SiteCall(site, given, frame.module, frame.module.forward)
                self._tell_before(call)
        self._begun.append(call)
        self._inside += spec_of(frame.module) is not None

    def end_module(self, frame: Frame, args: tuple[Any, ...], output: Any) -> None:
        """Tell of its output."""
        call = self._begun[-1]
        self.drop_module(frame)
        if call is not None and isinstance(output, Tensor):
            self._tell_after(replace(call, x=call.x.detach()), output)

    def drop_module(self, frame: Frame) -> None:
        """Forget what was going on in it."""
        self._begun.pop()
        self._inside -= spec_of(frame.module) is not None

    def call_function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Tell of an activation that is called as a function."""
        if self._inside or func not in kinds.FUNCTIONS or kinds.identify(func, args, kwargs) is None:
            return func(*args, **kwargs)
        owner = self.stack[-1].module
        site = self._site(owner)
        if site is None:
            return func(*args, **kwargs)
        x = kinds.tensor_of(args, kwargs)
        inplace = kinds.is_inplace(func, args, kwargs)
        # Without the input itself, which would be kept alive by whoever keeps the function.
        settings = {name: value for name, value in kwargs.items() if name != "input"}
        positional = args[1:]

        def repeat(other: Tensor) -> Tensor:
            result: Tensor = func(other.clone() if inplace else other, *positional, **settings)
            return result

        call = SiteCall(site, x, owner if site.call != "function" else None, repeat)
        self._tell_before(call)
        kept = x.detach().clone() if inplace else x.detach()
        result = func(*args, **kwargs)
        self._tell_after(replace(call, x=kept), result)
        return result

    def _tell_before(self, call: SiteCall) -> None:
        self.visited.setdefault(call.site.name, replace(call.site, index=len(self.visited)))
        with self.silence():
            self.listener.before(call)

    def _tell_after(self, call: SiteCall, y: Tensor) -> None:
        with self.silence():
            self.listener.after(call, y)

    def _site_of_module(self, module: nn.Module, given: Tensor | None) -> Site | None:
        name = self.names[module]
        if given is None:
            self.unknown[name] += 1
            return None
        if own_kind(module) is not None:
            return self._site(module)
        if (name, 0) not in self.sites:
            self.sites[name, 0] = Site.of_module(name, module, given)
        return self.sites[name, 0]

    def _site(self, owner: nn.Module) -> Site | None:
        path = self.names[owner]
        number = self._numbering.next(owner, self.scopes.get(path), self.stack)
        site = None if number is None else self.sites.get((path, number))
        if site is None:
            self.unknown[path] += 1
        return site


def list_sites(
    model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, training: bool = False
) -> list[Site]:
    """The sites that one forward pass shows.

    Args:
        model: any module; left as it was.
        args: its positional arguments.
        kwargs: its keyword arguments.
        training: run it in training mode.
    """
    return [located.site for located in locate_sites(record(model, args, kwargs, training=training))]
