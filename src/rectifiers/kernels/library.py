"""The provider of the kernels in C++.

Their library is found or built, loaded, and compared with the references before anybody trusts it.
"""

from __future__ import annotations

import ctypes
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from ..core.errors import ConfigError
from . import build, dispatch, nodes, operators, selftest
from .formulas import VARIANTS
from .provider import LOADING, Provider, State

PACKAGED = Path(__file__).parent / "cpu" / "librectifiers.so"


_lock = threading.RLock()
_state: State | None = None


def state(*, warn: bool) -> State:
    """The kernels of this process, loaded at the first call.

    Args:
        warn: say so, once, if there are none or not all.
    """
    global _state
    if _state is not None and _state is not LOADING:
        return _state
    with _lock:
        if _state is None:
            _state = LOADING
            try:
                _state = _load()
            except BaseException:  # Whoever interrupts a compiler may call again.
                _state = None
                raise
            if _state.reason and warn:
                warnings.warn(
                    f"rectifiers runs without its fast kernels: {_state.reason}", RuntimeWarning, stacklevel=2
                )
    return _state


def build_before_workers() -> None:
    """Compile what is not compiled yet, or wait as long as another process may take for it.

    Workers would all wait for one of them, and none of them for very long.

    Raises:
        ConfigError: they cannot be compiled.
    """
    if not PACKAGED.exists():
        try:
            _find_or_build(build.BUILD_SECONDS)
        except build.BuildError as error:
            raise ConfigError(f"kernels=cpu: {error}; kernels=reference does without") from None


def _find_or_build(patience: float | None = None) -> tuple[Path, str, Path | None]:
    """Both libraries, compiled at the same time where that is still to be done, and where the first one is from."""
    with ThreadPoolExecutor(max_workers=1) as builder:
        found = builder.submit(nodes.find_or_build, patience)
        path, origin = build.find_or_build(patience=patience)
        return path, origin, found.result()


def _load() -> State:
    try:
        # A user of packaged kernels waits for no compiler.
        path, origin, compiled = (PACKAGED, "packaged", None) if PACKAGED.exists() else _find_or_build()
    except build.BuildError as error:
        return State(reason=str(error))
    try:
        operators.define()
        torch.ops.load_library(path)
    except OSError as error:
        return State(reason=f"{path} cannot be loaded: {error.__cause__ or error}")
    if compiled is not None:
        operators.define_for_nodes()
        nodes.load(compiled)
        operators.prepare_for_nodes()
    mismatches = selftest.mismatches()
    good = frozenset(VARIANTS.keys() - mismatches.keys())
    reason = "; ".join(f"{formula}: {text}" for formula, text in mismatches.items())
    description = f"cpu kernel, {_instruction_set(path)}"
    return State(good, f"{description}, {nodes.describe()}, {origin}", reason, mismatches, description)


def _instruction_set(path: Path) -> str:
    function = ctypes.CDLL(str(path)).rectifiers_instruction_set
    function.restype = ctypes.c_char_p
    name: bytes = function()
    return name.decode()


class Compiled(Provider):
    """The compiled library, for the processor's tensors."""

    name = "cpu"
    priority = 20

    def takes(self, x: Tensor, insisted: bool) -> bool:
        """Whether an input is this provider's to run."""
        return x.is_cpu

    def state(self, formula: str, warn: bool) -> State:
        """What came of loading the library, with all its kernels."""
        return state(warn=warn)

    def load(self) -> State:
        """What came of loading the library."""
        return state(warn=False)

    def is_reported(self, insisted: bool) -> bool:
        """Whether a user wants to know how formulas run on this provider: always."""
        return True


dispatch.register(Compiled())
