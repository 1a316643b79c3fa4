"""The reference of all functions, and the picture of those of one number."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch

from rectifiers import functional
from rectifiers.activations import registry
from rectifiers.core.errors import UnsupportedError
from rectifiers.core.spec import ActivationSpec, ParameterSpec
from rectifiers.report.figures.canvas import drawing_style, panels, standalone, svg, zero_lines
from rectifiers.report.figures.style import MUTED, SERIES
from rectifiers.report.sampling import sample

from .published import DOCS, IMAGES

PAGE = DOCS / "activations.md"
PICTURE = IMAGES / "gallery.svg"

INTRODUCTION = """\
# The functions

<!-- Written by `make docs` from the functions' specs; edit those. -->

![All functions of one number at their start, and their derivatives](images/gallery.svg)

*Solid: the function as it starts; dashed: its derivative. Functions that learn are blue.*

`rectifiers.AReLU()` or `rectifiers.create("arelu")` makes a module, `rectifiers.functional.arelu(x)` applies the plain
function. Every elementwise module takes `share` ("layer", "channel" or "element"), `channels` (inferred at the first
call if it is not given), `channel_dim`, `device` and `dtype`; in the signatures below they are `**granularity`.
`relu_like=True` starts a function at ReLU, or as near as possible.
"""

RELU_START = {
    "exact": "`relu_like=True` makes it ReLU.",
    "nearest": "`relu_like=True` starts it near ReLU, not exactly at ReLU.",
    "none": "It cannot start at ReLU.",
}
PRINTED_OTHERWISE = {
    "arelu": "The derivative for x < 0 is C(α), the clamped value, where the paper prints α.",
}
"""Where a function differs from what its paper prints."""


def page() -> str:
    """The reference of all registered functions, in Markdown."""
    specs = ordered()
    parts = [INTRODUCTION, _overview(specs)]
    for title, learnable in (("Functions that learn", True), ("Fixed functions", False)):
        parts += [f"## {title}\n", *(_entry(spec) for spec in specs if spec.learnable == learnable)]
    return "\n".join(parts)


def ordered() -> list[ActivationSpec]:
    """The specs of all functions, those that learn first, then by title."""
    specs: list[ActivationSpec] = [registry.get(name).spec for name in registry.names()]
    return sorted(specs, key=lambda spec: (not spec.learnable, spec.title.lower()))


def _overview(specs: list[ActivationSpec]) -> str:
    lines = ["| Name | Function | Learns | ReLU-like start | Proposed by |", "|---|---|---|---|---|"]
    for spec in specs:
        learns = ", ".join(parameter.name for parameter in spec.parameters) or "–"
        start = {"exact": "yes", "nearest": "nearly", "none": "no"}[spec.relu_start]
        authors = spec.paper.split(":")[0]
        lines.append(f"| `{spec.name}` | [{spec.title}](#{anchor(spec.title)}) | {learns} | {start} | {authors} |")
    return "\n".join([*lines, ""])


def anchor(title: str) -> str:
    """The anchor that Markdown renderers give to a heading."""
    return "".join(
        character for character in title.lower().replace(" ", "-") if character.isalnum() or character in "-_"
    )


def _entry(spec: ActivationSpec) -> str:
    cls = registry.get(spec.name)
    signatures = [f"{cls.__name__}{_signature(cls)}"]
    signatures += [f"functional.{form}{_signature(getattr(functional, form))}" for form in forms(spec)]
    return "\n".join(
        [
            f"### {spec.title}\n",
            f"{registry.summary(spec.name)}\n",
            f"```text\n{spec.equation}\n```\n",
            *("```python", *signatures, "```\n"),
            *(f"- {fact}" for fact in facts(spec)),
            "",
        ]
    )


def forms(spec: ActivationSpec) -> list[str]:
    """The names of a function's plain forms."""
    return [form for form in functional.__all__ if form.replace("_", "") == spec.name.replace("_", "")]


def facts(spec: ActivationSpec) -> Iterator[str]:
    """What a spec says, in sentences."""
    yield f"Name: `{spec.name}`."
    for parameter in spec.parameters:
        yield _parameter(parameter)
    if spec.parameters:
        yield (
            "One parameter per input channel and tap of the kernel."
            if spec.kind == "convolution"
            else f"Parameters are shared per {spec.share} unless `share` says otherwise."
        )
    yield RELU_START[spec.relu_start]
    factor = spec.channel_factor[0] / spec.channel_factor[1]
    if factor != 1:
        yield f"{factor:g} output channels per input channel."
    low, high = spec.ranks
    if (low, high) != (0, None):
        dimensions = f"{low} or more" if high is None else f"{low}" if low == high else f"{low} to {high}"
        yield f"Takes inputs of {dimensions} dimensions."
    if spec.stochastic:
        yield "Draws random numbers in training mode."
    for reason in spec.unsupported.values():
        yield f"Limit: {reason}"
    if spec.name in PRINTED_OTHERWISE:
        yield PRINTED_OTHERWISE[spec.name]
    yield f"Paper: {spec.paper}."


def _parameter(parameter: ParameterSpec) -> str:
    init = parameter.init
    start = (
        init
        if isinstance(init, str)
        else ", ".join(f"{value:.6g}" for value in (init if isinstance(init, tuple) else (init,)))
    )
    count = f", {parameter.coefficients} coefficients" if parameter.coefficients > 1 else ""
    return f"`{parameter.name}`, at first {start} ({parameter.domain}{count})."


def _signature(thing: Callable[..., Any]) -> str:
    signature = inspect.signature(thing)
    bare = [parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))


def picture() -> str:
    """All functions of one number at their start, with their derivatives, as SVG."""
    # Some functions start at random places.
    torch.manual_seed(0)
    curves = []
    for spec in ordered():
        try:
            curves.append((spec, sample(spec.name, points=161)))
        except UnsupportedError:
            continue
    with drawing_style():
        figure, axes = panels(len(curves), width=1.35, height=1.25, most=6, sharex=True, sharey=True)
        for axis, (spec, (x, y, slope)) in zip(axes, curves, strict=True):
            colour = SERIES[0] if spec.learnable else MUTED
            zero_lines(axis)
            axis.plot(x, slope, color=colour, linestyle="--", linewidth=0.8)
            axis.plot(x, y, color=colour)
            axis.set_title(spec.title, fontsize=8)
            axis.set_ylim(-2, 4)
    title = "All functions of one number at their start, and their derivatives"
    return standalone(svg(figure, name="gallery", title=title))
