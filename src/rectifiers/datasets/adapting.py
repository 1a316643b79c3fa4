"""A data set that somebody else makes by a function, or holds as a value."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from .dataset import Dataset
from .source import Availability, Source


def as_source(thing: type[Source] | Source | Callable[..., Dataset], name: str, origin: str) -> type[Source]:
    """A class of sources: as it is, or for one source or a function that returns the data set.

    Args:
        thing: a class of sources, a source, or a function that takes the data folder or nothing.
        name: what the data set is called.
        origin: where it comes from, for errors.

    Raises:
        ConfigError: it is none of these.
    """
    if isinstance(thing, type) and issubclass(thing, Source):
        return thing
    if isinstance(thing, type) or not (isinstance(thing, Source) or callable(thing)):
        raise ConfigError(f"{origin}: expected a Source, or a function that returns a Dataset, got {thing!r}")
    held = thing if isinstance(thing, Source) else None
    given = () if held is not None or not inspect.signature(thing).parameters else ("data_dir",)  # type: ignore[arg-type]

    def load(self: Source, data_dir: Path) -> Dataset:
        if held is not None:
            return held.load(data_dir)
        found: Any = thing(data_dir) if given else thing()  # type: ignore[operator]
        if not isinstance(found, Dataset):
            raise ConfigError(
                f"{origin} returned something of type {type(found).__name__}; expected a rectifiers.datasets.Dataset"
            )
        return replace(found, name=name)

    def look(self: Source, data_dir: Path) -> Availability:
        return Availability() if held is None else held.look(data_dir)

    first = (inspect.getdoc(thing) or f"From {origin}.").splitlines()[0]
    module = type(thing).__module__ if held is not None else thing.__module__
    return type(name, (Source,), {"load": load, "look": look, "__doc__": first, "__module__": module})
