"""What a model calls, by name and in order: its modules, and the activations and poolings called as functions.

The names are those of the sites (see `names.py`). If the module that a name counts within is called several times in a
forward pass, calls from the second time on have the number of the time appended: `block:relu@2`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ..core.elementwise import Elementwise
from ..core.errors import UnknownNameError
from . import kinds
from .callers import find_owner, has_own_gradient
from .feeding import Batch, call_model, word_failures
from .names import common_scope, find_shared, name_calls, number_calls, slot_path, split_by_holder
from .observer import trace_sites
from .places import Locator, Place
from .preserve import evaluation
from .watcher import Frame, Watcher
from .wrappers import look_at_whole

Role = Literal["activation", "pooling", "module"]
Key = tuple[str, int]
"""The path of a module, with the name of a function that it calls, and how many calls of that came before."""

POOLING = (nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd)
POOLING_FUNCTIONS = frozenset(getattr(F, f"{kind}_pool{rank}d") for kind in ("avg", "max") for rank in (1, 2, 3))


@dataclass(frozen=True)
class Call:
    """One call in a forward pass.

    Args:
        name: unique in the forward pass.
        key: finds the call in another forward pass of the same model.
        role: what the call computes: an activation, a pooling, or anything else that is a module.
        module: the module that is called; None for a function.
        leaf: whether it makes no calls that have names themselves.
        source: index in the list of calls of the leaf whose output is its input, unaltered; −1 for the model's first
            input, None for any other input.
        shape: shape of its output; empty if the output is not a tensor.
        channel_dim: dimension of its output that holds the channels: 1, but for activations of values that have them
            elsewhere.
    """

    name: str
    key: Key
    role: Role
    module: nn.Module | None
    leaf: bool
    source: int | None
    shape: tuple[int, ...]
    channel_dim: int = 1

    @property
    def map_shape(self) -> tuple[int, ...]:
        """Shape of its output as (N, C, …)."""
        sizes = list(self.shape)
        if self._is_moved(len(sizes)):
            sizes.insert(1, sizes.pop(self.channel_dim))
        return tuple(sizes)

    def as_maps(self, tensor: Tensor) -> Tensor:
        """Return its input or output as (N, C, …); a view."""
        return tensor.movedim(self.channel_dim, 1) if self._is_moved(tensor.dim()) else tensor

    def _is_moved(self, rank: int) -> bool:
        return -rank <= self.channel_dim < rank and self.channel_dim % rank > 1


def list_calls(model: nn.Module, batch: Batch) -> list[Call]:
    """List all calls of one forward pass, in the order in which they end.

    Example:
        >>> import torch
        >>> from .feeding import read_batch
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> [call.name for call in list_calls(net, read_batch(net, torch.zeros(1, 2)))]
        ['0', '1', '']
    """
    inner = look_at_whole(model)
    with word_failures(model, batch):
        sites = {site.name: site for site in trace_sites(inner, batch.args, batch.kwargs)}
    lister = _Lister(inner, {inner.get_submodule(site.path) for site in sites.values() if site.call != "function"})
    with evaluation(inner), lister:
        call_model(inner, batch)
    calls = []
    for name, entry in zip(lister.name_entries(), lister.entries, strict=True):
        site = sites.get(name.partition("@")[0])
        dim = getattr(entry.module, "channel_dim", 1) if site is None else site.channel_dim
        dim = dim if entry.role == "activation" and isinstance(dim, int) else 1
        calls.append(Call(name, entry.key, entry.role, entry.module, entry.leaf, entry.source, entry.shape, dim))
    return calls


def pick_calls(calls: Iterable[Call], names: Iterable[str]) -> list[Call]:
    """Return the calls with these names.

    Raises:
        UnknownNameError: there is no call of such a name; the message has the nearest names.
    """
    known = {call.name: call for call in calls}
    chosen = []
    for name in names:
        if name not in known:
            raise UnknownNameError("layer", name, known)
        chosen.append(known[name])
    return chosen


def watch_calls(
    model: nn.Module,
    batch: Batch,
    calls: Collection[Call],
    *,
    begin: Callable[[Call, Tensor], None] | None = None,
    end: Callable[[Call, Any], None] | None = None,
) -> Any:
    """Do one forward pass of `model` in its present mode, and tell `begin` and `end` of some of its calls.

    Args:
        model: any module.
        batch: its arguments.
        calls: the calls to tell of, from `list_calls`.
        begin: gets the call and its first input tensor, before anything writes over it.
        end: gets the call and its output, before anything writes over it.

    Returns:
        The outputs of the model.
    """
    inner = look_at_whole(model)
    with _Relay(inner, {call.key: call for call in calls}, begin, end):
        return call_model(inner, batch)


def read_outputs(
    model: nn.Module, batch: Batch, calls: Collection[Call], read: Callable[[Tensor], Tensor]
) -> dict[str, Tensor]:
    """Do one forward pass of `model` in its present mode, and return what `read` makes of some calls' outputs.

    Args:
        model: any module.
        batch: its arguments.
        calls: the calls whose outputs are read, from `list_calls`.
        read: makes a new tensor from an output as (N, C, …); later calls may write over the output itself.

    Returns:
        The new tensors, by name of the call.
    """
    read_tensors: dict[str, Tensor] = {}

    def end(call: Call, output: Any) -> None:
        read_tensors[call.name] = read(call.as_maps(output) if isinstance(output, Tensor) else output)

    watch_calls(model, batch, calls, end=end)
    return read_tensors


class _CallWatcher(Watcher):
    """Follows modules, and the activations and poolings that are called as functions.

    Args:
        model: the model whose calls are followed.
        activations: modules that are an activation, whatever they call themselves.
    """

    def __init__(self, model: nn.Module, activations: Collection[nn.Module] = ()) -> None:
        super().__init__(model)
        self.activations = activations
        self.times: Counter[str] = Counter()
        self.keys: list[Key] = []
        self.locator = Locator()
        # Where the function is called that begins now, if that is past its module's own call.
        self.places: tuple[Place, ...] = ()
        self.past: tuple[Frame, ...] = ()

    def begin_call(self, key: Key, role: Role, module: nn.Module | None, function: str, given: Tensor | None) -> None:
        """Handle the start of a call; the frame of a module's call is on the stack already."""

    def end_call(self, key: Key, output: Any) -> None:
        """Handle the end of a call; `output` is None if it raised."""

    def begin_module(self, frame: Frame, args: tuple[Any, ...]) -> None:
        key = self._key(self.names[frame.module])
        self.keys.append(key)
        self.begin_call(key, self._role_of_module(frame.module), frame.module, "", _first_tensor(args))

    def end_module(self, frame: Frame, args: tuple[Any, ...], output: Any) -> None:
        self.locator.forget(frame)
        self.end_call(self.keys.pop(), output)

    def drop_module(self, frame: Frame) -> None:
        self.end_call(self.keys.pop(), None)

    def call_function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        role = self._role_of_function(func, args, kwargs)
        if role is None or has_own_gradient(sys._getframe(1)):
            return func(*args, **kwargs)
        # That of an overload is `relu.default`.
        function = func.__name__.partition(".")[0].rstrip("_")
        top = self.stack[-1]
        owner = find_owner(sys._getframe(1), top.module, self.names)
        self.places = self.locator.locate(owner, top, func, sys._getframe(1)) if owner is not top.module else ()
        self.past = (Frame(owner, top.call, past=True),) if self.places else ()
        key = self._key(f"{self.names[owner if self.past else top.module]}:{function}")
        self.begin_call(key, role, None, function, _first_tensor((args, kwargs)))
        result = func(*args, **kwargs)
        self.end_call(key, result)
        return result

    def _role_of_function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Role | None:
        """Return the role of a function that the innermost module calls; None if it gets no name of its own."""
        if self._role_of_module(self.stack[-1].module) != "module":
            return None
        if func in POOLING_FUNCTIONS:
            return "pooling"
        activation = func in kinds.FUNCTIONS and kinds.identify(func, args, kwargs) is not None
        return "activation" if activation else None

    def _role_of_module(self, module: nn.Module) -> Role:
        if module in self.activations or isinstance(module, Elementwise) or kinds.is_torch_activation(module):
            return "activation"
        return "pooling" if isinstance(module, POOLING) else "module"

    def _key(self, base: str) -> Key:
        number = self.times[base]
        self.times[base] += 1
        return base, number


class _Relay(_CallWatcher):
    """Tells two callbacks of some of the calls."""

    def __init__(
        self,
        model: nn.Module,
        calls: dict[Key, Call],
        begin: Callable[[Call, Tensor], None] | None,
        end: Callable[[Call, Any], None] | None,
    ) -> None:
        super().__init__(model)
        self.calls, self.begin, self.end = calls, begin, end

    def begin_call(self, key: Key, role: Role, module: nn.Module | None, function: str, given: Tensor | None) -> None:
        if self.begin is not None and key in self.calls and given is not None:
            self.begin(self.calls[key], given)

    def end_call(self, key: Key, output: Any) -> None:
        if self.end is not None and key in self.calls and output is not None:
            self.end(self.calls[key], output)


@dataclass
class _Entry:
    key: Key
    role: Role
    module: nn.Module | None
    function: str
    stack: tuple[Frame, ...]
    source: int | None
    leaf: bool = True
    shape: tuple[int, ...] = ()
    places: tuple[Place, ...] = ()


class _Lister(_CallWatcher):
    """Writes down the calls of a forward pass."""

    def __init__(self, model: nn.Module, activations: Collection[nn.Module]) -> None:
        super().__init__(model, activations)
        self.entries: list[_Entry] = []
        self.open: list[_Entry] = []
        # All tensors stay alive, so that no two share an `id`.
        self.tensors: list[Any] = []
        # The entry that made a tensor, by the tensor's `id`.
        self.makers: dict[int, int] = {}

    def begin_call(self, key: Key, role: Role, module: nn.Module | None, function: str, given: Tensor | None) -> None:
        if not self.open and given is not None:
            self.makers[id(given)] = -1
        for entry in self.open:
            entry.leaf = False
        self.tensors.append(given)
        source = None if given is None else self.makers.get(id(given))
        stack = (*self.stack, *self.past) if module is None else tuple(self.stack[:-1])
        self.open.append(
            _Entry(key, role, module, function, stack, source, places=self.places if module is None else ())
        )

    def end_call(self, key: Key, output: Any) -> None:
        entry = self.open.pop()
        self.tensors.append(output)
        if isinstance(output, Tensor):
            entry.shape = tuple(output.shape)
            if entry.leaf:
                self.makers[id(output)] = len(self.entries)
        self.entries.append(entry)

    def name_entries(self) -> list[str]:
        """Return the names of the entries, in order."""
        groups: dict[tuple[nn.Module, Role, bool], list[int]] = {}
        for index, entry in enumerate(self.entries):
            owner = entry.module if entry.module is not None else entry.stack[-1].module
            groups.setdefault((owner, entry.role, entry.module is None), []).append(index)
        names, shared = [""] * len(self.entries), find_shared(self.model)
        for (owner, role, is_caller), indices in groups.items():
            if role == "activation" and not is_caller:
                split = split_by_holder(owner, [self.entries[index].stack for index in indices], shared)
                for holder, chosen in split.items():
                    path = self.names[owner] if holder is None else slot_path(owner, holder, self.names[holder])
                    self._name(names, owner, path, is_caller, [indices[one] for one in chosen])
            else:
                self._name(names, owner, self.names[owner], is_caller, indices)
        return names

    def _name(self, names: list[str], owner: nn.Module, path: str, is_caller: bool, indices: Sequence[int]) -> None:
        """Name calls that are numbered together."""
        scope = owner if is_caller else common_scope(self.entries[index].stack for index in indices)
        numbers = number_calls(
            owner, scope, [(self.entries[index].stack, self.entries[index].places) for index in indices]
        )
        spellings = {n: self.entries[index].function for n, index in zip(numbers, indices, strict=True)}
        named = name_calls(path, dict(sorted(spellings.items())))
        times: Counter[int] = Counter()
        for number, index in zip(numbers, indices, strict=True):
            times[number] += 1
            names[index] = named[number] + (f"@{times[number]}" if times[number] > 1 else "")


def _first_tensor(tree: Any) -> Tensor | None:
    return next((leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)), None)
