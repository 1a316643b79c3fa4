"""The provider of the kernels in Triton, which is imported only when one is asked for."""

from __future__ import annotations

import threading
import warnings
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from .. import dispatch, gate, operators, pooled_conv, random_slopes, selftest
from ..provider import LOADING, Provider, State

_lock = threading.RLock()
_states: dict[str, State] = {}


def state(formula: str, *, warn: bool) -> State:
    """What came of loading one formula's kernel: compiling all of them would keep the first caller waiting.

    Args:
        formula: name of the formula.
        warn: say so, once, if they cannot be had.
    """
    found = _states.get(formula, LOADING)
    if found is not LOADING:
        return found
    with _lock:
        if formula not in _states:
            _states[formula] = LOADING
            try:
                _states[formula] = found = _load(formula)
            except BaseException:  # Whoever interrupts a compiler may call again.
                del _states[formula]
                raise
            if warn and formula not in found.formulas:
                text = f"rectifiers runs {formula} without its GPU kernel: {found.why(formula)}"
                warnings.warn(text, RuntimeWarning, stacklevel=2)
        return _states[formula]


@cache
def device() -> str | None:
    """Where the kernels would run: `cuda`; `cpu` if Triton's variable TRITON_INTERPRET asks for that; or None."""
    try:
        import triton
    except ImportError:
        return None
    if triton.knobs.runtime.interpret:
        return "cpu"
    return "cuda" if torch.cuda.is_available() else None


def _load(formula: str) -> State:
    where = device()
    if where is None:
        return _nowhere()
    _register(where)
    try:
        mismatches = selftest.mismatches(where, formula)
    except Exception as error:  # Whatever Triton, its compiler or the driver raise, the reference serves.
        return State(reason=f"it failed: {type(error).__name__}: {error}")
    origin = _describe(where)
    return State(frozenset({formula} - mismatches.keys()), origin, mismatches=mismatches)


def _nowhere() -> State:
    lack = "Triton is not installed" if find_spec("triton") is None else "there is no CUDA device"
    return State(reason=f"{lack}; TRITON_INTERPRET=1 has Triton, where installed, interpret its kernels")


def _describe(where: str) -> str:
    return "triton kernel, interpreted" if where == "cpu" else f"triton kernel, {torch.cuda.get_device_name()}"


@cache
def _register(where: str) -> None:
    from .operators import register

    operators.define()
    register(where.upper())


class Triton(Provider):
    """Triton's kernels, for a GPU's tensors or, where Triton interprets, for those of the processor."""

    name = "triton"
    priority = 10
    lacks = frozenset({gate.NAME, pooled_conv.NAME, random_slopes.NAME})

    def takes(self, x: Tensor, insisted: bool) -> bool:
        """Whether an input is this provider's to run; if it can run none at all, its error is to be seen."""
        return (x.is_cuda or insisted) and x.dtype is not torch.float64 and device() in (None, x.device.type)

    def state(self, formula: str, warn: bool) -> State:
        """What came of loading one formula's kernel."""
        return state(formula, warn=warn)

    def load(self) -> State:
        """Whether kernels can run here; each is compiled and compared at its first call."""
        where = device()
        return _nowhere() if where is None else State(description=_describe(where))

    def is_reported(self, insisted: bool) -> bool:
        """Whether a user wants to know how formulas run on this provider: who chose it, or has a GPU."""
        return insisted or device() == "cuda"

    def explain(self, formula: str, insisted: bool) -> str:
        """How a formula runs on this provider, and why."""
        return f"{'' if insisted else 'on CUDA: '}{super().explain(formula, insisted)}"


dispatch.register(Triton())
