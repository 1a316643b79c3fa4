"""The rules by which the doctor gets from figures to findings: what is wrong, where, and which swap addresses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ...activations import registry
from ...core.wording import listing, percent, plural
from .advice import Finding, SwapAdvice

if TYPE_CHECKING:
    from .diagnosis import SiteHealth

DEAD, NEARLY_DEAD, LINEAR, SATURATED = 0.1, 0.5, 0.5, 0.5
"""The smallest shares of a site's units, or for `SATURATED` of its values, that make a finding."""
VANISHING, EXPLODING = 1e-3, 1e3
"""The gradient at the first site over the gradient at the last site; a finding is made of ratios beyond these."""
STEEP = 10.0
"""The largest derivative of a trained function that makes no finding."""

RELUS = ("relu", "relu6")


def findings(sites: Sequence[SiteHealth]) -> tuple[Finding, ...]:
    """Return all findings, problems first."""
    found = [finding for rule in RULES for finding in rule(sites)]
    return tuple(sorted(found, key=lambda finding: finding.severity != "problem"))


def _not_finite(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    bad = [site for site in sites if site.not_finite]
    if bad:
        first = bad[0]
        yield Finding(
            "problem",
            f"NaN or infinite values reach {plural(len(bad), 'site')}, beginning with {first.not_finite:,} at "
            f"{first.name}; the figures leave them out",
            tuple(site.name for site in bad),
            f"Look for the cause before {first.name}, the first of them: at the inputs, the weights and the learning "
            "rate. No swap repairs weights that are NaN.",
        )
    overflowing = [site for site in sites if site.gradient_not_finite]
    if overflowing and not bad:
        yield Finding(
            "problem",
            f"the gradient is NaN or infinite at {_list([site.name for site in overflowing])}",
            tuple(site.name for site in overflowing),
            "In half precision, scale the loss; otherwise check the loss and the learning rate.",
        )


def _dead(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    bad = [site for site in sites if site.dead >= DEAD]
    if bad:
        dead, units = sum(len(site.dead_units) for site in bad), sum(site.units for site in bad)
        yield Finding(
            "problem",
            f"{dead:,} of {plural(units, 'unit')} at {_list([_with_share(site, site.dead) for site in bad])} are dead: "
            "their derivative is 0 on all data, so that they learn nothing",
            tuple(site.name for site in bad),
            "Swap in AReLU and continue training: it starts near ReLU, and the slope below zero that it learns cannot "
            "fall below 0.01, so that units come back. A lower learning rate keeps units from dying.",
            _swap("arelu", bad, sites),
        )


def _nearly_dead(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    bad = [site for site in sites if site.nearly_dead >= NEARLY_DEAD]
    if bad:
        yield Finding(
            "notice",
            f"most units at {_list([_with_share(site, site.nearly_dead) for site in bad])} respond to less than 1 % of "
            "the data, so that they learn from few samples",
            tuple(site.name for site in bad),
            "Watch whether they die during training; a slope below zero keeps them learning.",
            _swap("arelu", bad, sites),
        )


def _always_on(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    bad = [site for site in sites if site.always_on >= LINEAR]
    if bad:
        yield Finding(
            "notice",
            f"units at {_list([_with_share(site, site.always_on) for site in bad])} are linear: all their inputs lie "
            "on one straight piece of the function, so that the layers before and after act as one",
            tuple(site.name for site in bad),
            "A learned threshold can move to where the inputs are; or normalise before it, or leave the layer out.",
            _swap("adarelu", [site for site in bad if site.kind in RELUS], sites),
        )


def _saturated(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    bad = [site for site in sites if (site.saturated or 0) >= SATURATED and "sigmoid" not in site.kind]
    for kind in dict.fromkeys(site.kind for site in bad):
        these = [site for site in bad if site.kind == kind]
        capped = kind == "relu6"
        yield Finding(
            "problem",
            f"{kind} is saturated at {_list([_with_share(site, site.saturated or 0) for site in these])}: that share "
            "of its inputs lies where it is flat, and no gradient passes",
            tuple(site.name for site in these),
            "Drop the cap."
            if capped
            else "Swap in a function without bounds and continue training, or normalise before it.",
            _swap("relu", these, sites, cap="drop") if capped else _swap("arelu", these, sites, start="published"),
        )


def _gradient(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    reached = [site for site in sites if site.gradient_in is not None and site.gradient_out]
    if len(reached) < 2 or any(site.not_finite or site.gradient_not_finite for site in sites):
        return
    first, last = reached[0].gradient_in or 0.0, reached[-1].gradient_out or 0.0
    ratio = first / last
    norms = f"its norm is {first:.2g} at {reached[0].name} and {last:.2g} at {reached[-1].name}"
    if ratio < VANISHING:
        yield Finding(
            "problem",
            f"the gradient vanishes: {norms}",
            tuple(site.name for site in reached),
            "Normalise the layers, initialise them by He's rule, or swap in a function that amplifies: AReLU's slope "
            "above zero is greater than 1.",
            _swap("arelu", [site for site in reached if "sigmoid" not in site.kind], sites, start="published"),
        )
    elif ratio > EXPLODING:
        yield Finding(
            "problem",
            f"the gradient explodes: {norms}",
            tuple(site.name for site in reached),
            "Normalise the layers, initialise them with smaller weights, or clip the gradient; no swap cures it.",
        )


def _bounds(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    for site in sites:
        for bound in site.bounds:
            parameter = bound.name.partition("·")[0]
            yield Finding(
                "problem" if parameter == bound.name else "notice",
                f"{percent(bound.share)} of {site.kind}'s {bound.name} at {site.name} is {bound.meaning}",
                (site.name,),
                f"Set {parameter} back inside its bounds and continue training at a lower learning rate for it: "
                "rectifiers.param_groups gives activations a learning rate of their own.",
            )


def _steep(sites: Sequence[SiteHealth]) -> Iterator[Finding]:
    for site in sites:
        steepest = max(abs(site.slope_low), abs(site.slope_high)) if site.values else 0.0
        if steepest > STEEP:
            yield Finding(
                "notice",
                f"{site.kind} at {site.name} has become steep: its derivative reaches {steepest:.3g} on the data",
                (site.name,),
                "Its coefficients diverge: lower their learning rate with rectifiers.param_groups, or set them back to "
                "their start.",
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


def _swap(to: str, bad: Sequence[SiteHealth], sites: Sequence[SiteHealth], **arguments: Any) -> SwapAdvice | None:
    """Advise a swap at the sites of `bad` where one is possible: of ReLUs, or else of the kind of the first."""
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
        arguments=tuple(arguments.items()),
        positions=tuple(candidates.index(name) for name in names),
    )


def _swappable(kind: str) -> bool:
    """Return whether a kind of activation is elementwise, so that `swap` can replace it."""
    return kind not in registry or registry.get(kind).spec.kind == "elementwise"


def _with_share(site: SiteHealth, share: float) -> str:
    return f"{site.name} ({percent(share)})"


def _list(names: Sequence[str]) -> str:
    return listing(names, most=6)
