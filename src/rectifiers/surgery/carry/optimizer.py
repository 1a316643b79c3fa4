"""Bringing an optimizer along: parameters that stay keep their state, lost ones are dropped, new ones get a group."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ...core.errors import ConfigError, UnsupportedError
from ...core.wording import listing, plural
from ..edits.edit import Undo
from ..edits.tensors import Layout
from .parameters import ParameterDiff
from .schedules import RATES, Schedulers, add_group, is_scheduled, list_schedulers

GROUP = "activations"
"""Name of the group of the activations' parameters, as `param_groups` gives it."""

States = dict[Tensor, dict[str, Any]]

_REFUSED = {
    "LBFGS": "takes a single group of parameters, fixed when it is made; make a new one after the swap",
    "Muon": "trains only matrices, and parameters of activations are not matrices; give them an optimizer of their own",
}


@dataclass(frozen=True)
class Migration:
    """What was done to an optimizer.

    Args:
        kept: how many parameters stayed the same, with their state.
        widened: names of the parameters that got a new shape, in which their state was laid out.
        reset: names of the parameters that got a new shape, and start with an empty state.
        dropped: names of the parameters that the model no longer has.
        added: names of the parameters that the model did not have before.
        group: index of the group with the added parameters; None if there are none.
        lr: learning rate of the added parameters.
        emptied: indices of groups without parameters left; they stay, because schedules count groups.
        undo: puts the optimizer and its schedules back.
    """

    kept: int
    widened: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    group: int | None = None
    lr: float | None = None
    emptied: tuple[int, ...] = ()
    undo: Undo = field(default=lambda: None, repr=False, compare=False)

    def __str__(self) -> str:
        """Say on one line what was done."""
        parts = [f"{plural(self.kept, 'parameter')} kept with {'its' if self.kept == 1 else 'their'} state"]
        if self.widened:
            parts.append(f"{len(self.widened)} widened with it")
        if self.reset:
            parts.append(f"state reset for {listing(self.reset)}")
        if self.dropped:
            parts.append(f"dropped {listing(self.dropped)}")
        if self.added:
            parts.append(f"{len(self.added)} added to group {self.group}, {GROUP!r}, with lr {self.lr:g}")
        if self.emptied:
            parts.append(f"no parameters left in group {', '.join(map(str, self.emptied))}")
        return f"optimizer: {'; '.join(parts)}"


def migrate(
    optimizer: Optimizer, diff: ParameterDiff, *, scheduler: Schedulers | None = None, lr: float | None = None
) -> Migration:
    """Bring `optimizer` in line with a model's parameters after a swap.

    Groups keep their place and their options. New parameters join the group named `activations`, if there is one and no
    `lr` is given; else they get a new group, the last, with that name, the options of the first group and no weight
    decay.

    Args:
        optimizer: any optimizer that trains the model, and perhaps other models too.
        diff: what became of the model's parameters.
        scheduler: schedules of `optimizer`; a new group is scheduled like the first.
        lr: learning rate of the new group instead of the first group's; under a schedule, the rate it starts from.

    Raises:
        ConfigError: the optimizer trains another model, a schedule is of another optimizer, or one is missing.
        UnsupportedError: the optimizer cannot have another group.
    """
    schedulers = list_schedulers(scheduler, optimizer)
    groups = optimizer.param_groups
    join = None if lr is not None else next((i for i, group in enumerate(groups) if group.get("name") == GROUP), None)
    new = join is None and bool(diff.added)
    _check(optimizer, diff, lr, unscheduled=new and scheduler is None)
    saved = [{key: list(group[key]) for key in _lists(group)} for group in groups]
    states: States = {}
    extensions: list[Undo] = []

    def undo() -> None:
        for back in extensions:
            back()
        if new:
            del optimizer.param_groups[len(saved) : len(saved) + 1]
        for group, lists in zip(optimizer.param_groups, saved, strict=False):
            group.update({key: list(values) for key, values in lists.items()})
        for parameter in (*diff.added, *diff.replaced.values()):
            optimizer.state.pop(parameter, None)
        optimizer.state.update(states)

    try:
        widened, reset = _replace(optimizer, diff, states)
        dropped = _drop(optimizer, diff, states)
        if new:
            join, rate = len(saved), _rate(groups[0], lr)
            optimizer.add_param_group(_new_group(groups[0], diff, rate))
            extensions += [add_group(one, join, rate) for one in schedulers]
        elif join is not None:
            for key, values in _entries(groups[join], diff).items():
                groups[join][key] += values
        if isinstance(optimizer, torch.optim.Adagrad):
            _begin(optimizer, {*diff.added, *diff.replaced.values()})
    except BaseException:
        undo()
        raise
    known = set(diff.kept)
    return Migration(
        kept=sum(parameter in known for lists in saved for parameter in lists["params"]),
        widened=widened,
        reset=reset,
        dropped=dropped,
        added=tuple(diff.names[parameter] for parameter in diff.added),
        group=join if diff.added else None,
        lr=float(groups[join]["lr"]) if diff.added and join is not None else None,
        emptied=tuple(i for i, lists in enumerate(saved) if lists["params"] and not groups[i]["params"]),
        undo=undo,
    )


def _check(optimizer: Optimizer, diff: ParameterDiff, lr: float | None, *, unscheduled: bool) -> None:
    if lr is not None and not (lr > 0 and math.isfinite(lr)):
        raise ConfigError(f"activation_lr must be a positive number, got {lr}")
    known = {*diff.kept, *diff.replaced, *diff.gone}
    if known.isdisjoint(_parameters(optimizer)):
        raise ConfigError(
            f"the {type(optimizer).__name__} trains none of this model's parameters; give the optimizer that was made "
            "for this model, or make one after the swap"
        )
    reason = _REFUSED.get(type(optimizer).__name__)
    if reason and (diff.added or diff.replaced or diff.gone):
        raise UnsupportedError(f"{type(optimizer).__name__} {reason}")
    if diff.added and unscheduled and is_scheduled(optimizer):
        raise ConfigError(
            f"the {type(optimizer).__name__} has a learning rate schedule, which needs an entry for the new group; "
            "give it as scheduler=…, or scheduler=() if it is no longer in use"
        )


def _replace(optimizer: Optimizer, diff: ParameterDiff, states: States) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Replace old parameters by the new ones, and put the old states into `states`.

    Returns:
        The names of the parameters that kept their state, and of those that did not.
    """
    widened: list[str] = []
    reset: list[str] = []
    for group in optimizer.param_groups:
        for index, old in enumerate(group["params"]):
            new = diff.replaced.get(old)
            if new is None:
                continue
            group["params"][index] = new
            state: dict[str, Any] | None = {}
            if old in optimizer.state:
                states[old] = optimizer.state.pop(old)
                state = lay_out_state(states[old], old, new, diff.layouts.get(old))
            (reset if state is None else widened).append(diff.names[old])
            if state:
                optimizer.state[new] = state
    return tuple(widened), tuple(reset)


def _begin(optimizer: torch.optim.Adagrad, new: Container[Tensor]) -> None:
    """Give new parameters the state in which Adagrad begins; PyTorch 2.10 does so only when the optimizer is made."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter in new and not optimizer.state.get(parameter):
                value, fused = group["initial_accumulator_value"], group["fused"]
                made = torch.optim.Adagrad([parameter], initial_accumulator_value=value, fused=fused)
                optimizer.state[parameter] = made.state[parameter]


def _drop(optimizer: Optimizer, diff: ParameterDiff, states: States) -> tuple[str, ...]:
    """Take out the parameters that the model no longer has, put their states into `states`, and return their names."""
    gone, dropped = set(diff.gone), []
    for group in optimizer.param_groups:
        stays = [parameter not in gone for parameter in group["params"]]
        dropped += [diff.names[p] for p, stay in zip(group["params"], stays, strict=True) if not stay]
        for key in _lists(group):
            group[key] = [value for value, stay in zip(group[key], stays, strict=True) if stay]
    states.update({parameter: optimizer.state.pop(parameter) for parameter in gone if parameter in optimizer.state})
    return tuple(dropped)


def lay_out_state(
    state: dict[str, Any], old: nn.Parameter, new: nn.Parameter, layout: Layout | None = None
) -> dict[str, Any] | None:
    """Lay out an optimizer's state of `old` for `new`; None if it does not fit.

    Args:
        state: what the optimizer keeps: tensors of the shape of `old`, and single numbers.
        old: the parameter.
        new: the parameter that replaced it.
        layout: how values of the old shape are laid out in the new one. If it is not given and the old values are the
            first along every dimension of `new`, so are those of the state.

    Example:
        >>> old, new = nn.Parameter(torch.ones(1)), nn.Parameter(torch.tensor([1.0, 0.0]))
        >>> lay_out_state({"step": 3, "momentum_buffer": torch.tensor([5.0])}, old, new)
        {'step': 3, 'momentum_buffer': tensor([5., 0.])}
    """
    if layout is None:
        corner = tuple(slice(size) for size in old.shape)
        if old.dim() != new.dim() or not torch.equal(new.detach()[corner], old.detach()):
            return None

        def layout(value: Tensor) -> Tensor:
            wide = torch.zeros_like(new, dtype=value.dtype, device=value.device, requires_grad=False)
            wide[corner] = value
            return wide

    result = {}
    for name, value in state.items():
        shaped = isinstance(value, Tensor) and value.dim() > 0
        if shaped and value.shape != old.shape:
            return None
        result[name] = layout(value) if shaped else copy.deepcopy(value)
    return result


def _rate(first: dict[str, Any], lr: float | None) -> Callable[[Any], Any]:
    """Return a function that makes a learning rate of the new group from one of the first group."""
    base = float(first.get("initial_lr", first["lr"]))

    def rate(value: Any) -> Any:
        if lr is None:
            return copy.deepcopy(value)
        scaled = lr if base in (0.0, float(value)) else float(value) * lr / base
        return torch.full_like(value, scaled) if isinstance(value, Tensor) else scaled

    return rate


def _new_group(first: dict[str, Any], diff: ParameterDiff, rate: Callable[[Any], Any]) -> dict[str, Any]:
    group = {key: copy.deepcopy(value) for key, value in first.items() if key not in _lists(first)}
    group |= {key: rate(group[key]) for key in RATES if key in group}
    if "weight_decay" in group:
        group["weight_decay"] = 0.0
    params = _entries(first, diff)
    named = list(zip(params["param_names"], params["params"], strict=True)) if "param_names" in params else None
    return {**group, "name": GROUP, "params": named or params["params"]}


def _entries(group: dict[str, Any], diff: ParameterDiff) -> dict[str, list[Any]]:
    """Return the added parameters, and their names if the optimizer keeps names."""
    entries: dict[str, list[Any]] = {
        "params": list(diff.added),
        "param_names": [diff.names[p] for p in diff.added],
    }
    return {key: entries[key] for key in _lists(group)}


def _lists(group: dict[str, Any]) -> tuple[str, ...]:
    """Return the keys of a group that have a list with one entry per parameter."""
    return tuple(key for key in ("params", "param_names") if key in group)


def _parameters(optimizer: Optimizer) -> Iterable[Tensor]:
    return (parameter for group in optimizer.param_groups for parameter in group["params"])
