"""From numbers to words: what is wrong, where, and which swap addresses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ...activations import registry
from ...core.wording import listing
from .advice import Finding, SwapAdvice

if TYPE_CHECKING:
    from .diagnosis import SiteHealth

DEAD, NEARLY_DEAD, LINEAR, SATURATED = 0.1, 0.5, 0.5, 0.5
"""Shares of a site's units, or of its values where it says saturated, from which on it is worth a word."""
VANISHING, EXPLODING = 1e-3, 1e3
"""Gradient at the first site over that at the last, beyond which it is worth a word."""
STEEP = 10.0
"""Derivative of a trained function from which on it is worth a word."""

RELUS = ("relu", "relu6")


def findings(sites: Sequence[SiteHealth]) -> tuple[Finding, ...]:
    """All findings, problems first."""
    found = [finding for rule in RULES for finding in rule(sites)]
    return tuple(sorted(found, key=lambda finding: finding.severity != "problem"))


def _not_finite(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    bad = [site for site in sites if site.not_finite]
    if bad:
        first = bad[0]
        yield Finding(
            "problem",
            f"{first.not_finite:,} values in front of {first.name} are NaN or infinite, {len(bad)} sites in all; they "
            "are left out of the figures",
            tuple(site.name for site in bad),
            f"Look before {first.name}, the first of them: at the inputs, the weights and the learning rate. No swap "
            "repairs weights that are NaN.",
        )
    wild = [site for site in sites if site.gradient_not_finite]
    if wild and not bad:
        yield Finding(
            "problem",
            f"the gradient is NaN or infinite at {_list([site.name for site in wild])}",
            tuple(site.name for site in wild),
            "In half precision, scale the loss; else look at the loss and the learning rate.",
        )


def _dead(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    bad = [site for site in sites if site.dead >= DEAD]
    if bad:
        dead, units = sum(len(site.dead_units) for site in bad), sum(site.units for site in bad)
        yield Finding(
            "problem",
            f"{dead:,} of {units:,} units at {_list([_with_share(site, site.dead) for site in bad])} are dead: their "
            "derivative is 0 on all data, so that they say nothing and learn nothing",
            tuple(site.name for site in bad),
            "Put in AReLU and train on: it starts next to ReLU, and the slope below zero that it learns cannot fall "
            "under 0.01, so that units come back. A lower learning rate keeps them from dying.",
            _swap("arelu", bad, sites),
        )


def _nearly_dead(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    bad = [site for site in sites if site.nearly_dead >= NEARLY_DEAD]
    if bad:
        yield Finding(
            "notice",
            f"most units at {_list([_with_share(site, site.nearly_dead) for site in bad])} answer to less than 1 % of "
            "the data: few examples teach them",
            tuple(site.name for site in bad),
            "Watch whether they die in training; a slope below zero keeps them learning.",
            _swap("arelu", bad, sites),
        )


def _always_on(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    bad = [site for site in sites if site.always_on >= LINEAR]
    if bad:
        yield Finding(
            "notice",
            f"units at {_list([_with_share(site, site.always_on) for site in bad])} are linear: all data lie on one "
            "straight piece, and the layers around them collapse into one",
            tuple(site.name for site in bad),
            "A threshold that is learned can move to where the data are; normalise in front, or leave the layer out.",
            _swap("adarelu", [site for site in bad if site.kind in RELUS], sites),
        )


def _saturated(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    bad = [site for site in sites if (site.saturated or 0) >= SATURATED and "sigmoid" not in site.kind]
    for kind in dict.fromkeys(site.kind for site in bad):
        these = [site for site in bad if site.kind == kind]
        capped = kind == "relu6"
        yield Finding(
            "problem",
            f"{_list([_with_share(site, site.saturated or 0) for site in these])}: so many values lie where {kind} is "
            "flat, and no gradient comes through",
            tuple(site.name for site in these),
            "Drop the cap." if capped else "Put in a function that is not bounded and train on, or normalise in front.",
            _swap("relu", these, sites, cap="drop") if capped else _swap("arelu", these, sites, relu_like=False),
        )


def _gradient(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    seen = [site for site in sites if site.gradient_in is not None and site.gradient_out]
    if len(seen) < 2 or any(site.not_finite or site.gradient_not_finite for site in sites):
        return
    first, last = seen[0].gradient_in or 0.0, seen[-1].gradient_out or 0.0
    ratio = first / last
    if ratio < VANISHING:
        yield Finding(
            "problem",
            f"the gradient vanishes: its norm is {first:.2g} at {seen[0].name} and {last:.2g} at {seen[-1].name}",
            tuple(site.name for site in seen),
            "Normalise the layers, start them by He's rule, or put in a function that amplifies: AReLU's slope "
            "above zero is over 1.",
            _swap("arelu", [site for site in seen if "sigmoid" not in site.kind], sites, relu_like=False),
        )
    elif ratio > EXPLODING:
        yield Finding(
            "problem",
            f"the gradient explodes: its norm is {first:.2g} at {seen[0].name} and {last:.2g} at {seen[-1].name}",
            tuple(site.name for site in seen),
            "Normalise the layers, start them smaller, or clip the gradient; no swap cures it.",
        )


def _bounds(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    for site in sites:
        for bound in site.bounds:
            parameter = bound.name.partition("·")[0]
            yield Finding(
                "problem" if parameter == bound.name else "notice",
                f"{_percent(bound.share)} of {site.kind}'s {bound.name} at {site.name} lie {bound.meaning}",
                (site.name,),
                f"Set {parameter} back inside and train on at a lower learning rate for it: "
                "rectifiers.param_groups gives activations their own.",
            )


def _steep(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    for site in sites:
        steepest = max(abs(site.slope_low), abs(site.slope_high)) if site.values else 0.0
        if steepest > STEEP:
            yield Finding(
                "notice",
                f"{site.kind} at {site.name} has become steep: its derivative reaches {steepest:.3g} on the data",
                (site.name,),
                "Its coefficients run away: lower their learning rate with rectifiers.param_groups, or start anew.",
            )


RULES: tuple[Callable[[Sequence[SiteHealth]], Iterator[Finding]], ...] = (
    _not_finite,
    _dead,
    _saturated,
    _gradient,
    _bounds,
    _nearly_dead,
    _always_on,
    _steep,
)


def _swap(to: str, bad: Sequence[SiteHealth], sites: Sequence[SiteHealth], **settings: Any) -> SwapAdvice | None:
    """The swap of those of `bad` that can be swapped: of ReLUs, or else of the kind of the first."""
    able = [site for site in bad if _swappable(site.kind) and site.kind != to]
    if not able:
        return None
    kinds = RELUS if able[0].kind in RELUS else (able[0].kind,)
    candidates = [site.name for site in sites if site.kind in kinds]
    names = tuple(site.name for site in able if site.kind in kinds)
    return SwapAdvice(
        to,
        where=() if len(names) == len(candidates) else names,
        from_="" if kinds == RELUS else kinds[0],
        settings=tuple(settings.items()),
        places=tuple(candidates.index(name) for name in names),
    )


def _swappable(kind: str) -> bool:
    """Whether it is a function of single numbers, which `swap` can take out."""
    return kind not in registry or registry.get(kind).spec.kind == "elementwise"


def _with_share(site: SiteHealth, share: float) -> str:
    return f"{site.name} ({_percent(share)})"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.2g} %"


def _list(names: Sequence[str]) -> str:
    return listing(names, most=6)
