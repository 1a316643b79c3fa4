"""Which of a model's parameters a swap kept, replaced, dropped and added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import nn

from ..edits.tensors import Layout, ReshapingEdit


class Slot(NamedTuple):
    """A name under which a module has a parameter.

    Args:
        path: full name of the parameter.
        module: the module that has it.
        name: its name in that module.
        parameter: the parameter itself.
    """

    path: str
    module: nn.Module
    name: str
    parameter: nn.Parameter


@dataclass(frozen=True)
class ParameterDiff:
    """The difference between a model's parameters before and after a swap.

    Args:
        names: the first name of every parameter, before and after.
        kept: the parameters that are the same objects before and after.
        replaced: new parameters by the old ones that they replaced: the same weights in another shape.
        gone: the parameters that the model no longer has.
        added: the parameters that the model did not have before.
        layouts: how values of an old shape are laid out in the new one, by the old parameter, if an edit says so.
    """

    names: Mapping[nn.Parameter, str]
    kept: tuple[nn.Parameter, ...]
    replaced: Mapping[nn.Parameter, nn.Parameter]
    gone: tuple[nn.Parameter, ...]
    added: tuple[nn.Parameter, ...]
    layouts: Mapping[nn.Parameter, Layout]


def parameter_slots(model: nn.Module) -> list[Slot]:
    """List every name under which a module of `model` has a parameter."""
    return [
        Slot(f"{path}.{name}" if path else name, module, name, parameter)
        for path, module in model.named_modules()
        for name, parameter in module._parameters.items()
        if parameter is not None
    ]


def compare_parameters(before: Sequence[Slot], model: nn.Module, edits: Iterable[object] = ()) -> ParameterDiff:
    """Compare a model's parameters with those before a swap.

    A new parameter replaced an old one if the same module has it under the same name.

    Args:
        before: what `parameter_slots` returned before the swap.
        model: the model after the swap.
        edits: what was done to it; every `ReshapingEdit` says how old values are laid out.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.PReLU())
        >>> before = parameter_slots(net)
        >>> net[0].weight, net[1] = nn.Parameter(net[0].weight.repeat(1, 2)), nn.PReLU(2)
        >>> diff = compare_parameters(before, net)
        >>> [tuple(new.shape) for new in diff.replaced.values()]
        [(2, 4)]
        >>> len(diff.kept), len(diff.gone), len(diff.added)
        (1, 1, 1)
    """
    after = parameter_slots(model)
    old, new = ({slot.parameter for slot in slots} for slots in (before, after))
    arrived, left = new - old, old - new
    present = {(slot.module, slot.name): slot.parameter for slot in after}
    replaced = {}
    for slot in before:
        now = present.get((slot.module, slot.name))
        if slot.parameter in left and now is not None and now in arrived:
            replaced[slot.parameter] = now
    arrived -= set(replaced.values())
    names: dict[nn.Parameter, str] = {}
    for slot in (*before, *after):
        names.setdefault(slot.parameter, slot.path)
    by_path = {slot.path: slot.parameter for slot in before}
    reshaped = [edit.layouts(model) for edit in edits if isinstance(edit, ReshapingEdit)]
    return ParameterDiff(
        names=names,
        kept=tuple(parameter for parameter in names if parameter in old and parameter in new),
        replaced=replaced,
        gone=tuple(parameter for parameter in names if parameter in left and parameter not in replaced),
        added=tuple(parameter for parameter in names if parameter in arrived),
        layouts={by_path[path]: layout for layouts in reshaped for path, layout in layouts.items() if path in by_path},
    )
