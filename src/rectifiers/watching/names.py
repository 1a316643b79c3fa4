"""Names and numbers of calls, the same for everybody who watches a model.

The name of a module's call is the path of the module: `features.3`. A module that several others hold has its name in
the one that calls it: `0.act`, `1.act`. The name of a function's call is the path of the module that makes it, and the
function's name: `block:relu`, or `:relu` if the model itself makes it. If several calls within one call of the
enclosing module, the scope, would have the same name, they are numbered: `features.3#1`, `features.3#2`.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from torch import nn

from .places import Place
from .replaced import Calls, replaced_calls
from .watcher import Frame


class Numbering:
    """Numbers for the calls that each module makes or receives, from 0 within one call of its scope.

    Numbers of function calls that an earlier swap has replaced are skipped, so that all others keep theirs.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[Frame, nn.Module], Iterator[int]] = {}

    def next(self, owner: nn.Module, scope: nn.Module | None, stack: Sequence[Frame]) -> int | None:
        """Return the number of the call that happens now; None if no call of the scope is under way.

        Args:
            owner: the module that is called, or that calls a function.
            scope: the module within whose calls the counting starts again.
            stack: the module calls under way, outermost first.
        """
        frame = next((frame for frame in reversed(stack) if frame.module is scope), None)
        if frame is None or scope is None:
            return None
        if (frame, owner) not in self._numbers:
            # Those of the scope's own function calls; the calls of modules in it are counted by themselves.
            replaced = replaced_calls(scope).at if owner is scope else None
            numbers = itertools.count()
            self._numbers[frame, owner] = numbers if replaced is None else itertools.filterfalse(replaced, numbers)
        return next(self._numbers[frame, owner])


def number_calls(
    owner: nn.Module, scope: nn.Module | None, calls: Sequence[tuple[Sequence[Frame], Sequence[Place]]]
) -> list[int]:
    """Return the number of each call that a module makes or receives.

    Calls past the module's own call have no order that is the same everywhere, and are told apart by their places.

    Args:
        owner: the module that is called, or that calls functions.
        scope: the module within whose calls the counting starts again.
        calls: for each call, the module calls that it happens in, outermost first, and its places in the code.
    """
    numbering = Numbering()
    numbers = [None if is_past(stack) else numbering.next(owner, scope, stack) or 0 for stack, _ in calls]
    known = {tuple(places): number for number, (_, places) in zip(numbers, calls, strict=True) if number is not None}
    free = (number for number in itertools.count() if number not in numbers and not replaced_calls(owner).at(number))
    result = []
    for number, (_, places) in zip(numbers, calls, strict=True):
        if number is None and tuple(places) not in known:
            known[tuple(places)] = next(free)
        result.append(known[tuple(places)] if number is None else number)
    return result


def is_past(stack: Sequence[Frame]) -> bool:
    """Return whether a call happens in a method that is called past its module's own call."""
    return any(frame.past for frame in stack[-2:])


def common_scope(stacks: Iterable[Sequence[Frame]]) -> nn.Module | None:
    """Return the innermost module that is in all of these stacks; None if there is none."""
    chains = [[frame.module for frame in stack if not isinstance(frame.module, Calls)] for stack in stacks]
    shared = [modules[0] for modules in zip(*chains, strict=False) if all(module is modules[0] for module in modules)]
    return shared[-1] if shared else None


def holder_of(module: nn.Module, stack: Sequence[Frame]) -> nn.Module | None:
    """Return the module that makes a call of `module`, if it has it as a child; None otherwise.

    Args:
        module: the module that is called.
        stack: the module calls that the call happens in, outermost first.
    """
    caller = stack[-1].module if stack else None
    return caller if caller is not None and any(child is module for child in caller._modules.values()) else None


def find_shared(model: nn.Module) -> set[nn.Module]:
    """Return the modules that several modules of a model hold.

    Example:
        >>> act = nn.ReLU()
        >>> find_shared(nn.Sequential(nn.Sequential(act), nn.Sequential(act), nn.Tanh())) == {act}
        True
    """
    holders = Counter(child for module in model.modules() for child in set(module._modules.values()) if child)
    return {module for module, count in holders.items() if count > 1}


def split_by_holder(
    module: nn.Module, stacks: Sequence[Sequence[Frame]], shared: Collection[nn.Module]
) -> dict[nn.Module | None, list[int]]:
    """Group calls of a module by the module that holds and calls it, if several hold it and each call has one.

    Args:
        module: the module that is called.
        stacks: the module calls that each of its calls happens in, outermost first.
        shared: the modules that several modules hold, whether they call them or not.

    Returns:
        Indices of `stacks`, by holder; all of them under None where the module is one thing.
    """
    if module not in shared:
        return {None: [*range(len(stacks))]}
    groups: dict[nn.Module | None, list[int]] = {}
    for index, stack in enumerate(stacks):
        groups.setdefault(holder_of(module, stack), []).append(index)
    return groups if None not in groups else {None: [*range(len(stacks))]}


def slot_path(module: nn.Module, holder: nn.Module, path: str) -> str:
    """Return the path of `module` in the `holder` at `path`."""
    name = next(name for name, child in holder._modules.items() if child is module)
    return f"{path}.{name}" if path else name


def name_calls(path: str, spellings: Mapping[int, str]) -> dict[int, str]:
    """Name the calls of one module, or the calls that it makes.

    Args:
        path: path of the module.
        spellings: name of the function by number of the call; empty where the module itself is called.

    Returns:
        The names, by number of the call.

    Example:
        >>> name_calls("block", {0: "relu", 1: "sigmoid", 2: "relu"})
        {0: 'block:relu#1', 1: 'block:sigmoid', 2: 'block:relu#2'}
        >>> name_calls("block.act", {0: ""})
        {0: 'block.act'}
    """
    total, so_far, names = Counter(spellings.values()), Counter[str](), {}
    for number, spelling in spellings.items():
        so_far[spelling] += 1
        base = f"{path}:{spelling}" if spelling else path
        names[number] = f"{base}#{so_far[spelling]}" if total[spelling] > 1 else base
    return names
