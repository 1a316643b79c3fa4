"""Names and numbers of calls, the same for everybody who watches a model.

A call goes by the path of its module, `features.3`, or by the path of the module that makes it and the function's name,
`block:relu`; the model's own by `:relu`. Where one call of the enclosing module, the scope, has several of them, they
are numbered: `features.3#1`, `features.3#2`.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from torch import nn

from .replaced import Calls, replaced_calls
from .watcher import Frame


class Numbering:
    """Numbers the calls that each module makes or receives, from 0 within one call of its scope.

    Numbers of calls that an earlier swap has replaced are left out, so that all others keep theirs.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[Frame, nn.Module], Iterator[int]] = {}

    def next(self, owner: nn.Module, scope: nn.Module | None, stack: Sequence[Frame]) -> int | None:
        """The number of the call that happens now; None if the scope is not running.

        Args:
            owner: the module that is called, or that calls a function.
            scope: the module within whose calls is counted.
            stack: the modules that are running, outermost first.
        """
        frame = next((frame for frame in reversed(stack) if frame.module is scope), None)
        if frame is None or scope is None:
            return None
        if (frame, owner) not in self._numbers:
            self._numbers[frame, owner] = itertools.filterfalse(replaced_calls(scope).at, itertools.count())
        return next(self._numbers[frame, owner])


def common_scope(stacks: Iterable[Sequence[Frame]]) -> nn.Module | None:
    """The innermost module within whose calls all of these stacks lie; None for a stack of nothing."""
    chains = [[frame.module for frame in stack if not isinstance(frame.module, Calls)] for stack in stacks]
    shared = [modules[0] for modules in zip(*chains, strict=False) if all(module is modules[0] for module in modules)]
    return shared[-1] if shared else None


def name_calls(path: str, spellings: Mapping[int, str]) -> dict[int, str]:
    """The names of the calls of one module, or of those that it makes, by their numbers.

    Args:
        path: of the module.
        spellings: names of the functions that it calls; empty where the module itself is called.

    Example:
        >>> name_calls("block", {0: "relu", 1: "sigmoid", 2: "relu"})
        {0: 'block:relu#1', 1: 'block:sigmoid', 2: 'block:relu#2'}
        >>> name_calls("block.act", {0: ""})
        {0: 'block.act'}
    """
    times, seen, names = Counter(spellings.values()), Counter[str](), {}
    for number, spelling in spellings.items():
        seen[spelling] += 1
        base = f"{path}:{spelling}" if spelling else path
        names[number] = f"{base}#{seen[spelling]}" if times[spelling] > 1 else base
    return names
