"""What the functions cost beside `nn.ReLU`: the tables in the page on costs, and a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from benchmarks.marks import replace_between
from rectifiers.core.wording import plural
from rectifiers.report.figures.canvas import standalone, svg
from rectifiers.report.figures.costs import TITLE, costs_figure

from .published import DOCS, IMAGES, read_measured

PAGE = DOCS / "kernel-costs.md"
PICTURE = IMAGES / "kernels.svg"


def page() -> str:
    """The page with what was measured between its marks."""
    text = replace_between(PAGE.read_text(encoding="utf-8"), "kernels", _lines(_costs(read_measured("kernels"))))
    return replace_between(text, "conv_relu", _lines(_convolutions(read_measured("conv_relu"))))


def _lines(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def quoted() -> dict[str, dict[str, Any]]:
    """The costs that other pages quote, by function: of a large input, contiguous, on one thread."""
    (setting,) = (
        one
        for one in read_measured("kernels")["settings"]
        if (one["shape"], one["layout"], one["threads"]) == ([128, 64, 32, 32], "contiguous", 1)
    )
    return {row["function"]: row for row in setting["rows"]}


def picture() -> str:
    """The times as SVG."""
    figure = costs_figure(read_measured("kernels")["settings"])
    return standalone(svg(figure, name="kernels", title=TITLE))


def _costs(facts: dict[str, Any]) -> Iterator[str]:
    """Where the numbers were taken, large inputs, small ones, and the memory of a training step."""
    machine = facts["machine"]
    load = machine["load in the last 1, 5, 15 minutes"]
    yield f"\n{machine['processor']}, PyTorch {machine['torch']}, commit {machine['commit']}, float32."
    yield f"The machine was shared; its load was {load} before the start.\n"
    # The largest on one thread says most; the others are folded.
    shown, *folded = sorted(
        dict.fromkeys((tuple(one["shape"]), one["threads"]) for one in facts["settings"]),
        key=lambda setting: (-math.prod(setting[0]), setting[1]),
    )
    for shape, threads in (shown, *folded):
        settings = [one for one in facts["settings"] if (tuple(one["shape"]), one["threads"]) == (shape, threads)]
        size = "×".join(map(str, shape))
        title = f"{size}, {plural(threads, 'thread')}"
        if (shape, threads) == shown:
            yield f"**{title}**, forward and backward, × `nn.ReLU`\n"
        else:
            yield f"<details>\n<summary>{title}</summary>\n"
        yield f"| | goal | {' | '.join(one['layout'] for one in settings)} | bytes kept | error | of the composite |"
        yield "|:--|--:|" + "--:|" * (len(settings) + 3)
        tables = [{row["function"]: row for row in one["rows"]} for one in settings]
        for name, row in tables[0].items():
            cells = [_ratio(table.get(name)) for table in tables]
            errors = ["" if row[key] is None else f"{row[key]:.0e}" for key in ("error", "composite_error")]
            goal = "" if row["goal"] is None else f"≤ {row['goal']}"
            kept = "" if row["bytes_kept"] is None else f"{row['bytes_kept']:.1f}"
            yield f"| {name} | {goal} | {' | '.join([*cells, kept, *errors])} |"
        absolute = "; ".join(
            f"{one['layout']}: `nn.ReLU` {one['relu_microseconds']:.0f} µs, copy {one['copy_gigabytes']:.1f} GB/s"
            for one in settings
        )
        yield f"\n{absolute}.\n"
        if (shape, threads) != shown:
            yield "</details>\n"
    batch = facts["training_step"][0]["batch"]
    yield f"**Peak memory of a training step**, ResNet-18 for 32×32, batch {batch}, all activations replaced: the most"
    yield "that PyTorch's allocator holds, parameters and images included, without what oneDNN allocates for itself\n"
    yield "| | goal | MiB | × `nn.ReLU` |\n|:--|--:|--:|--:|"
    for one in facts["training_step"]:
        goal = "" if one["goal"] is None else f"≤ {one['goal']}"
        yield f"| {one['function']} | {goal} | {one['bytes'] / 2**20:.1f} | {one['ratio']:.3f} |"


def _convolutions(runs: list[dict[str, Any]]) -> Iterator[str]:
    """ConvReLU's times, a column per run of the benchmark."""
    machine = runs[0]["machine"]
    yield f"\n{machine['processor']}, PyTorch {machine['torch']}, commit {machine['commit']}, float32.\n"
    heads = [f"{plural(run['threads'], 'thread')}, {run['clock']} time" for run in runs]
    yield f"| N×channels→outputs, size | goal | {' | '.join(heads)} |"
    yield "|:--|--:|" + "--:|" * len(runs)
    for rows in zip(*(run["rows"] for run in runs), strict=True):
        cells = [f"{row['ratio']:.2f} [{row['quartiles'][0]:.2f}, {row['quartiles'][1]:.2f}]" for row in rows]
        yield f"| {rows[0]['shape']} | {rows[0]['goal']} | {' | '.join(cells)} |"
    loads = "; ".join(f"{head}: {run['machine']['load']}" for head, run in zip(heads, runs, strict=True))
    yield f"\nLoad of the machine before each run: {loads}."


def _ratio(row: dict[str, Any] | None) -> str:
    if row is None:
        return "cannot"
    low, middle, high = row["ratio"]
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"
