"""Which of a model's parameters a swap kept, replaced, dropped and added."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from ..core.param_groups import activation_parameters

Spread = Callable[[Tensor], Tensor]
"""Lays numbers of a parameter's old shape out in its new shape, with zeros at the new places."""


@runtime_checkable
class Reshaping(Protocol):
    """An edit that gives parameters another shape and says where their numbers went."""

    def spreads(self) -> Mapping[str, Spread]:
        """By name of the parameter."""


@dataclass(frozen=True)
class Turnover:
    """A model's parameters before and after a swap.

    Args:
        names: every parameter's first name, old ones included.
        kept: the same objects before and after.
        replaced: new objects by the old ones whose places they took: the same weights in another shape.
        gone: what the model no longer has.
        added: what it did not have.
        spreads: how numbers of an old shape lie in the new one, by the old object, where an edit says so.
    """

    names: Mapping[nn.Parameter, str]
    kept: tuple[nn.Parameter, ...]
    replaced: Mapping[nn.Parameter, nn.Parameter]
    gone: tuple[nn.Parameter, ...]
    added: tuple[nn.Parameter, ...]
    spreads: Mapping[nn.Parameter, Spread] = field(default_factory=dict)


def named(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters under all of their names."""
    return dict(model.named_parameters(remove_duplicate=False))


def compare_parameters(before: Mapping[str, nn.Parameter], model: nn.Module, edits: Iterable[object] = ()) -> Turnover:
    """What became of the parameters `before`.

    A new parameter under an old one's name took its place, unless it is an activation's: its values then mean something
    else.

    Args:
        before: what `named` gave before the swap.
        model: the model now.
        edits: what was done; those that are `Reshaping` say where numbers went.
    """
    after = named(model)
    old, new = set(before.values()), set(after.values())
    shaping = {parameter for module in model.modules() for parameter in activation_parameters(module)}
    replaced = {
        parameter: after[name]
        for name, parameter in before.items()
        if parameter not in new and name in after and after[name] not in old and after[name] not in shaping
    }
    known = old | set(replaced.values())
    spreads = {name: spread for edit in edits if isinstance(edit, Reshaping) for name, spread in edit.spreads().items()}
    names: dict[nn.Parameter, str] = {}
    for name, parameter in (*before.items(), *after.items()):
        names.setdefault(parameter, name)
    return Turnover(
        names=names,
        kept=tuple(parameter for parameter in dict.fromkeys(before.values()) if parameter in new),
        replaced=replaced,
        gone=tuple(p for p in dict.fromkeys(before.values()) if p not in new and p not in replaced),
        added=tuple(parameter for parameter in dict.fromkeys(after.values()) if parameter not in known),
        spreads={before[name]: spread for name, spread in spreads.items() if name in before},
    )
