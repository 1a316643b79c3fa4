"""The classes of the table of activations, for type checkers."""

from __future__ import annotations

from pathlib import Path

from rectifiers import activations

PATH = Path(activations.__file__).with_name("classes.py")
INTRODUCTION = '''\
"""The classes of `TABLE`, for type checkers and editors; nothing imports it. Written by `make docs`; edit `TABLE`."""

'''


def module() -> str:
    """The module that says to type checkers which classes `rectifiers` and `rectifiers.activations` offer."""
    targets = sorted(target.split(":") for target in activations.TABLE.values())
    return INTRODUCTION + "".join(f"from .{module} import {name} as {name}\n" for module, name in targets)
