"""The page `docs/surgery-zoo.md`, written from the results."""

from __future__ import annotations

import collections
import statistics
from collections.abc import Iterable, Sequence

from rectifiers.core.wording import listing, plural

from .checks import EXACT
from .result import Result, Zoo

COMMAND = "make surgery-zoo"

STEPS = {
    "sites": "the example shows which activations there are",
    "exact": "PVLU, AdaReLU, PReLU, Comb and APL at all ReLUs, one after the other: the outputs keep every bit",
    "fold": "ConvReLU where it fits: the outputs keep their values up to the order of summation; where float32 makes "
    "more of that, in float64",
    "swap": "PVLU in place of every ReLU, PReLU in place of every leaky one, and PAU, fitted to what was there, in "
    "place of all others; the steps that follow are done with this swap. Where all of it is exact, the outputs keep "
    "every bit, here and in the next two steps",
    "size": "another size of images, another length of sequences or graphs, or another number of samples if a model "
    "takes no other size",
    "generate": "models that generate text do so",
    "save": "saved, and loaded into a fresh instance: the outputs keep every bit",
    "diagnose": "`rectifiers.diagnose` examines the swapped model",
    "train": "a step of SGD in training mode, with the model's own loss if it has one: every new parameter has a "
    "finite gradient, also in heads that only training mode uses. Parameters are *unread* where the model computes "
    "values on which no output depends",
    "revert": "reverted: every module, parameter and buffer is the very same object, and the outputs keep every bit",
}
"""What is done with a model, in order."""

HEAD = (
    "| Model | Example | Activations | Steps | Exact | Near | Apart | Adds | ConvReLU: moved, left | Apart | Other "
    "| Seconds |",
    "|---|---|---|---|---|---|---:|---:|---:|---:|---|---:|",
)


def page(zoo: Zoo) -> str:
    """Write the page of the documentation."""
    results = list(zoo.models.values())
    lines = ["# The surgery zoo", "", *_introduction(zoo, results), "", *_libraries(results), ""]
    lines += ["## What is done", "", *(f"- **{name}**: {words}." for name, words in STEPS.items()), ""]
    lines += _failures(results) + _skipped(results) + _unchanged(results) + _nearness(results) + _unfolded(results)
    for family in dict.fromkeys(result.family for result in results):
        members = [result for result in results if result.family == family and not result.skipped]
        if members:
            lines += [f"## {family}", "", *HEAD, *map(row, members), ""]
    return "\n".join(lines)


def examined(results: Iterable[Result]) -> list[Result]:
    """Return the results of models that have something to change, or failed before that was known."""
    return [result for result in results if not result.skipped and ("swap" in result.passed or result.failures)]


def _introduction(zoo: Zoo, results: Sequence[Result]) -> list[str]:
    tried = examined(results)
    good = [result for result in tried if result.fine]
    skipped = sum(bool(result.skipped) for result in results)
    sites = sum((collections.Counter(result.sites) for result in tried), collections.Counter[str]())
    folded = [result for result in good if result.folded]
    share = f" ({len(good) / len(tried):.1%})" if tried else ""
    libraries = {library(result) for result in results}
    unchanged = len(results) - len(tried) - skipped
    bad = len(tried) - len(good)
    failing = f"{bad} {'does' if bad == 1 else 'do'} not, for the reasons below. " if bad else ""
    lines = [
        f"Swaps in {plural(len(results), 'model')} of {plural(len(libraries), 'library', 'libraries')}, with random "
        f"weights and small inputs, each model in a process of its own. `{COMMAND}` writes this page.",
        "",
        f"- **{plural(len(tried), 'model')} have activations to change; {len(good)} of them{share} pass every step.** "
        f"{failing}{unchanged} have nothing to change, and {skipped} were skipped.",
        f"- {sites.total():,} sites: {', '.join(f'{count:,} {kind}' for kind, count in sites.most_common())}.",
    ]
    to_come = sum(zoo.defined.values()) - len(results)
    if to_come > 0:
        lines.append(
            f"- {plural(to_come, 'other model')} of these libraries {'has' if to_come == 1 else 'have'} not been "
            "examined yet; the same command goes on with them."
        )
    if folded:
        lines.append(
            f"- ConvReLU: {sum(result.folded for result in folded):,} ReLUs moved into convolutions; "
            f"{sum(sum(result.unfolded.values()) for result in good):,} stayed, for the reasons below."
        )
    versions = ", ".join(f"{name} {version}" for name, version in zoo.versions.items())
    lines += ["", f"{versions}. On {zoo.machine}, one thread; last examined on {zoo.date}."]
    if zoo.limits:
        memory, seconds = zoo.limits["memory"], zoo.limits["seconds"]
        lines[-1] += f" A model may take {memory:g} GiB of memory and {seconds:g} s of processor time."
    if zoo.missing:
        lines[-1] += f" Not installed, and so left out: {listing(zoo.missing, most=9)}."
    if zoo.cost is not None:
        took = zoo.cost.seconds
        lines += [
            "",
            'Planning and applying PVLU, share="channel", on ResNet-152 at 224 pixels took '
            f"{took['plan'] + took['apply']:.2f} s of processor time, {took['apply']:.2f} s of it for applying; a "
            f"forward pass alone took {took['forward']:.2f} s (medians of three). It raised the peak memory of forward "
            f"passes by {zoo.cost.mebibytes:.0f} MiB.",
        ]
    return lines


def library(result: Result) -> str:
    """Return the library that a model is of."""
    return result.model.partition("/")[0]


def _libraries(results: Sequence[Result]) -> list[str]:
    lines = [
        "| Library | Models | Pass | Fail | Nothing to change | Skipped | Sites |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name in dict.fromkeys(map(library, results)):
        members = [result for result in results if library(result) == name]
        tried = examined(members)
        good, skipped = sum(result.fine for result in tried), sum(bool(result.skipped) for result in members)
        sites = sum(sum(result.sites.values()) for result in tried)
        counts = (len(members), good, len(tried) - good, len(members) - len(tried) - skipped, skipped)
        lines.append(f"| {name} | {' | '.join(map(str, counts))} | {sites:,} |")
    return lines


def _failures(results: Iterable[Result]) -> list[str]:
    rows = [
        f"| {result.model} | {step} | {cell(words)} |"
        for result in examined(results)
        for step, words in result.failures.items()
    ]
    return ["## What does not pass", "", "| Model | Step | Why |", "|---|---|---|", *rows, ""] if rows else []


def _skipped(results: Iterable[Result]) -> list[str]:
    rows = [f"| {result.model} | {cell(result.skipped)} |" for result in results if result.skipped]
    return ["## What was skipped", "", "| Model | Why |", "|---|---|", *rows, ""] if rows else []


def _unchanged(results: Iterable[Result]) -> list[str]:
    rows = [
        f"| {result.model} | {cell('; '.join(result.left) or 'it has no activations')} |"
        for result in results
        if not result.skipped and not result.failures and "swap" not in result.passed
    ]
    return ["## What has nothing to change", "", "| Model | Why |", "|---|---|", *rows, ""] if rows else []


def _nearness(results: Iterable[Result]) -> list[str]:
    near: dict[str, list[float]] = collections.defaultdict(list)
    for result in results:
        for kind, error in result.near.items():
            near[kind].append(error)
    rows = [
        f"| {kind} | {len(errors)} | {percent(statistics.median(errors))} | {percent(max(errors))} |"
        for kind, errors in sorted(near.items(), key=lambda item: -len(item[1]))
    ]
    if not rows:
        return []
    return [
        "## How near fitted functions come",
        "",
        "Of each model the site where the function is farthest from what was there: the root mean square of the "
        "difference, in percent of that of the values that were there.",
        "",
        "| Was | Models | Median | Farthest |",
        "|---|---:|---:|---:|",
        *rows,
        "",
    ]


def _unfolded(results: Iterable[Result]) -> list[str]:
    left = sum((collections.Counter(result.unfolded) for result in results), collections.Counter[str]())
    if not left:
        return []
    return [
        "## Why ReLUs stay when ConvReLU is asked for",
        "",
        "| Reason | ReLUs |",
        "|---|---:|",
        *(f"| {cell(reason)} | {count:,} |" for reason, count in left.most_common()),
        "",
    ]


def row(result: Result) -> str:
    """Write a model's row of a table; seconds are processor time of all steps."""
    name = result.model.partition("/")[2]
    kinds = ", ".join(f"{count} {kind}" for kind, count in result.sites.items()) or "none"
    if "swap" not in result.passed and not result.failures:
        return f"| {name} | {result.example} | {kinds} | nothing to change | | | | | | | | {result.seconds:g} |"
    steps = f"not {', '.join(result.failures)}" if result.failures else "all"
    steps += f", {result.unread:,} unread" if result.unread else ""
    exact = f"{sum(result.exact.values())} of {len(EXACT)}" if result.exact else ""
    near = percent(max(result.near.values())) if result.near else ""
    apart = "" if result.apart is None else number(result.apart)
    moved = f"{result.folded}, {sum(result.unfolded.values())}" if result.rectified else ""
    folded = number(result.folded_apart) if result.folded else ""
    return (
        f"| {name} | {result.example} | {kinds} | {steps} | {exact} | {near} | {apart} | {result.added:,} | {moved} | "
        f"{folded} | {result.size} | {result.seconds:g} |"
    )


def number(value: float) -> str:
    """Word a difference with one digit."""
    return f"{value:.0e}" if value else "0"


def percent(share: float) -> str:
    """Word a small share with one or two digits."""
    return f"{100 * share:.2g} %"


def cell(text: str) -> str:
    """Make text safe for a cell of a table."""
    return text.replace("|", "/").replace("<", "‹").replace("\n", " ")
