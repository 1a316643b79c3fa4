"""Which of a model's parameters a swap kept, replaced, dropped and added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import nn

from ..edits.tensors import Reshaping, Spread


class Slot(NamedTuple):
    """Where a parameter is held.

    Args:
        path: its full name.
        module: the module that has it.
        name: its name there.
        parameter: what it is.
    """

    path: str
    module: nn.Module
    name: str
    parameter: nn.Parameter


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
    spreads: Mapping[nn.Parameter, Spread]


def parameter_slots(model: nn.Module) -> list[Slot]:
    """All places of `model` that hold a parameter."""
    return [
        Slot(f"{path}.{name}" if path else name, module, name, parameter)
        for path, module in model.named_modules()
        for name, parameter in module._parameters.items()
        if parameter is not None
    ]


def compare_parameters(before: Sequence[Slot], model: nn.Module, edits: Iterable[object] = ()) -> Turnover:
    """What became of the parameters: a new one that the same module holds under the same name took an old one's place.

    Args:
        before: what `parameter_slots` gave before the swap.
        model: the model now.
        edits: what was done to it; those that are `Reshaping` say where numbers went.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.PReLU())
        >>> before = parameter_slots(net)
        >>> net[0].weight, net[1] = nn.Parameter(net[0].weight.repeat(1, 2)), nn.PReLU(2)
        >>> turnover = compare_parameters(before, net)
        >>> [tuple(new.shape) for new in turnover.replaced.values()]
        [(2, 4)]
        >>> len(turnover.kept), len(turnover.gone), len(turnover.added)
        (1, 1, 1)
    """
    after = parameter_slots(model)
    old, new = ({slot.parameter for slot in slots} for slots in (before, after))
    arrived, left = new - old, old - new
    replaced = {}
    for slot in before:
        now = slot.module._parameters.get(slot.name)
        if slot.parameter in left and now is not None and now in arrived:
            replaced[slot.parameter] = now
    arrived -= set(replaced.values())
    names: dict[nn.Parameter, str] = {}
    for slot in (*before, *after):
        names.setdefault(slot.parameter, slot.path)
    held = {slot.path: slot.parameter for slot in before}
    spreads = [edit.spreads(model) for edit in edits if isinstance(edit, Reshaping)]
    return Turnover(
        names=names,
        kept=tuple(parameter for parameter in names if parameter in old and parameter in new),
        replaced=replaced,
        gone=tuple(parameter for parameter in names if parameter in left and parameter not in replaced),
        added=tuple(parameter for parameter in names if parameter in arrived),
        spreads={held[path]: spread for layout in spreads for path, spread in layout.items() if path in held},
    )
