"""One page per function, from its spec, the benchmarks and the published results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.pages import arelu, functions, kernels
from docs.pages.published import read_measured
from rectifiers.activations import registry
from rectifiers.core.errors import UnsupportedError
from rectifiers.core.spec import ActivationSpec
from rectifiers.core.wording import plural
from rectifiers.experiments.result import Shape
from rectifiers.papers import registry as experiments
from rectifiers.papers.claims import SNAPSHOT
from rectifiers.report.figures.canvas import drawing_style, panels, svg, zero_lines
from rectifiers.report.figures.function import plot_function
from rectifiers.report.figures.shapes import draw_shape
from rectifiers.report.figures.style import SERIES
from rectifiers.report.table import Table
from rectifiers.report.wording import compact_number

from .typeset import latex, remarks


def write_pages(folder: Path) -> None:
    """Write `index.md`, and `NAME.md` with its pictures for every function."""
    folder.mkdir(parents=True, exist_ok=True)
    specs = functions.ordered()
    (folder / "index.md").write_text(_index(specs), encoding="utf-8")
    facts = _Facts()
    for spec in specs:
        (folder / f"{spec.name}.md").write_text("\n".join(_page(spec, facts, folder)), encoding="utf-8")


class _Facts:
    """What the committed files say about functions, read once."""

    def __init__(self) -> None:
        self.costs = kernels.quoted()
        self.shapes = read_measured("shapes")
        self.claims = json.loads(SNAPSHOT.read_text("utf-8"))
        self.table: Table = arelu.TABLE1.computed[0]


def _index(specs: list[ActivationSpec]) -> str:
    lines = ["# Functions, a page each\n"]
    lines += ["[All functions on one page](../../activations.md).\n\n![All functions](../../images/gallery.svg)\n"]
    for title, learnable in (("Functions that learn", True), ("Fixed functions", False)):
        lines += [f"## {title}\n"]
        lines += [
            f"- [{spec.title}]({spec.name}.md): {registry.summary(spec.name)}"
            for spec in specs
            if spec.learnable == learnable
        ]
        lines += [""]
    return "\n".join(lines)


def _page(spec: ActivationSpec, facts: _Facts, folder: Path) -> Iterator[str]:
    yield f"# {spec.title}\n\n{registry.summary(spec.name)}\n"
    yield f"```math\n{latex(spec.equation)}\n```\n"
    if remark := remarks(spec.equation):
        # A symbol keeps its case: u is not U.
        first = remark[0] if re.match(r"\w\b", remark) else remark[0].upper()
        yield f"{first}{remark[1:]}.\n"
    try:
        drawing = plot_function(spec.name)
    except UnsupportedError:
        pass
    else:
        (folder / f"{spec.name}.svg").write_text(drawing, encoding="utf-8")
        yield f"![{spec.title} and its derivative, at its start]({spec.name}.svg)\n"
    yield f"## When to use it\n\n{spec.use}\n"
    yield "## Facts\n"
    yield from (f"- {fact}" for fact in functions.facts(spec))
    if spec.name in facts.shapes["functions"]:
        yield from _learned(spec, facts.shapes, folder)
    yield from _cost(spec, facts)
    yield from _results(spec, facts)
    yield from _reference(spec)


def _learned(spec: ActivationSpec, shapes: dict[str, Any], folder: Path) -> Iterator[str]:
    layers = [Shape(**one) for one in shapes["functions"][spec.name]]
    with drawing_style():
        figure, axes = panels(len(layers), width=2.4, height=2.0, sharex=True, sharey=True)
        for axis, layer in zip(axes, layers, strict=True):
            zero_lines(axis)
            draw_shape(axis, layer, SERIES[0])
            axis.set_title(f"layer {layer.layer}", fontweight="normal", fontsize=8.5)
            axis.set_xlabel("x")
    title = f"What three layers made of {spec.title}"
    (folder / f"{spec.name}-learned.svg").write_text(svg(figure, name=f"learned-{spec.name}", title=title), "utf-8")
    yield f"\n## What it learned\n\n![{title}]({spec.name}-learned.svg)\n"
    yield f"*{shapes['how']} Dashed: as it started; solid: after training, with the range over the channels.*\n"


def _cost(spec: ActivationSpec, facts: _Facts) -> Iterator[str]:
    rows = {
        name: facts.costs[name]
        for name in (spec.name, f"{spec.name}, channel")
        if name in facts.costs and facts.costs[name].get("ratio")
    }
    if not rows:
        return
    yield "\n## What it costs\n"
    yield "Forward and backward on 128×64×32×32 float32 numbers, contiguous, one thread:\n"
    yield "| | time, × `nn.ReLU` | bytes kept per element |\n|:--|--:|--:|"
    for name, row in rows.items():
        low, middle, high = row["ratio"]
        kept = "" if row["bytes_kept"] is None else f"{row['bytes_kept']:.1f}"
        yield f"| `{name}` | {middle:.2f} [{low:.2f}, {high:.2f}] | {kept} |"
    yield "\n[What functions cost](../../kernel-costs.md) has other sizes, layouts and threads, and the machine.\n"


def _results(spec: ActivationSpec, facts: _Facts) -> Iterator[str]:
    table = facts.table
    rows = [arm.label for arm in table.experiment.rows if arm.settings.get("activation") == spec.name]
    claims = [claim for claim in facts.claims if claim.get("entry") and _row_runs(claim, spec.name)]
    if not rows and not claims:
        return
    yield "\n## Results\n"
    for row in rows:
        yield "Test accuracy on MNIST after the first epoch, mean ± 95 % interval, of"
        yield "[AReLU's Table 1](../../table1.md):\n"
        yield f"| {' | '.join(table.columns)} |\n|{'--:|' * len(table.columns)}"
        cells = (table.cells[row, column] for column in table.columns)
        yield f"| {' | '.join(map(compact_number, cells))} |\n"
    if claims:
        yield "What the papers claim for it ([all claims](../../claims.md)):\n"
        run = [one for one in claims if one["finding"] != "not run"]
        yield from (f"- {one['says']} **{one['status'].capitalize()}**: {one['finding']}." for one in run)
        if lacking := len(claims) - len(run):
            more = " more" if run else ""
            yield f"\n{plural(lacking, f'{more} claim'.strip())} {'was' if lacking == 1 else 'were'} not run."
        yield ""


def _row_runs(claim: dict[str, Any], name: str) -> bool:
    rows = experiments.get(claim["entry"]).rows
    return any(arm.label == claim["row"] and arm.settings.get("activation") == name for arm in rows)


def _reference(spec: ActivationSpec) -> Iterator[str]:
    cls = registry.get(spec.name)
    yield "\n## Reference\n\n```{eval-rst}"
    yield f".. autoclass:: rectifiers.{cls.__name__}\n   :no-index-entry:\n"
    for form in functions.forms(spec):
        yield f".. autofunction:: rectifiers.functional.{form}\n"
    yield "```\n"
