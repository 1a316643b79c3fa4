"""Put a compiled library of kernels into the wheel, if one is given.

`RECTIFIERS_LIBRARY` names it. The wheel then is for Linux with this machine's glibc or a newer one, and for any Python;
without it the wheel is for every machine, and the kernels are built there at the first use.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PackagedKernels(BuildHookInterface):
    """Runs for wheels, before their files are gathered."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the library, and say which machines can load it."""
        given = os.environ.get("RECTIFIERS_LIBRARY")
        if not given or version == "editable":
            return
        library = Path(given).resolve()
        if not library.is_file():
            raise FileNotFoundError(f"RECTIFIERS_LIBRARY={given}: no such file; `make wheels` builds and names one")
        libc, release = platform.libc_ver()
        if libc != "glibc":
            raise RuntimeError("RECTIFIERS_LIBRARY: wheels with kernels are built on Linux with glibc; leave it unset")
        build_data["force_include"][str(library)] = "rectifiers/kernels/cpu/librectifiers.so"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-manylinux_{release.replace('.', '_')}_{platform.machine()}"
