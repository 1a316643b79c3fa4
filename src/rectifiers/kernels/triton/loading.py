"""Whether Triton's kernels can be had in this process; imports Triton only when that is asked."""

from __future__ import annotations

import threading
import warnings
from functools import cache
from importlib.util import find_spec

import torch

from ..library import State

_lock = threading.RLock()
_states: dict[str, State] = {}
_LOADING = State(reason="they are being loaded")


def state(stem: str, *, warn: bool) -> State:
    """What came of loading one stem's kernels: compiling all of them would keep the first caller waiting.

    Args:
        stem: family of formulas.
        warn: say so, once, if they cannot be had.
    """
    found = _states.get(stem, _LOADING)
    if found is not _LOADING:
        return found
    with _lock:
        if stem not in _states:
            # While they are compared, everything else in this thread runs by the composites.
            _states[stem] = _LOADING
            _states[stem] = found = _load(stem)
            if warn and stem not in found.stems:
                text = f"rectifiers runs {stem} without its GPU kernel: {found.why(stem)}"
                warnings.warn(text, RuntimeWarning, stacklevel=2)
        return _states[stem]


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


def _load(stem: str) -> State:
    from .. import selftest

    where = device()
    if where is None:
        lack = "Triton is not installed" if find_spec("triton") is None else "there is no CUDA device"
        return State(reason=f"{lack}; TRITON_INTERPRET=1 has Triton, where installed, interpret its kernels")
    _register(where)
    try:
        mismatches = selftest.mismatches(where, stem)
    except Exception as error:  # Whatever Triton, its compiler or the driver raise, the composite serves.
        return State(reason=f"it failed: {type(error).__name__}: {error}")
    origin = "triton kernel, interpreted" if where == "cpu" else f"triton kernel, {torch.cuda.get_device_name()}"
    return State(frozenset({stem} - mismatches.keys()), origin, mismatches=mismatches)


@cache
def _register(where: str) -> None:
    from .. import operators as schemas
    from . import operators

    schemas.define()
    operators.register(where.upper())
