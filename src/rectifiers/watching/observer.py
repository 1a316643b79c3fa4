"""Tells a listener of every call of an activation during a forward pass: its site, its input and its output.

CReLU, Maxout and ConvReLU are sites here too, although a trace has no sites for them, because they change the channels.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, Protocol

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from typing_extensions import Self

from . import kinds
from .callers import find_hooked, find_owner, frame_of_call, has_own_gradient
from .kinds import own_kind, spec_of
from .names import Numbering, holder_of, slot_path
from .places import Locator, place_of_module
from .sites import Site, locate_sites, unit_dim
from .trace import record
from .watcher import Frame, Watcher


@dataclass(frozen=True)
class SiteCall:
    """One call of an activation.

    Args:
        site: where the activation is called.
        x: its input; in `before` the tensor itself, in `after` its values, detached from the graph.
        module: the activation, if it is a module.
        repeat: applies the same activation to another input of the same shape.
    """

    site: Site
    x: Tensor
    module: nn.Module | None
    repeat: Callable[[Tensor], Tensor]


class Listener(Protocol):
    """What is told of the calls of activations while they happen."""

    def before(self, call: SiteCall) -> None:
        """Handle the start of a call."""

    def after(self, call: SiteCall, y: Tensor) -> None:
        """Handle the end of a call that returned `y`."""


class Observer(Watcher):
    """A context in which `listener` is told of every activation that `model` calls.

    Args:
        model: the model that is observed.
        sites: its sites, as `find_sites` gives them; calls elsewhere are counted in `unknown`. A site that is called
            with other numbers of channels is one without a dimension that holds them, from then on.
        listener: is told of the calls; what it computes itself is not observed.

    Attributes:
        visited: the sites by name, in the order of their first calls.
        unknown: how many calls of activations happened at none of the sites, by path of the module that makes them.
    """

    def __init__(self, model: nn.Module, sites: Sequence[Site], listener: Listener) -> None:
        super().__init__(model)
        self.listener = listener
        self.sites = {(site.path, site.number): site for site in sites}
        self.scopes = {site.path: model.get_submodule(site.scope) for site in sites}
        self.visited: dict[str, Site] = {}
        self.unknown: dict[str, int] = defaultdict(int)
        self.locator = Locator()
        self._numbering = Numbering()
        # For each frame of the stack, the call that it is, if it is the call of an activation at a site.
        self._begun: list[SiteCall | None] = []
        # How many frames on the stack are whole activations; what they compute inside counts as theirs.
        self._inside = 0

    def __enter__(self) -> Self:
        """Start observing."""
        self._numbering, self._begun, self._inside = Numbering(), [], 0
        return super().__enter__()

    def enter_model(self) -> None:
        """Start within the model's own call, which is under way already."""
        self.begin_frame(self.model)
        self._begun.append(None)

    def begin_module(self, frame: Frame, args: tuple[Any, ...]) -> None:
        """Tell the listener, if the module is an activation of this library."""
        call = None
        if not self._inside and _is_whole(frame.module):
            given = next((leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor)), None)
            site = self._site_of_module(frame.module, given)
            if site is not None and given is not None:
                site = self._follow_channels(site, given)
                call = SiteCall(site, given, frame.module, frame.module.forward)
                self._tell_before(call)
        self._begun.append(call)
        self._inside += _is_whole(frame.module)

    def end_module(self, frame: Frame, args: tuple[Any, ...], output: Any) -> None:
        """Tell the listener of the output, if the module is an activation of this library."""
        call = self._begun[-1]
        self.drop_module(frame)
        if call is not None and isinstance(output, Tensor):
            self._tell_after(replace(call, x=call.x.detach()), output)

    def drop_module(self, frame: Frame) -> None:
        """Forget the call."""
        self.locator.forget(frame)
        self._begun.pop()
        self._inside -= _is_whole(frame.module)

    def call_function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the function, and tell the listener if it is an activation."""
        if self._inside or func not in kinds.FUNCTIONS or kinds.identify(func, args, kwargs) is None:
            return func(*args, **kwargs)
        if has_own_gradient(sys._getframe(1)) or find_hooked(sys._getframe(1)) is not None:
            return func(*args, **kwargs)
        owner = self.stack[-1].module
        x = kinds.tensor_of(args, kwargs)
        past = self._past(func, sys._getframe(1))
        site = self._site(owner, counted=x.is_floating_point()) if past is None else past[0]
        if site is None:
            return func(*args, **kwargs)
        site = self._follow_channels(site, x)
        inplace = kinds.is_inplace(func, args, kwargs)
        # Without the input, because `repeat` would keep it alive, and what is written into, which is the model's.
        other_args = args[1:]
        other_kwargs = {name: value for name, value in kwargs.items() if name not in ("input", "self", "out")}

        def repeat(other: Tensor) -> Tensor:
            result: Tensor = func(other.clone() if inplace else other, *other_args, **other_kwargs)
            return result

        call = SiteCall(site, x, owner if site.call != "function" else None, repeat)
        self._tell_before(call)
        values = x.detach().clone() if inplace or kwargs.get("out") is not None else x.detach()
        result = func(*args, **kwargs)
        self._tell_after(replace(call, x=values), result)
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

    def _follow_channels(self, site: Site, x: Tensor) -> Site:
        """Return the site of a call; one that gets another number of channels than before has none that are known.

        Its channels may be those of whatever calls a shared block, or no channels at all, as the steps of sequences.
        """
        dim = unit_dim(site.channel_dim, x.dim())
        if site.channel_dim is None or (dim is not None and x.shape[dim] == site.channels):
            return site
        site = self.sites[site.path, site.number] = replace(site, channel_dim=None)
        if site.name in self.visited:
            self.visited[site.name] = replace(self.visited[site.name], channel_dim=None)
        return site

    def _past(self, func: Any, caller: FrameType) -> tuple[Site | None] | None:
        """Return the site of a function that is called past its module's own call; None if it is not called so."""
        top = self.stack[-1]
        owner = find_owner(caller, top.module, self.names)
        places = () if owner is top.module else self.locator.locate(owner, top, func, caller)
        if not places:
            return None
        name = self.names[owner]
        known = (site for (path, _), site in self.sites.items() if path == name and site.place in places)
        site = next(known, None)
        if site is None:
            self.unknown[name] += 1
        return (site,)

    def _by_place(self, module: nn.Module, path: str) -> Site | None:
        """Return the site of a module that is called by a method past that one's module's own call."""
        frame = frame_of_call(sys._getframe(1), module)
        if frame is None or len(self.stack) < 2:
            return None
        around = self.stack[-2]
        owner = find_owner(frame.f_back, around.module, self.names)
        noted = self.locator.note_call(owner, around, frame.f_back)
        place = None if noted is None else place_of_module(noted, module)
        known = (site for (one, _), site in self.sites.items() if one == path and site.place == place)
        return None if place is None else next(known, None)

    def _site(self, owner: nn.Module, *, counted: bool = True) -> Site | None:
        path = self.names[owner]
        holder = holder_of(owner, self.stack[:-1]) if self.stack[-1].module is owner else None
        slot = path if holder is None else slot_path(owner, holder, self.names[holder])
        path = slot if slot in self.scopes else path
        number = self._numbering.next(owner, self.scopes.get(path), self.stack)
        site = self._by_place(owner, path) if number is None else self.sites.get((path, number))
        if site is None and counted:
            self.unknown[path] += 1
        return site


def _is_whole(module: nn.Module) -> bool:
    """Return whether a module is an activation of this library, or one of another that computes a known formula."""
    return spec_of(module) is not None or own_kind(module) is not None


def trace_sites(
    model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, training: bool = False
) -> list[Site]:
    """Return the sites that one forward pass reaches, in forward order.

    Args:
        model: any module; left as it was.
        args: its positional arguments.
        kwargs: its keyword arguments.
        training: whether the forward pass is in training mode, and not in evaluation mode.
    """
    return [located.site for located in locate_sites(record(model, args, kwargs, training=training))]
