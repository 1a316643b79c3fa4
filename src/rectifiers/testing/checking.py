"""All checks of one thing, and what it costs."""

from __future__ import annotations

import importlib.util
import inspect
import re
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from .. import activations
from ..core.adapting import adapt, from_function
from ..core.errors import ConfigError
from ..core.factory import locate
from ..core.own_file import is_file_reference
from ..core.spec import ActivationSpec
from ..experiments.own import WANTED, kind_of, read, registries
from ..speed.measure import measure_at
from ..speed.subjects import Subject, make_yardsticks
from ..written import elementwise
from .checks import CHECKS, Check
from .report import CheckReport, Outcome, Price

_SHAPE = (16, 16, 32, 32)


def check(thing: Any, *, price: bool = True) -> CheckReport:
    """Find out whether an activation keeps the promises of this library's own; or a network, data set or augmentation.

    An activation's derivatives are compared with finite differences, in all dtypes with float64, in every layout, under
    `torch.compile`, export, ONNX and `torch.func`; it is saved, copied, and timed beside `nn.ReLU`.

    Args:
        thing: a class, or a function of one tensor; `FILE.py:NAME` or `package.module:NAME`; a formula without
            parameters, such as `"x*tanh(x)"`; or a registered name.
        price: measure time and memory as well.

    Returns:
        What came out of each check; `ok` where none failed.

    Raises:
        ConfigError: it is nothing that can be checked, or the file cannot be used.
        UnknownNameError: nothing of this name is registered; with the nearest ones.

    Example:
        >>> from rectifiers import elementwise
        >>> found = check(elementwise("x*tanh(x)", name="TanhGate"), price=False)
        >>> found.ok, [one.title for one in found.failed]
        (True, [])
    """
    kind, name, found = _find(thing)
    spec: ActivationSpec | None = found.spec if kind == "activation" else None
    outcomes = tuple(_carry_out(one, found, spec) for one in CHECKS[kind] if spec is None or one.applies(spec))
    return CheckReport(
        name=name,
        kind=kind,
        summary=(inspect.getdoc(found) or "").partition("\n")[0],
        thing=found,
        outcomes=outcomes,
        price=_measure(found) if price and spec is not None and spec.kind != "convolution" else None,
    )


def _find(thing: Any) -> tuple[str, str, Any]:
    """Kind, name and class of what is to be checked."""
    if isinstance(thing, str):
        if is_file_reference(thing):
            found = read(thing)
            return found.kind, found.attribute, found.thing
        if re.fullmatch(r"[\w.-]+", thing):
            return _find_registered(thing)
        return _find(locate(thing) if re.fullmatch(r"[\w.]+:[\w.]+", thing) else elementwise(thing))
    kind = kind_of(thing)
    if kind is None or (kind == "data set" and not isinstance(thing, type)):
        raise ConfigError(f"expected {WANTED}, got {thing!r}; of a module give its class")
    name = thing.__name__
    if kind == "activation":
        spec = getattr(thing, "spec", None)
        label = spec.name if isinstance(spec, ActivationSpec) else name
        return kind, label, adapt(thing if isinstance(thing, type) else from_function(thing), name, thing.__module__)
    return kind, name, thing


def _find_registered(name: str) -> tuple[str, str, Any]:
    for kind, registry in registries().items():
        if name in registry:
            return kind, name, registry.get(name)
    return "activation", name, activations.registry.get(name)  # raises, with the nearest names


def _carry_out(check: Check, thing: Any, spec: ActivationSpec | None) -> Outcome:
    reason = None if spec is None or check.capability is None else spec.unsupported.get(check.capability)
    if reason is not None:
        return Outcome(check.title, "cannot", reason)
    lacking = [name for name in check.needs if importlib.util.find_spec(name) is None]
    if lacking:
        return Outcome(check.title, "not tried", f'needs {lacking[0]}; install "rectifiers[{check.extra}]"')
    try:
        # What a function under test warns of is told by nobody's fault but its own, and breaks no promise.
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")
            torch.default_generator.manual_seed(0)  # and not those of GPUs, which nobody sets back
            check.run(thing)
    except Exception as error:  # Whatever a user's code raises is the answer.
        return Outcome(check.title, "failed", _story(error))
    return Outcome(check.title, "passed")


def _story(error: Exception) -> str:
    """The first sentence of an error; the class too, where the check did not word it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[:2])[:240]
    return text if isinstance(error, AssertionError) else f"{type(error).__name__}: {text}".rstrip(": ")


def _measure(cls: type[nn.Module]) -> Price | None:
    """Time and memory beside `nn.ReLU`; None where it fails, which the checks have told."""
    facts: Mapping[str, Any] = {"function": "", "checked": False}
    try:
        subject = Subject("this one", cls(), outputs=cls.spec.channel_factor[0], **facts)  # type: ignore[attr-defined]
        subject.module(torch.zeros(_SHAPE))
        timing = measure_at([subject, *make_yardsticks()], _SHAPE, "contiguous", 1, rounds=7)
    except Exception:  # As above.
        return None
    rows = {row.function: row for row in timing.rows}
    mine = rows["this one"]
    low, middle, high = mine.ratio
    return Price(_SHAPE, middle, (low, high), mine.bytes_kept or 0.0, rows["nn.PReLU"].ratio[1])
