"""A model watched while it runs: every call of an activation, at its site, with what goes in and what comes out.

Sites are those of `rectifiers.surgery`: modules, functions, calls of a reused module, what a swap has put in. CReLU,
Maxout and ConvReLU, which change the channels and are no sites there, are sites here. The model is not changed.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from typing_extensions import Self

from ..core.spec import ActivationSpec
from ..surgery import kinds
from ..surgery.calls import CHILD, Calls
from ..surgery.sites import Site, find
from ..surgery.trace import Frame, own_kind, record


@dataclass(frozen=True)
class Call:
    """One call of an activation.

    Args:
        site: where.
        x: what goes in. In `before`, the tensor itself; in `after`, its values without their history.
        module: the activation, where it is a module.
        again: the same activation on another input of that shape.
    """

    site: Site
    x: Tensor
    module: nn.Module | None
    again: Callable[[Tensor], Tensor]


class Listener(Protocol):
    """What is told of the calls."""

    def before(self, call: Call) -> None:
        """An activation is about to run."""

    def after(self, call: Call, y: Tensor) -> None:
        """It has returned `y`."""


class Observer(TorchFunctionMode):
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
        super().__init__()
        self.model, self.listener = model, listener
        self.names = {module: name for name, module in model.named_modules()}
        self.sites = {(site.path, site.number): site for site in sites}
        self.scopes = {site.path: model.get_submodule(site.scope) for site in sites}
        self.visited: dict[str, Site] = {}
        self.unknown: dict[str, int] = defaultdict(int)
        self._stack: list[Frame] = []
        self._begun: list[Call | None] = []
        self._numbers: dict[tuple[Frame, nn.Module], Iterator[int]] = {}
        self._inside = 0
        self._muted = False
        self._frames = itertools.count()
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        """Start."""
        self._stack, self._begun, self._numbers, self._inside = [], [], {}, 0
        self._exits.callback(hooks.register_module_forward_pre_hook(self._enter).remove)
        leave = hooks.register_module_forward_hook(self._leave, always_call=True)
        self._exits.callback(leave.remove)
        super().__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        """Stop."""
        super().__exit__(*failure)
        self._exits.close()

    def enter_model(self) -> None:
        """For those that start while the model's own call has begun."""
        self._stack.append(Frame(self.model, next(self._frames)))
        self._begun.append(None)

    def _enter(self, module: nn.Module, args: Any) -> None:
        if module not in self.names or self._muted:
            return
        frame = Frame(module, next(self._frames))
        self._stack.append(frame)
        call = None
        if not self._inside and is_atom(module):
            # PyTorch does not show keyword arguments here.
            given = next((leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor)), None)
            site = self._own_site(module, given)
            if site is not None and given is not None:
                call = Call(site, given, module, module.forward)
                self._tell_before(call)
        self._begun.append(call)
        self._inside += is_atom(module)

    def _leave(self, module: nn.Module, _: Any, output: Any) -> None:
        if module not in self.names or self._muted:
            return
        while self._stack:
            last, call = self._stack.pop(), self._begun.pop()
            self._inside -= is_atom(last.module)
            if last.module is module:
                if call is not None and isinstance(output, Tensor):
                    self._tell_after(replace(call, x=call.x.detach()), output)
                break

    def _tell_before(self, call: Call) -> None:
        self.visited.setdefault(call.site.name, replace(call.site, index=len(self.visited)))
        self._tell(self.listener.before, call)

    def _tell_after(self, call: Call, y: Tensor) -> None:
        self._tell(self.listener.after, call, y)

    def _tell(self, method: Callable[..., None], *what: Any) -> None:
        self._muted = True
        try:
            method(*what)
        finally:
            self._muted = False

    def _own_site(self, module: nn.Module, given: Tensor | None) -> Site | None:
        name = self.names[module]
        if given is None:
            self.unknown[name] += 1
            return None
        if own_kind(module) is not None:
            return self._site(module)
        if (name, 0) not in self.sites:
            spec = spec_of(module)
            assert spec is not None
            self.sites[name, 0] = Site(
                index=0,
                name=name,
                kind=spec.name,
                call="module",
                path=name,
                paths=(name,),
                scope="",
                number=0,
                shape=tuple(given.shape),
                dtype=given.dtype,
                channel_dim=int(getattr(module, "channel_dim", 1)),
                stage=0,
                before="",
                after=(),
                near=name,
            )
        return self.sites[name, 0]

    def _site(self, owner: nn.Module) -> Site | None:
        path = self.names[owner]
        scope = self.scopes.get(path)
        frame = next((frame for frame in reversed(self._stack) if frame.module is scope), None)
        if scope is None or frame is None:
            self.unknown[path] += 1
            return None
        if (frame, owner) not in self._numbers:
            earlier = scope._modules.get(CHILD)
            replaced = earlier if isinstance(earlier, Calls) else Calls({})
            self._numbers[frame, owner] = itertools.filterfalse(replaced.at, itertools.count())
        site = self.sites.get((path, next(self._numbers[frame, owner])))
        if site is None:
            self.unknown[path] += 1
        return site

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if (
            self._muted
            or self._inside
            or not self._stack
            or func not in kinds.FUNCTIONS
            or kinds.identify(func, args, kwargs) is None
        ):
            return func(*args, **kwargs)
        owner = self._stack[-1].module
        site = self._site(owner)
        if site is None:
            return func(*args, **kwargs)
        x = kinds.tensor_of(args, kwargs)
        inplace = kinds.is_inplace(func, args, kwargs)
        # Without the input itself, which would be kept alive by whoever keeps the function.
        settings = {name: value for name, value in kwargs.items() if name != "input"}
        positional = args[1:]

        def again(other: Tensor) -> Tensor:
            result: Tensor = func(other.clone() if inplace else other, *positional, **settings)
            return result

        call = Call(site, x, owner if site.call != "function" else None, again)
        self._tell_before(call)
        kept = x.detach().clone() if inplace else x.detach()
        result = func(*args, **kwargs)
        self._tell_after(replace(call, x=kept), result)
        return result


def spec_of(module: nn.Module | None) -> ActivationSpec | None:
    """The facts of an activation of this library."""
    spec = getattr(module, "spec", None)
    return spec if isinstance(spec, ActivationSpec) else None


def is_atom(module: nn.Module) -> bool:
    """Whether a module is an activation of this library, whatever it computes inside."""
    return spec_of(module) is not None


def locate(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Site]:
    """The sites of `find_sites` in evaluation mode."""
    return [found.site for found in find(record(model, args, kwargs))]


def by_unit(site: Site, values: Tensor) -> Tensor:
    """Values as (values, units): a unit is a channel, or a neuron of a linear layer."""
    if values.dim() < 2:
        return values.reshape(-1, 1)
    return values.movedim(site.channel_dim, -1).flatten(0, -2)


def other_dims(site: Site, values: Tensor) -> tuple[int, ...]:
    """The dimensions that are not the units'."""
    own = site.channel_dim % values.dim() if values.dim() > 1 else None
    return tuple(dim for dim in range(values.dim()) if dim != own)


def slopes(call: Call) -> Tensor:
    """The function's derivative at each of the values that go in, of their shape.

    CReLU and Maxout answer with several outputs or for several inputs: the derivative of the sum of all. ConvReLU
    is a convolution: 1 where a value is above a threshold of its channel, else 0.
    """
    spec = spec_of(call.module)
    if spec is not None and spec.kind == "convolution":
        threshold = call.module.threshold.detach()  # type: ignore[union-attr, operator]
        lowest = threshold.flatten(1).amin(1)
        return (call.x > lowest.reshape(-1, *(1 for _ in call.x.shape[2:]))).to(call.x.dtype)
    if call.site.kind == "relu":
        return (call.x > 0).to(call.x.dtype)
    random = call.site.kind == "rrelu" or (spec is not None and spec.stochastic)
    devices = [call.x.device] if call.x.device.type != "cpu" else []
    # The run that is watched must draw what it would draw unwatched.
    with torch.enable_grad(), torch.random.fork_rng(devices, enabled=random, device_type=call.x.device.type):
        x = call.x.detach().requires_grad_()
        y = call.again(x)
        (slope,) = torch.autograd.grad(y, x, torch.ones_like(y))
    return slope
