"""What `torch.jit.script` is told, which cannot read these functions."""

from __future__ import annotations

from typing import NoReturn

from .errors import UnsupportedError


class Unscriptable:
    """A base of modules that `torch.jit.script` cannot compile: it says so, before it fails at some line of code."""

    def __prepare_scriptable__(self) -> NoReturn:
        """Raise UnsupportedError; `torch.jit.script` asks every module for this."""
        raise UnsupportedError(
            f"{type(self).__name__}: torch.jit.script reads the Python source of modules, and cannot read that of "
            "kernels with several providers; use torch.jit.trace or torch.export"
        )
