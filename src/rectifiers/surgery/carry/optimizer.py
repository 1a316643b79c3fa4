"""An optimizer goes along with a swap: what stays keeps its state, what went is dropped, what came gets a group."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ...core.errors import ConfigError, UnsupportedError
from ...core.wording import listing, plural
from ..edits.edit import Undo
from ..edits.tensors import Spread
from .parameters import Turnover
from .schedules import RATES, Schedulers, all_of, extend, is_scheduled

GROUP = "activations"
"""Name of the group of the activations' parameters, as `param_groups` gives it."""

States = dict[Tensor, dict[str, Any]]

_REFUSED = {
    "LBFGS": "takes one group of parameters, fixed when it is made; make a new one after the swap",
    "Muon": "trains matrices alone, and parameters of activations are none; give them an optimizer of their own",
}


@dataclass(frozen=True)
class Migration:
    """What was done to an optimizer.

    Args:
        kept: how many parameters went on as they were, their state with them.
        widened: names of those that got a new shape, and whose state was laid out in it.
        reset: names of those that got a new shape, and start with an empty state.
        dropped: names of those that the model no longer has.
        added: names of those that it did not have.
        group: index of the group that has the added ones; None where there are none.
        lr: their learning rate.
        emptied: indices of groups that have no parameters any more; they stay, for schedules count groups.
        undo: puts the optimizer, and its schedules, back.
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
        """In words, on one line."""
        parts = [f"{plural(self.kept, 'parameter')} kept with {'its' if self.kept == 1 else 'their'} state"]
        if self.widened:
            parts.append(f"{len(self.widened)} widened with it")
        if self.reset:
            parts.append(f"state begun anew for {listing(self.reset)}")
        if self.dropped:
            parts.append(f"dropped {listing(self.dropped)}")
        if self.added:
            parts.append(f"{len(self.added)} added to group {self.group}, {GROUP!r}, with lr {self.lr:g}")
        if self.emptied:
            parts.append(f"nothing left in group {', '.join(map(str, self.emptied))}")
        return f"optimizer: {'; '.join(parts)}"


def migrate(
    optimizer: Optimizer, turnover: Turnover, *, scheduler: Schedulers | None = None, lr: float | None = None
) -> Migration:
    """Bring `optimizer` in line with a model's parameters after a swap.

    Groups keep their place and their options. New parameters join the group named `activations`, if there is one and no
    `lr` is given; else they get a new group, the last, with that name, the options of the first group and no weight
    decay.

    Args:
        optimizer: any that trains the model, and perhaps others beside it.
        turnover: what became of the model's parameters.
        scheduler: schedules of `optimizer`; a new group is scheduled like the first.
        lr: learning rate of the new group, in the place of the first group's; under a schedule, what it starts from.

    Raises:
        ConfigError: the optimizer, or a schedule, belongs to something else; or a schedule is not given.
        UnsupportedError: it cannot take another group.
    """
    schedulers = all_of(scheduler, optimizer)
    groups = optimizer.param_groups
    join = None if lr is not None else next((i for i, group in enumerate(groups) if group.get("name") == GROUP), None)
    new = join is None and bool(turnover.added)
    _check(optimizer, turnover, lr, unscheduled=new and scheduler is None)
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
        for parameter in (*turnover.added, *turnover.replaced.values()):
            optimizer.state.pop(parameter, None)
        optimizer.state.update(states)

    try:
        widened, reset = _replace(optimizer, turnover, states)
        dropped = _drop(optimizer, turnover, states)
        if new:
            join, rate = len(saved), _rate(groups[0], lr)
            optimizer.add_param_group(_new_group(groups[0], turnover, rate))
            extensions += [extend(one, join, rate) for one in schedulers]
        elif join is not None:
            for key, values in _entries(groups[join], turnover).items():
                groups[join][key] += values
    except BaseException:
        undo()
        raise
    known = set(turnover.kept)
    return Migration(
        kept=sum(parameter in known for lists in saved for parameter in lists["params"]),
        widened=widened,
        reset=reset,
        dropped=dropped,
        added=tuple(turnover.names[parameter] for parameter in turnover.added),
        group=join if turnover.added else None,
        lr=float(groups[join]["lr"]) if turnover.added and join is not None else None,
        emptied=tuple(i for i, lists in enumerate(saved) if lists["params"] and not groups[i]["params"]),
        undo=undo,
    )


def _check(optimizer: Optimizer, turnover: Turnover, lr: float | None, *, unscheduled: bool) -> None:
    if lr is not None and not (lr > 0 and math.isfinite(lr)):
        raise ConfigError(f"activation_lr must be a positive number, got {lr}")
    known = {*turnover.kept, *turnover.replaced, *turnover.gone}
    if known.isdisjoint(_parameters(optimizer)):
        raise ConfigError(
            f"the {type(optimizer).__name__} trains none of this model's parameters; give the optimizer that was made "
            "for this model, or make one after the swap"
        )
    reason = _REFUSED.get(type(optimizer).__name__)
    if reason and (turnover.added or turnover.replaced or turnover.gone):
        raise UnsupportedError(f"{type(optimizer).__name__} {reason}")
    if turnover.added and unscheduled and is_scheduled(optimizer):
        raise ConfigError(
            f"a learning rate schedule drives the {type(optimizer).__name__}, and has to learn of its new group: give "
            "it as scheduler=…, or scheduler=() if it is no longer in use"
        )


def _replace(optimizer: Optimizer, turnover: Turnover, states: States) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Put new parameters where the old ones were; the old states go to `states`.

    Returns:
        Names of those whose state went over, and of those whose state did not.
    """
    widened: list[str] = []
    reset: list[str] = []
    for group in optimizer.param_groups:
        for place, old in enumerate(group["params"]):
            new = turnover.replaced.get(old)
            if new is None:
                continue
            group["params"][place] = new
            state: dict[str, Any] | None = {}
            if old in optimizer.state:
                states[old] = optimizer.state.pop(old)
                state = spread_state(states[old], old, new, turnover.spreads.get(old))
            (reset if state is None else widened).append(turnover.names[old])
            if state:
                optimizer.state[new] = state
    return tuple(widened), tuple(reset)


def _drop(optimizer: Optimizer, turnover: Turnover, states: States) -> tuple[str, ...]:
    """Take out what the model no longer has, its states to `states`; returns the names."""
    gone, dropped = set(turnover.gone), []
    for group in optimizer.param_groups:
        stays = [parameter not in gone for parameter in group["params"]]
        dropped += [turnover.names[p] for p, stay in zip(group["params"], stays, strict=True) if not stay]
        for key in _lists(group):
            group[key] = [value for value, stay in zip(group[key], stays, strict=True) if stay]
    states.update({parameter: optimizer.state.pop(parameter) for parameter in gone if parameter in optimizer.state})
    return tuple(dropped)


def spread_state(
    state: dict[str, Any], old: nn.Parameter, new: nn.Parameter, spread: Spread | None = None
) -> dict[str, Any] | None:
    """The state of `old` for `new`, or None where it does not fit.

    Args:
        state: what the optimizer keeps: tensors of the shape of `old`, and numbers that have none.
        old: the parameter.
        new: what took its place.
        spread: how numbers lie in the new shape. Without it they are taken to come first along every dimension, if
            the weights do.

    Example:
        >>> old, new = nn.Parameter(torch.ones(1)), nn.Parameter(torch.tensor([1.0, 0.0]))
        >>> spread_state({"step": 3, "momentum_buffer": torch.tensor([5.0])}, old, new)
        {'step': 3, 'momentum_buffer': tensor([5., 0.])}
    """
    if spread is None:
        corner = tuple(slice(size) for size in old.shape)
        if old.dim() != new.dim() or not torch.equal(new.detach()[corner], old.detach()):
            return None

        def spread(value: Tensor) -> Tensor:
            wide = torch.zeros_like(new, dtype=value.dtype, device=value.device, requires_grad=False)
            wide[corner] = value
            return wide

    result = {}
    for name, value in state.items():
        shaped = isinstance(value, Tensor) and value.dim() > 0
        if shaped and value.shape != old.shape:
            return None
        result[name] = spread(value) if shaped else copy.deepcopy(value)
    return result


def _rate(first: dict[str, Any], lr: float | None) -> Callable[[Any], Any]:
    """Makes a learning rate of the new group from the one of the first group."""
    base = float(first.get("initial_lr", first["lr"]))

    def rate(value: Any) -> Any:
        if lr is None:
            return copy.deepcopy(value)
        scaled = lr if base in (0.0, float(value)) else float(value) * lr / base
        return torch.full_like(value, scaled) if isinstance(value, Tensor) else scaled

    return rate


def _new_group(first: dict[str, Any], turnover: Turnover, rate: Callable[[Any], Any]) -> dict[str, Any]:
    group = {key: copy.deepcopy(value) for key, value in first.items() if key not in _lists(first)}
    group |= {key: rate(group[key]) for key in RATES if key in group}
    if "weight_decay" in group:
        group["weight_decay"] = 0.0
    params = _entries(first, turnover)
    named = list(zip(params["param_names"], params["params"], strict=True)) if "param_names" in params else None
    return {**group, "name": GROUP, "params": named or params["params"]}


def _entries(group: dict[str, Any], turnover: Turnover) -> dict[str, list[Any]]:
    """The added parameters, and their names where the optimizer keeps names."""
    entries: dict[str, list[Any]] = {
        "params": list(turnover.added),
        "param_names": [turnover.names[p] for p in turnover.added],
    }
    return {key: entries[key] for key in _lists(group)}


def _lists(group: dict[str, Any]) -> tuple[str, ...]:
    """Keys of a group whose values go parameter by parameter."""
    return tuple(key for key in ("params", "param_names") if key in group)


def _parameters(optimizer: Optimizer) -> Iterable[Tensor]:
    return (parameter for group in optimizer.param_groups for parameter in group["params"])
