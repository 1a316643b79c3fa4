"""Every error that a user can cause; messages say what was given, what was expected, and what to do.

RectifiersError
├── UnknownNameError (LookupError)
├── ShapeError (ValueError)
├── DtypeError (TypeError)
├── UnsupportedError (NotImplementedError)
├── ConfigError (ValueError)
├── DataError
└── StoreError
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from .other_names import meant


class RectifiersError(Exception):
    """The base of all errors raised on purpose; the command line prints only the message and exits with 2."""


class UnknownNameError(RectifiersError, LookupError):
    """A name that is not among the known ones; the message has what it is called here, or the nearest."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        spellings = {known_name.lower(): known_name for known_name in names}
        close = difflib.get_close_matches(str(name).lower(), spellings, n=3, cutoff=0.5)
        alias = meant(str(name))
        near = [alias] if alias in names else [spellings[match] for match in close]
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names) or 'none'}"
        super().__init__(f"unknown {kind} {name!r}; {hint}")
        self.kind, self.name, self.nearest = kind, name, tuple(near)

    def __reduce__(self) -> tuple[object, ...]:
        # The constructor does not take the message, so that default unpickling (worker → parent) would fail.
        return _restore, (type(self), self.args, dict(self.__dict__))


class ShapeError(RectifiersError, ValueError):
    """A tensor whose shape or number of channels does not fit."""


class DtypeError(RectifiersError, TypeError):
    """A tensor of a dtype for which the function is not defined."""


class UnsupportedError(RectifiersError, NotImplementedError):
    """Something that a function or model cannot do by its nature."""


class ConfigError(RectifiersError, ValueError):
    """An argument or setting outside its domain."""


class DataError(RectifiersError):
    """Data that is missing, truncated, or not what it claims to be."""


class StoreError(RectifiersError):
    """A folder of results that cannot be read or written, or that belongs to something else."""


def _restore(cls: type[RectifiersError], args: tuple[object, ...], state: dict[str, object]) -> RectifiersError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error
