"""Every error a user can cause, with one wording: what was given, what was expected, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RectifiersError(Exception):
    """Base of all errors raised on purpose; the command line prints its message alone and exits with 2."""


class UnknownNameError(RectifiersError, LookupError):
    """A name that no registry knows."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        spellings = {known_name.lower(): known_name for known_name in names}
        near = [spellings[match] for match in difflib.get_close_matches(str(name).lower(), spellings, n=3, cutoff=0.5)]
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names) or 'none'}"
        super().__init__(f"unknown {kind} {name!r}; {hint}")
        self.kind, self.name, self.nearest = kind, name, tuple(near)

    def __reduce__(self) -> tuple[object, ...]:
        # The constructor does not take the message, so default unpickling (worker → parent) would fail.
        return _restore, (type(self), self.args, dict(self.__dict__))


class ShapeError(RectifiersError, ValueError):
    """A tensor whose shape or channel count does not fit."""


class DtypeError(RectifiersError, TypeError):
    """A tensor whose dtype the function is not defined for."""


class UnsupportedError(RectifiersError, NotImplementedError):
    """Something this function cannot do by its nature; its spec says so."""


class ConfigError(RectifiersError, ValueError):
    """A setting outside its domain."""


class DataError(RectifiersError):
    """Data that is missing, truncated, or not what it claims to be."""


class StoreError(RectifiersError):
    """A results folder that cannot be read, written, or belongs to something else."""


def _restore(cls: type[RectifiersError], args: tuple[object, ...], state: dict[str, object]) -> RectifiersError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error
