"""Decides where the function at each site starts: as published, at ReLU, or fitted to what was there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ...activations import create, registry
from ...core.elementwise import Elementwise
from ...core.errors import ConfigError
from ...core.fitting import Points
from ...core.granularity import Granularity
from ...core.matching import match, match_channels
from ...watching.sites import Site
from ..edits.recipe import Recipe
from .by_channel import ChannelPoints, channel_points
from .planned import SiteStart, Start
from .seen import Seen, call_on, pool, see_values
from .target import Target

NEAR = 0.1
"""The greatest error at which a fit is taken without being asked for."""
ROUNDING = 0.5
"""The greatest error that is due to rounding, in units of the dtype's precision."""


def decide_starts(
    model: nn.Module,
    all_sites: Collection[Site],
    sites: Sequence[Site],
    target: Target,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    loader: Iterable[Any] | None = None,
) -> Target:
    """Return `target` with a start for every site; the model runs once more if one of them is not simply at ReLU.

    Args:
        model: any module; left as it was.
        all_sites: all its sites.
        sites: those that are to be changed.
        target: what to put in.
        args: positional arguments of the model.
        kwargs: keyword arguments of the model.
        loader: batches whose values count instead of the example's.
    """
    spec = target.spec
    # What is added to a function that stays starts at ReLU, whatever that function is.
    if spec is None or not _is_ours(spec.name) or spec.channel_factor != (1, 1) or target.begin == "added":
        return target
    open_sites = [site for site in sites if _wish(site, target) != "relu" or target.relu_start(site) != "exact"]
    if not open_sites:
        return target
    by_channel = target.share == "channel" and any(_wish(site, target).startswith("fit") for site in open_sites)
    seen = see_values(model, all_sites, [site.name for site in open_sites], args, kwargs, loader, by_channel=by_channel)
    if target.share_calls:
        seen = _pool_calls(open_sites, seen)
    starts: dict[int, SiteStart] = {}
    known: dict[Any, SiteStart] = {}
    # Numbers are fitted on the CPU, whatever the default device.
    with torch.device("cpu"):
        for site in open_sites:
            found = seen[site.name].points()
            if found is None:
                starts[site.index] = _unseen(site, target)
                continue
            points, shown = found
            each = (part for pair in seen[site.name].channels for part in pair)
            bits = (part.double().numpy().tobytes() for part in (points.x, points.y, *each))
            key = (site.kind, site.dtype, *site.settings.items(), *bits)
            if key not in known:
                known[key] = _decide(site, target, seen[site.name], points, shown)
            starts[site.index] = known[key]
    return replace(target, starts=starts)


def _is_ours(name: str) -> bool:
    """Return whether a registered class is made as this library's are, whose parameters a spec describes."""
    cls = registry.get(name)
    return isinstance(cls, type) and issubclass(cls, Elementwise)


def _pool_calls(sites: Sequence[Site], seen: Mapping[str, Seen]) -> dict[str, Seen]:
    """Return for each call of a module what all its calls saw, because they share one activation."""
    groups: dict[tuple[str, str, str], list[Seen]] = {}
    for site in sites:
        groups.setdefault((site.call, site.path, site.kind), []).append(seen[site.name])
    return {site.name: pool(groups[site.call, site.path, site.kind]) for site in sites}


def _wish(site: Site, target: Target) -> Literal["published", "relu", "fit", "fit if near"]:
    """Return what to try at a site."""
    spec = target.spec
    assert spec is not None
    if target.begin == "published" or target.starting_options or "relu_like" in target.options:
        return "published"
    if target.begin == "relu" or (site.rectifies and (target.begin is None or spec.relu_start == "exact")):
        return "published" if spec.relu_start == "none" else "relu"
    if not spec.parameters:
        return "published"
    return "fit" if target.begin == "was" else "fit if near"


def _unseen(site: Site, target: Target) -> SiteStart:
    """Return the start at a site whose values the example does not show."""
    wish = _wish(site, target)
    asked = wish in ("fit", "fit if near")
    start, at = _unfitted(site, target, "published" if wish == "published" else "relu")
    return SiteStart(start, at, note="the example shows no values here, so that nothing is fitted" if asked else "")


def _decide(site: Site, target: Target, seen: Seen, points: Points, shown: Tensor) -> SiteStart:
    wish, spec = _wish(site, target), target.spec
    assert spec is not None
    if wish in ("published", "relu"):
        start, at = _unfitted(site, target, wish)
        begun = SiteStart(start, at)
        begun = replace(begun, error=_error(_recipe(site, target, begun), points, shown))
        if target.begin == "was" and not spec.parameters and not site.rectifies:
            begun = replace(begun, note=f"{spec.title} has no parameters that could be fitted to {site.kind}")
        return begun
    capped = site.settings.get("cap") and target.cap == "keep"
    aim = replace(points, y=points.x.relu()) if capped else points
    try:
        begun = SiteStart("near", "fitted", fitted=match(_maker(target), aim))
    except (ConfigError, TypeError) as error:
        start, at = _unfitted(site, target, "relu")
        return SiteStart(start, at, note=f"{spec.title} cannot be fitted, which takes all of Granularity: {error}")
    recipe = _recipe(site, target, begun)
    begun = replace(begun, error=_error(recipe, points, shown))
    if _same_bits(recipe, seen, site, points.x):
        return replace(begun, start="exact", error=None)
    if begun.error is not None and begun.error <= ROUNDING * torch.finfo(site.dtype).eps:
        return replace(begun, start="equal", error=None)
    if (each := channel_points(seen, points)) is not None:
        begun = _fit_channels(site, target, begun, each, capped=bool(capped))
    if wish == "fit" or begun.error is None or begun.error <= NEAR:
        return begun
    start, at = _unfitted(site, target, "relu")
    other = SiteStart(start, at)
    where = "starts at ReLU" if at == "relu" else "starts as published"
    return replace(
        other,
        error=_error(_recipe(site, target, other), points, shown),
        note=f"{spec.title} comes within {100 * begun.error:.2g} % of {site.kind} at best, and so {where}; "
        "start='was' takes the nearest",
    )


def _fit_channels(site: Site, target: Target, begun: SiteStart, each: ChannelPoints, *, capped: bool) -> SiteStart:
    """Return a start with values for each channel, if these come nearer than those for all of them."""
    points = replace(each.points, y=each.points.x.relu()) if capped else each.points
    apart = replace(begun, fitted=match_channels(_maker(target), points, dict(begun.fitted)))
    before, after = (_channel_error(_recipe(site, target, start, by_channel=True), each) for start in (begun, apart))
    if before is None or after is None or after >= before:
        return begun
    if after <= ROUNDING * torch.finfo(site.dtype).eps:
        return replace(apart, start="equal", error=None)
    return replace(apart, error=after)


def _unfitted(
    site: Site, target: Target, wish: Literal["published", "relu"]
) -> tuple[Start, Literal["published", "relu"]]:
    spec = target.spec
    assert spec is not None
    if wish == "published" or spec.relu_start == "none":
        return "published" if spec.parameters or target.begin == "published" else "other", "published"
    return target.relu_start(site), "relu"


def _maker(target: Target) -> partial[Any]:
    own = {name: value for name, value in target.options.items() if name not in Granularity.__annotations__}
    return partial(create, str(target.activation), **own)


def _recipe(site: Site, target: Target, begun: SiteStart, *, by_channel: bool = False) -> Recipe:
    """Return the recipe for a site with such a start, for a row of numbers instead of the site's values.

    Args:
        site: the site.
        target: what to put in.
        begun: the start.
        by_channel: whether it is to be for numbers of shape (N, C).
    """
    recipe = replace(target, starts={site.index: begun}).recipe(site)
    own = {name: value for name, value in recipe.settings.items() if name not in ("channels", "channel_dim")}
    spec = target.spec
    assert spec is not None
    # A class of the user's may not take an argument that it does not need.
    shared: dict[str, Any] = {"share": "layer"} if "share" in own or spec.share != "layer" else {}
    if by_channel:
        shared = {"share": "channel", "channels": site.channels}
    return replace(recipe, settings={**own, **shared}, write_back=False)


def _values(recipe: Recipe, x: Tensor) -> Tensor | None:
    """Return what a function makes of numbers; None for one that starts at random."""
    with torch.random.fork_rng(devices=()):
        module = recipe.build(nn.Identity()).eval()
    if any(callable(init) for part in module.modules() for init in getattr(part, "_inits", {}).values()):
        return None
    return call_on(module.double(), x)


def _channel_error(recipe: Recipe, each: ChannelPoints) -> float | None:
    """Return how far a function is from the values that were seen in the channels."""
    values = _values(recipe, each.points.x)
    return None if values is None else each.error(values)


def _error(recipe: Recipe, points: Points, shown: Tensor) -> float | None:
    """Return how far a function is from the points that were seen; None for one that starts at random."""
    values = _values(recipe, points.x)
    if values is None:
        return None
    inside = (points.x >= shown[0]) & (points.x <= shown[-1])
    # The points around the values lie among them too, with next to no weight.
    weight = points.weight * inside
    error, size = ((weight * part.square()).sum().sqrt() for part in (values - points.y, points.y))
    return float(error / size) if size else None if error else 0.0


def _same_bits(recipe: Recipe, seen: Seen, site: Site, x: Tensor) -> bool:
    """Return whether a function and the one that was there give the same bits in the dtype of the site."""
    if seen.function is None:
        return False
    given = x.to(site.dtype)
    with torch.random.fork_rng(devices=()):
        module = recipe.build(nn.Identity()).eval()
    before, after = call_on(seen.function, given), call_on(module, given)
    return before is not None and after is not None and torch.equal(before, after)
