"""Selecting the sites to change: by kind, and by name or position in forward order."""

from __future__ import annotations

import numbers
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import nn

from ..core.errors import ConfigError, UnknownNameError
from ..core.wording import plural
from ..watching.sites import Site

Where = str | int | slice | re.Pattern[str] | Callable[[Site], bool] | Iterable["str | int"]
"""`all`, `first` or `last`; `R1`, `R2` or `R3` of the ConvReLU paper: the first stage, the last stage, or everywhere;
`stage:2`; the name of a site, or of a module that has sites inside; an index; a slice; a pattern for names; a function
of a `Site`; or several names and indices."""


def select(
    sites: Sequence[Site], where: Where = "all", kinds: frozenset[str] = frozenset({"relu", "relu6"})
) -> list[Site]:
    """Return the sites of one of `kinds` that `where` selects, in forward order.

    Indices, slices, `first`, `last`, `R1`, `R2` and `stage:…` count only sites of these kinds, without those that are
    called in training mode only.

    Raises:
        ConfigError: an index is out of range, or `where` is none of what `Where` lists.
        UnknownNameError: there is no site of such a name.
    """
    candidates = [site for site in sites if site.kind in kinds]
    where = settle(where)
    if isinstance(where, (str, int, slice, re.Pattern)) or callable(where):
        chosen = _pick(candidates, where)
    else:
        chosen = [site for part in where for site in _pick(candidates, part)]
    indices = {site.index for site in chosen}
    return [site for site in candidates if site.index in indices]


def settle(where: Any) -> Any:
    """Return places in a form that can be gone through more than once, with plain numbers in place of NumPy's.

    Raises:
        ConfigError: `where` is none of what `Where` lists.
    """
    if isinstance(where, nn.Module):
        raise ConfigError(f"where takes the name of a module or of a site, not the {type(where).__name__} itself")
    if isinstance(where, (str, slice, re.Pattern, bool)) or callable(where):
        return where
    if isinstance(where, numbers.Integral):
        return int(where)
    if isinstance(where, Iterable):
        return [settle(part) for part in where]
    raise ConfigError(f"where must be a word, a name, an index, a slice, a pattern or a function, got {where!r}")


def _pick(sites: list[Site], where: str | int | slice | re.Pattern[str] | Callable[[Site], bool]) -> list[Site]:
    if isinstance(where, str):
        return _named(sites, where)
    if isinstance(where, re.Pattern):
        return [site for site in sites if where.search(site.name)]
    ordered = _ordered(sites)
    if isinstance(where, slice):
        return ordered[where]
    if isinstance(where, int) and not isinstance(where, bool):
        if not -len(ordered) <= where < len(ordered):
            raise ConfigError(f"where={where} is out of range for {plural(len(ordered), 'site')}")
        return [ordered[where]]
    if callable(where):
        return [site for site in sites if where(site)]
    raise ConfigError(f"where must be a word, a name, an index, a slice, a pattern or a function, got {where!r}")


def _ordered(sites: list[Site]) -> list[Site]:
    return [site for site in sites if not site.training_only]


def _named(sites: list[Site], where: str) -> list[Site]:
    if where in ("all", "R3"):
        return sites
    ordered = _ordered(sites)
    if where == "first":
        return ordered[:1]
    if where == "last":
        return ordered[-1:]
    if where == "R1":
        return [site for site in ordered if site.stage == ordered[0].stage]
    if where == "R2":
        return [site for site in ordered if site.stage == ordered[-1].stage]
    if where.startswith("stage:"):
        return _stage(ordered, where)
    chosen = [site for site in sites if site.name == where] or [site for site in sites if _within(site, where)]
    if not chosen:
        names = {site.name for site in sites} | {"all", "first", "last", "R1", "R2", "R3"}
        raise UnknownNameError("activation site", where, names)
    return chosen


def _stage(sites: list[Site], where: str) -> list[Site]:
    stages = sorted({site.stage for site in sites})
    try:
        stage = stages[int(where.removeprefix("stage:"))]
    except (ValueError, IndexError):
        raise ConfigError(f"where={where!r}: expected stage:0 to stage:{len(stages) - 1}, or stage:-1") from None
    return [site for site in sites if site.stage == stage]


def _within(site: Site, name: str) -> bool:
    return any(path == name or path.startswith(f"{name}.") for path in site.paths)
