"""Activations that a swap leaves as they are, because it cannot change the code that calls them."""

from __future__ import annotations

from torch import nn

from ..watching.scripted import find_scripted
from ..watching.sites import Site
from ..watching.survey import Survey
from ..watching.trace import Trace
from ..watching.wrappers import fixed_parts, is_scripted
from ..watching.written_out import find_written_out
from .inserted.derived import can_derive
from .planning.planned import Left


def out_of_reach(survey: Survey, kinds: frozenset[str]) -> list[Left]:
    """Return the activations of the kinds asked for that are no sites: in fixed code, hooks, threads, or written out.

    Args:
        survey: what the example shows of the model.
        kinds: the kinds of activation that are asked for.
    """
    trace = survey.trace
    return [*unseen(survey.model, kinds), *_called_elsewhere(trace, kinds), *_written_out(trace, kinds)]


def unseen(model: nn.Module, kinds: frozenset[str]) -> list[Left]:
    """Return what no example shows of a model: scripted parts and functions, and fused recurrent layers."""
    left = [
        Left(name, word, advice.partition(": ")[2])
        for name, (word, advice) in fixed_parts(model).items()
        if is_scripted(model.get_submodule(name))
    ]
    for name, module in model.named_modules():
        kind = getattr(module, "nonlinearity", None)
        if isinstance(module, (nn.RNN, nn.RNNCell)) and kind in kinds:
            reason = (
                f"it is inside PyTorch's fused {type(module).__name__}: write the recurrence in Python to change it"
            )
            left.append(Left(name or type(model).__name__, str(kind), reason))
    for call in find_scripted(model):
        if call.kind in kinds:
            reason = f"the scripted function {call.function} calls it, whose code is fixed; call a function of Python"
            left.append(Left(call.path or type(model).__name__, call.kind, reason))
    return left


def _called_elsewhere(trace: Trace, kinds: frozenset[str]) -> list[Left]:
    """Return the activations of the kinds asked for that hooks call, and a note if other threads may call some."""
    name = type(trace.model).__name__
    hooked = [
        Left(
            path or name,
            kind,
            "a hook of it calls this function; call it in a method, or let the hook call a module that the model has",
        )
        for path, kind in dict.fromkeys(trace.hooked)
        if kind in kinds
    ]
    if not trace.threads:
        return hooked
    reason = "functions that its threads call are not seen; let the thread that calls the model call them"
    return [*hooked, Left(name, "in other threads", reason)]


def _written_out(trace: Trace, kinds: frozenset[str]) -> list[Left]:
    """Return the activations that are written out in several operations, of the kinds that are asked for."""
    return [
        Left(
            found.path or "the model",
            found.kind,
            f"it is written out as {found.formula}; put one function or module there, such as {_ONE[found.kind]}",
        )
        for found in find_written_out(trace)
        if found.kind in kinds
    ]


_ONE = {"swish": "F.silu", "gelu": "F.gelu", "mish": "F.mish", "quick_gelu": "a module that returns the formula alone"}


def split_fixed(model: nn.Module, sites: list[Site]) -> tuple[list[Site], list[Left]]:
    """Return the sites that can be changed, and those that are in a part whose code is fixed."""
    parts = fixed_parts(model)
    changeable, left = [], []
    for site in sites:
        part = next((name for name in parts if site.path == name or site.path.startswith(f"{name}.")), None)
        if part is None:
            changeable.append(site)
        else:
            left.append(Left(site.name, site.kind, f"{part} {parts[part][1]}"))
    return changeable, left


def in_fixed_class(model: nn.Module, site: Site) -> str:
    """Return why the module that makes a site's calls cannot get another class, as it must; empty if it can."""
    caller = type(model.get_submodule(site.scope))
    if site.call == "module" or can_derive(caller):
        return ""
    return (
        f"{caller.__name__} names a class such as abc.ABC or typing.Generic in front of nn.Module, so that Python does "
        "not let its modules change their class; name nn.Module first"
    )
