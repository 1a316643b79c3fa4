"""What a model calls, by name and in order: its modules, and the activations and poolings that have no module.

A module goes by its path, `features.3`, or by `features.3#2` for its second call; a function by the path of the module
that calls it, `block:relu`, and the model's own by `:relu`. Nothing of the model is changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from ..core.elementwise import Elementwise
from ..core.errors import UnknownNameError
from ..surgery import kinds
from ..surgery.guard import unwrap
from .inputs import Inputs, call, evaluating

Kind = Literal["activation", "pooling", "module"]
Key = tuple[str, int]
"""What is called, and how many calls of it came before."""

POOLING = (nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd)
POOLING_FUNCTIONS = frozenset(getattr(F, f"{kind}_pool{rank}d") for kind in ("avg", "max") for rank in (1, 2, 3))
NO_ACTIVATIONS = (nn.Softmax, nn.Softmax2d, nn.Softmin, nn.LogSoftmax, nn.MultiheadAttention)


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


def list_calls(model: nn.Module, inputs: Inputs) -> list[Call]:
    """All calls of one forward pass, in the order in which they end.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> [call.name for call in list_calls(net, Inputs((torch.zeros(1, 2),), {}, 1))]
        ['0', '1', '']
    """
    survey = _Survey()
    with evaluating(model):
        observe(model, inputs, survey.begin, survey.end)
    total = Counter(entry.base for entry in survey.entries)
    return [
        Call(
            entry.base if total[entry.base] == 1 else f"{entry.base}#{entry.number + 1}",
            (entry.base, entry.number),
            entry.kind,
            entry.module,
            entry.leaf,
            entry.source,
            entry.shape,
        )
        for entry in survey.entries
    ]


def pick(calls: Iterable[Call], names: Iterable[str]) -> list[Call]:
    """The calls of these names.

    Raises:
        UnknownNameError: with the nearest names.
    """
    known = {entry.name: entry for entry in calls}
    chosen = []
    for name in names:
        if name not in known:
            raise UnknownNameError("layer", name, known)
        chosen.append(known[name])
    return chosen


def observe(
    model: nn.Module,
    inputs: Inputs,
    begin: Callable[[Key, Kind, nn.Module | None, Tensor | None], None],
    end: Callable[[Key, Any], None],
) -> Any:
    """Run `model` once and tell of every call.

    Args:
        model: any module.
        inputs: its arguments.
        begin: gets the key, the kind, the module and the first tensor that goes in, before the call.
        end: gets the key and what came out, before anything writes over it.

    Returns:
        What the model returned.
    """
    inner = unwrap(model)
    with _Taps(inner, begin, end).running():
        return call(inner, inputs)


def outputs(
    model: nn.Module, inputs: Inputs, calls: Collection[Call], read: Callable[[Tensor], Tensor]
) -> dict[str, Tensor]:
    """What `read` makes of the output of each of the calls, by name.

    Args:
        model: in the mode in which it is to run.
        inputs: its arguments.
        calls: those that are read.
        read: makes a tensor of its own from an output, which others may write over later.
    """
    names = {entry.key: entry.name for entry in calls}
    found: dict[str, Tensor] = {}

    def end(key: Key, output: Any) -> None:
        if key in names:
            found[names[key]] = read(output)

    observe(model, inputs, lambda *_: None, end)
    return found


class _Taps(TorchFunctionMode):
    def __init__(self, model: nn.Module, begin: Callable[..., None], end: Callable[..., None]) -> None:
        super().__init__()
        self.names = {module: name for name, module in model.named_modules()}
        self.begin, self.end = begin, end
        self.stack: list[tuple[nn.Module, Key]] = []
        self.counts: Counter[str] = Counter()

    @contextmanager
    def running(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.callback(hooks.register_module_forward_pre_hook(self.enter).remove)
            stack.callback(hooks.register_module_forward_hook(self.leave).remove)
            stack.enter_context(self)
            yield

    def enter(self, module: nn.Module, args: Any) -> None:
        if module in self.names:
            key = self._key(self.names[module])
            self.stack.append((module, key))
            self.begin(key, _kind(module), module, _first(args))

    def leave(self, module: nn.Module, _: Any, output: Any) -> None:
        if module in self.names:
            self.end(self.stack.pop()[1], output)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        kind = self._function(func, args, kwargs)
        if kind is None:
            return func(*args, **kwargs)
        path = self.names[self.stack[-1][0]]
        key = self._key(f"{path}:{func.__name__.strip('_')}")
        self.begin(key, kind, None, _first((args, kwargs)))
        result = func(*args, **kwargs)
        self.end(key, result)
        return result

    def _function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Kind | None:
        """What a function is that the innermost module calls, if it is worth a name beside the module's."""
        if not self.stack or _kind(self.stack[-1][0]) != "module":
            return None
        if func in POOLING_FUNCTIONS:
            return "pooling"
        activation = func in kinds.FUNCTIONS and kinds.identify(func, args, kwargs) is not None
        return "activation" if activation else None

    def _key(self, base: str) -> Key:
        number = self.counts[base]
        self.counts[base] += 1
        return base, number


def _kind(module: nn.Module) -> Kind:
    torch_activation = type(module).__module__ == nn.ReLU.__module__ and not isinstance(module, NO_ACTIVATIONS)
    if isinstance(module, Elementwise) or torch_activation:
        return "activation"
    return "pooling" if isinstance(module, POOLING) else "module"


def _first(tree: Any) -> Tensor | None:
    return next((leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)), None)


@dataclass
class _Entry:
    base: str
    number: int
    kind: Kind
    module: nn.Module | None
    source: int | None
    leaf: bool = True
    shape: tuple[int, ...] = ()


@dataclass
class _Survey:
    """Writes down the calls of a pass; keeps all tensors, so that no two share an identity."""

    entries: list[_Entry] = field(default_factory=list)
    running: list[_Entry] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)
    makers: dict[int, int] = field(default_factory=dict)

    def begin(self, key: Key, kind: Kind, module: nn.Module | None, given: Tensor | None) -> None:
        if not self.running and given is not None:
            self.makers[id(given)] = -1
        for entry in self.running:
            entry.leaf = False
        self.kept.append(given)
        source = None if given is None else self.makers.get(id(given))
        self.running.append(_Entry(*key, kind, module, source))

    def end(self, key: Key, output: Any) -> None:
        entry = self.running.pop()
        self.kept.append(output)
        if isinstance(output, Tensor):
            entry.shape = tuple(output.shape)
            if entry.leaf:
                self.makers[id(output)] = len(self.entries)
        self.entries.append(entry)
