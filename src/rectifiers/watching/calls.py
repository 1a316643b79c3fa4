"""What a model calls, by name and in order: its modules, and the activations and poolings that have no module.

Names are those of the sites, `names.py` says which. What runs again because its scope does has the same name with the
number of the time behind it, `block:relu@2`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ..core.elementwise import Elementwise
from ..core.errors import UnknownNameError
from . import kinds
from .feeding import Batch, run_batch
from .names import Numbering, common_scope, name_calls
from .preserve import evaluation
from .watcher import Frame, Watcher
from .wrappers import unwrap

Kind = Literal["activation", "pooling", "module"]
Key = tuple[str, int]
"""What is called, and how many calls of it came before in the forward pass."""

POOLING = (nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd)
POOLING_FUNCTIONS = frozenset(getattr(F, f"{kind}_pool{rank}d") for kind in ("avg", "max") for rank in (1, 2, 3))


@dataclass(frozen=True)
class Call:
    """One call in a forward pass.

    Args:
        name: unique in the pass.
        key: the same for the machine.
        kind: what it is.
        module: the module, or None for a function.
        leaf: whether it calls nothing that has a name itself.
        source: place of the leaf whose output it takes as it is; −1 for the model's first input, None for all else.
        shape: of its output; empty if that is no tensor.
    """

    name: str
    key: Key
    kind: Kind
    module: nn.Module | None
    leaf: bool
    source: int | None
    shape: tuple[int, ...]


def list_calls(model: nn.Module, batch: Batch) -> list[Call]:
    """All calls of one forward pass, in the order in which they end.

    Example:
        >>> import torch
        >>> from .feeding import read_batch
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> [call.name for call in list_calls(net, read_batch(net, torch.zeros(1, 2)))]
        ['0', '1', '']
    """
    inner = unwrap(model)
    survey = _Survey(inner)
    with evaluation(inner), survey:
        run_batch(inner, batch)
    names = survey.name_entries()
    return [
        Call(names[place], entry.key, entry.kind, entry.module, entry.leaf, entry.source, entry.shape)
        for place, entry in enumerate(survey.entries)
    ]


def pick_calls(calls: Iterable[Call], names: Iterable[str]) -> list[Call]:
    """The calls of these names.

    Raises:
        UnknownNameError: with the nearest names.
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
    """Run `model` once and tell of some of its calls.

    Args:
        model: any module, in the mode in which it is to run.
        batch: its arguments.
        calls: those to tell of, as `list_calls` has them.
        begin: gets the call and the first tensor that goes in, before anything writes over it.
        end: gets the call and what came out, before anything writes over that.

    Returns:
        What the model returned.
    """
    inner = unwrap(model)
    with _Relay(inner, {call.key: call for call in calls}, begin, end):
        return run_batch(inner, batch)


def read_outputs(
    model: nn.Module, batch: Batch, calls: Collection[Call], read: Callable[[Tensor], Tensor]
) -> dict[str, Tensor]:
    """What `read` makes of the output of each of the calls, by name.

    Args:
        model: in the mode in which it is to run.
        batch: its arguments.
        calls: those that are read.
        read: makes a tensor of its own from an output, which others may write over later.
    """
    found: dict[str, Tensor] = {}

    def end(call: Call, output: Any) -> None:
        found[call.name] = read(output)

    watch_calls(model, batch, calls, end=end)
    return found


class _CallWatcher(Watcher):
    """Follows modules, and the activations and poolings that are called as functions."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.times: Counter[str] = Counter()
        self.keys: list[Key] = []

    def begin_call(self, key: Key, kind: Kind, module: nn.Module | None, function: str, given: Tensor | None) -> None:
        """A call begins; of a module, its frame is on the stack already."""

    def end_call(self, key: Key, output: Any) -> None:
        """It has ended; `output` is None if it raised."""

    def begin_module(self, frame: Frame, args: tuple[Any, ...]) -> None:
        key = self._key(self.names[frame.module])
        self.keys.append(key)
        self.begin_call(key, _kind(frame.module), frame.module, "", _first_tensor(args))

    def end_module(self, frame: Frame, args: tuple[Any, ...], output: Any) -> None:
        self.end_call(self.keys.pop(), output)

    def drop_module(self, frame: Frame) -> None:
        self.end_call(self.keys.pop(), None)

    def call_function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        kind = self._kind_of_function(func, args, kwargs)
        if kind is None:
            return func(*args, **kwargs)
        function = func.__name__.rstrip("_")
        key = self._key(f"{self.names[self.stack[-1].module]}:{function}")
        self.begin_call(key, kind, None, function, _first_tensor((args, kwargs)))
        result = func(*args, **kwargs)
        self.end_call(key, result)
        return result

    def _kind_of_function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Kind | None:
        """What a function is that the innermost module calls, if it is worth a name beside the module's."""
        if _kind(self.stack[-1].module) != "module":
            return None
        if func in POOLING_FUNCTIONS:
            return "pooling"
        activation = func in kinds.FUNCTIONS and kinds.identify(func, args, kwargs) is not None
        return "activation" if activation else None

    def _key(self, base: str) -> Key:
        number = self.times[base]
        self.times[base] += 1
        return base, number


class _Relay(_CallWatcher):
    """Tells callbacks of the calls that they asked for."""

    def __init__(
        self,
        model: nn.Module,
        calls: dict[Key, Call],
        begin: Callable[[Call, Tensor], None] | None,
        end: Callable[[Call, Any], None] | None,
    ) -> None:
        super().__init__(model)
        self.calls, self.begin, self.end = calls, begin, end

    def begin_call(self, key: Key, kind: Kind, module: nn.Module | None, function: str, given: Tensor | None) -> None:
        if self.begin is not None and key in self.calls and given is not None:
            self.begin(self.calls[key], given)

    def end_call(self, key: Key, output: Any) -> None:
        if self.end is not None and key in self.calls and output is not None:
            self.end(self.calls[key], output)


@dataclass
class _Entry:
    key: Key
    kind: Kind
    module: nn.Module | None
    function: str
    stack: tuple[Frame, ...]
    source: int | None
    leaf: bool = True
    shape: tuple[int, ...] = ()


class _Survey(_CallWatcher):
    """Writes down the calls of a forward pass; keeps all tensors, so that no two share an identity."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.entries: list[_Entry] = []
        self.running: list[_Entry] = []
        self.kept: list[Any] = []
        self.makers: dict[int, int] = {}

    def begin_call(self, key: Key, kind: Kind, module: nn.Module | None, function: str, given: Tensor | None) -> None:
        if not self.running and given is not None:
            self.makers[id(given)] = -1
        for entry in self.running:
            entry.leaf = False
        self.kept.append(given)
        source = None if given is None else self.makers.get(id(given))
        stack = tuple(self.stack if module is None else self.stack[:-1])
        self.running.append(_Entry(key, kind, module, function, stack, source))

    def end_call(self, key: Key, output: Any) -> None:
        entry = self.running.pop()
        self.kept.append(output)
        if isinstance(output, Tensor):
            entry.shape = tuple(output.shape)
            if entry.leaf:
                self.makers[id(output)] = len(self.entries)
        self.entries.append(entry)

    def name_entries(self) -> list[str]:
        """The name of every entry, in order."""
        groups: dict[tuple[nn.Module, Kind, bool], list[int]] = {}
        for place, entry in enumerate(self.entries):
            owner = entry.module if entry.module is not None else entry.stack[-1].module
            groups.setdefault((owner, entry.kind, entry.module is None), []).append(place)
        names = [""] * len(self.entries)
        for (owner, _, makes), places in groups.items():
            scope = owner if makes else common_scope(self.entries[place].stack for place in places)
            numbering = Numbering()
            numbers = [numbering.next(owner, scope, self.entries[place].stack) or 0 for place in places]
            spellings = {n: self.entries[place].function for n, place in zip(numbers, places, strict=True)}
            named = name_calls(self.names[owner], dict(sorted(spellings.items())))
            times: Counter[int] = Counter()
            for number, place in zip(numbers, places, strict=True):
                times[number] += 1
                names[place] = named[number] + (f"@{times[number]}" if times[number] > 1 else "")
        return names


def _kind(module: nn.Module) -> Kind:
    if isinstance(module, Elementwise) or kinds.is_torch_activation(module):
        return "activation"
    return "pooling" if isinstance(module, POOLING) else "module"


def _first_tensor(tree: Any) -> Tensor | None:
    return next((leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)), None)
