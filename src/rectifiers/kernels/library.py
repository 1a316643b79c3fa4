"""The compiled kernels in this process: found, loaded, and compared with the composites before anybody trusts them."""

from __future__ import annotations

import ctypes
import threading
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import torch

from . import build

PACKAGED = Path(__file__).parent / "cpu" / "librectifiers.so"


@dataclass(frozen=True)
class State:
    """What came of loading the kernels.

    Args:
        stems: stems whose kernels may be taken.
        origin: where they come from.
        reason: why there are none, or why some are missing.
        mismatches: what the comparison with the composite said, per stem.
    """

    stems: frozenset[str] = frozenset()
    origin: str = ""
    reason: str = ""
    mismatches: dict[str, str] = field(default_factory=dict)

    def why(self, stem: str) -> str:
        """Why a stem has no kernel here."""
        return self.mismatches.get(stem) or self.reason or "it has no kernel"


_lock = threading.RLock()
_state: State | None = None


def state(*, warn: bool) -> State:
    """The kernels of this process, loaded at the first call.

    Args:
        warn: say so, once, if there are none or not all.
    """
    global _state
    if _state is not None:
        return _state
    with _lock:
        if _state is None:
            # While they are compared, everything else runs by the composites.
            _state = State(reason="they are being loaded")
            _state = _load()
            if _state.reason and warn:
                warnings.warn(
                    f"rectifiers runs without its fast kernels: {_state.reason}", RuntimeWarning, stacklevel=2
                )
    return _state


def _load() -> State:
    from . import operators, selftest, stems

    try:
        path, origin = (PACKAGED, "packaged") if PACKAGED.exists() else build.find_or_build()
    except build.BuildError as error:
        return State(reason=str(error))
    try:
        operators.define()
        torch.ops.load_library(path)
    except OSError as error:
        return State(reason=f"{path} cannot be loaded: {error.__cause__ or error}")
    mismatches = selftest.mismatches()
    good = frozenset(stems.STEMS - mismatches.keys())
    reason = "; ".join(f"{stem}: {text}" for stem, text in mismatches.items())
    return State(good, f"cpu kernel, {_instruction_set(path)}, {origin}", reason, mismatches)


def _instruction_set(path: Path) -> str:
    function = ctypes.CDLL(str(path)).rectifiers_instruction_set
    function.restype = ctypes.c_char_p
    name: bytes = function()
    return name.decode()
