"""The names in a swapped model's state dict, and what they were before the swap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ...core.elementwise import Elementwise, align_start
from ...core.errors import UnsupportedError
from ...core.wording import listing
from ...watching.kinds import spec_of
from ...watching.wrappers import check_whole, peel
from ..edits.absorb import AbsorbAffine, AbsorbOffset
from ..edits.edit import Undo
from ..edits.graph import keep_in_copies
from ..inserted.annealed import Annealed

_RENAMED = "_rectifiers_renamed"


def remember_names(model: nn.Module, before: Mapping[str, Any]) -> Undo:
    """Note in the model what became of the names in its state dict; return what removes the note.

    Args:
        model: the model after the swap.
        before: `model.state_dict(keep_vars=True)` before the swap.
    """
    after = model.state_dict(keep_vars=True)
    names = {id(value): name for name, value in after.items()}
    renamed = {
        name: name if after.get(name) is value or _stays(value, after.get(name)) else names.get(id(value))
        for name, value in before.items()
    }
    steps: list[dict[str, str | None]] = model.__dict__.setdefault(_RENAMED, [])
    steps.append(renamed)
    keep_in_copies(model, _RENAMED)

    def undo() -> None:
        steps.pop()
        if not steps:
            del model.__dict__[_RENAMED]

    return undo


def _stays(before: Any, after: Any) -> bool:
    """Return whether an entry that is not a tensor, and so is another object in every state dict, is still there."""
    return not isinstance(before, Tensor) and after is not None and not isinstance(after, Tensor)


def swapped_parts(model: nn.Module) -> list[str]:
    """Return the paths of the parts that were swapped by themselves, of which the model's own plans say nothing."""
    return [name for name, module in model.named_modules() if name and module.__dict__.get(_RENAMED)]


def base_state_dict(model: nn.Module, *, drop_learned: bool = False) -> dict[str, Any]:
    """Return the state dict of a swapped model in the form that the unswapped model loads, strictly.

    The parameters of the activations that were put in are left out.

    Args:
        model: a swapped model; of a model that is not swapped, it is the state dict itself.
        drop_learned: whether to leave out these parameters even if they have moved away from ReLU, or never were near
            it. The other weights have learned beside them, and may make little sense without them.

    Returns:
        Tensors that share memory with the model's, by the names that they had before the swap.

    Raises:
        UnsupportedError: the model is sharded, a part of it was swapped by itself, activations have learned something,
            or weights have another shape than before.

    Example:
        >>> from rectifiers import swap
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> report = swap(net, "pvlu", example=(1, 2))
        >>> list(net.state_dict()), list(base_state_dict(net))
        (['0.weight', '0.bias', '1.alpha', '1.beta'], ['0.weight', '0.bias'])
    """
    check_whole(model)
    inner = peel(model)
    parts = swapped_parts(inner)
    if parts:
        raise UnsupportedError(
            f"{listing(parts)} of this {type(inner).__name__} {'was' if len(parts) == 1 else 'were'} swapped apart "
            "from the rest; take the base_state_dict of each such part"
        )
    state = inner.state_dict(keep_vars=True)
    current: dict[str, str | None] = {name: name for name in state}
    for index, step in enumerate(inner.__dict__.get(_RENAMED, ())):
        current = step if index == 0 else {name: now and step.get(now) for name, now in current.items()}
    lost = [name for name, now in current.items() if now not in state]
    if lost:
        raise UnsupportedError(
            f"the swapped {type(inner).__name__} has no {listing(lost)} of the shape that the unswapped one needs; "
            "revert the swap, or save the model with its plan by rectifiers.save"
        )
    base = {name: state[now] for name, now in current.items() if now is not None}
    if not drop_learned:
        _check_unfolded(inner)
        _check_unlearned(inner, {id(value) for value in base.values()})
    return {name: value.detach() if isinstance(value, Tensor) else value for name, value in base.items()}


def _check_unfolded(model: nn.Module) -> None:
    plans = model.__dict__.get("_rectifiers_plans", ())
    if any(isinstance(edit, (AbsorbAffine, AbsorbOffset)) for plan in plans for edit in plan.edits):
        raise UnsupportedError(
            f"layers of this {type(model).__name__} have taken over what its functions had learned, and fit its folded "
            "form alone; revert the fold, save the model by rectifiers.save, or take the weights nevertheless with "
            "drop_learned=True"
        )


def _check_unlearned(model: nn.Module, kept: set[int]) -> None:
    dropped = {parameter: name for name, parameter in model.named_parameters() if id(parameter) not in kept}
    for module in model.modules():
        if _is_relu(module) or _is_fitted(module):
            for parameter in module.parameters():
                dropped.pop(parameter, None)
    annealed = [f"{name}.reached" for name, module in model.named_modules() if _is_under_way(module)]
    if dropped or annealed:
        raise UnsupportedError(
            f"{listing([*dropped.values(), *annealed])} would be lost, and the unswapped {type(model).__name__} would "
            "compute something else; leave them out nevertheless with drop_learned=True, or save the model by "
            "rectifiers.save"
        )


def _is_relu(module: nn.Module) -> bool:
    """Return whether an activation of this library has the parameters with which it is ReLU, or nearest to it."""
    spec = spec_of(module)
    if spec is None:
        return False
    deciding = [parameter for parameter in spec.parameters if parameter.relu is not None]
    return bool(deciding) and all(_equals(getattr(module, one.name), one.relu) for one in deciding)


def _is_fitted(module: nn.Module) -> bool:
    """Return whether an activation has the parameters that were fitted to what was there before the swap."""
    # Modules that were pickled by older releases have no such attribute.
    fitted = getattr(module, "fitted", {}) if isinstance(module, Elementwise) else {}
    return bool(fitted) and all(
        _equals(getattr(module, name), value) for name, value in fitted.items() if not callable(value)
    )


def _is_under_way(module: nn.Module) -> bool:
    """Return whether an activation has left what was there for a plain rectifier."""
    return isinstance(module, Annealed) and bool(module.reached)


def _equals(tensor: Tensor, value: float | tuple[Any, ...] | None) -> bool:
    """Return whether every unit has this value or these coefficients, or each channel its own."""
    return value is not None and bool((tensor == align_start(value, tensor)).all())
