"""Sites in both modes: a model may call other activations in training than in evaluation, or in another order."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace

from .sites import Located, Site


def join_modes(located: Iterable[Located], in_training: Collection[Located]) -> list[Located]:
    """Join the sites of both modes; those that only training mode reaches come last, so that others keep their indices.

    Args:
        located: the sites of a forward pass in evaluation mode.
        in_training: those of one in training mode.
    """
    located = _mark_unreached(_join_overwritten(located, in_training), in_training)
    # Where training mode calls a module in a way that the code does not tell apart, all its calls are counted.
    counted = {entry.site.path for entry in in_training if entry.site.call == "reused" and entry.site.place is None}
    located = [
        Located(replace(entry.site, place=None, elsewhere=()), entry.ops)
        if entry.site.call == "reused" and entry.site.path in counted
        else entry
        for entry in located
    ]
    modules = {entry.site.path for entry in located if entry.site.call != "function"}
    known = [entry.site for entry in located if entry.site.call == "function" or entry.site.place is not None]
    placed = {site.path for site in known if site.call == "reused"}
    more = []
    # Models that checkpoint do so in training mode only.
    recomputed = {entry.site.path for entry in in_training if entry.site.recomputed}
    located = [
        Located(replace(entry.site, recomputed=True), entry.ops)
        if entry.site.path in recomputed and entry.site.call == "function" and entry.site.place is None
        else entry
        for entry in located
    ]
    for entry in in_training:
        if entry.site.path in modules and (entry.site.path not in placed or entry.site.place is None):
            continue
        if entry.site.call == "function" or entry.site.path in placed:
            site = _unless_known(entry.site, known)
            if site is None:
                continue
            known.append(site)
            entry = Located(site, entry.ops)
        more.append(entry)
    return located + [
        Located(replace(entry.site, index=index, training_only=True), entry.ops)
        for index, entry in enumerate(more, start=len(located))
    ]


def _unless_known(site: Site, known: Iterable[Site]) -> Site | None:
    """Return a site with a number and a name of its own; None if it is among those known already.

    A place in the code tells for certain; a number does only where there is no place.
    """
    near = [other for other in known if other.path == site.path and other.call == site.call]
    if site.place is not None and any(other.place == site.place for other in near):
        return None
    if any(None in (site.place, other.place) and other.number == site.number for other in near):
        return None
    names, numbers = {other.name for other in near}, {other.number for other in near}
    base = site.name.partition("#")[0]
    spare = (f"{base}#{count}" for count in itertools.count(2))
    return replace(
        site,
        number=max(numbers) + 1 if site.number in numbers else site.number,
        name=next(name for name in (site.name, *itertools.islice(spare, len(names) + 1)) if name not in names),
    )


def _join_overwritten(located: Iterable[Located], in_training: Iterable[Located]) -> list[Located]:
    """Take over what is written over in training mode only, as by dropout."""
    others = {(entry.site.call, entry.site.path, entry.site.number): entry.site for entry in in_training}
    joined = []
    for entry in located:
        site = entry.site
        other = others.get((site.call, site.path, site.number), site)
        both = (site.input_overwritten or other.input_overwritten, site.output_overwritten or other.output_overwritten)
        if both != (site.input_overwritten, site.output_overwritten):
            entry = Located(replace(site, input_overwritten=both[0], output_overwritten=both[1]), entry.ops)
        joined.append(entry)
    return joined


def _mark_unreached(located: Iterable[Located], in_training: Iterable[Located]) -> list[Located]:
    """Mark the sites that training mode does not reach."""
    there = {key for entry in in_training for key in _keys(entry.site)}
    return [
        Located(replace(entry.site, evaluation_only=there.isdisjoint(_keys(entry.site))), entry.ops)
        for entry in located
    ]


def _keys(site: Site) -> set[tuple[str, object]]:
    """Return what tells a site in both modes: the names of a module; a function's place, or else its number."""
    if site.call != "function":
        return {(path, None) for path in (*site.paths, *site.aliases)}
    return {(site.path, site.number if site.place is None else site.place)}


def find_reordered_modules(located: Iterable[Located], in_training: Iterable[Located]) -> list[str]:
    """Return the paths of modules that call activations in another order in training mode.

    Args:
        located: the sites of a forward pass in evaluation mode.
        in_training: those of one in training mode.
    """

    def orders(entries: Iterable[Located]) -> dict[str, list[tuple[object, ...]]]:
        # A place in the code does not depend on the order.
        sites = [entry.site for entry in entries if entry.site.call != "module" and entry.site.place is None]
        numbered: dict[str, list[tuple[object, ...]]] = defaultdict(list)
        for site in sorted(sites, key=lambda site: site.number):
            numbered[site.path].append((site.number, site.kind, site.shape[1:]))
        return numbered

    there = orders(in_training)
    return [path for path, calls in orders(located).items() if path in there and there[path][: len(calls)] != calls]
