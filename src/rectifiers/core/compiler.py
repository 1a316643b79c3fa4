"""The C++ compiler of this machine: to be asked for without loading PyTorch."""

from __future__ import annotations

import os
import shutil
import sys

from .errors import ConfigError


def find_compiler() -> str:
    """The path of the compiler that builds kernels: what `CXX` names, or `c++`.

    Raises:
        ConfigError: there is none, or kernels are not built on such a system.
    """
    if sys.platform not in ("linux", "darwin"):
        raise ConfigError(f"they are not built on {sys.platform}")
    named = os.environ.get("CXX")
    compiler = shutil.which(named or "c++")
    if compiler is None:
        wrong = f", which names no program now: {named!r}" if named else ""
        raise ConfigError(f"no C++ compiler; install g++ or clang, or name one in CXX{wrong}")
    return compiler
