"""From a figure to bytes: SVG that is the same every time and can share a page with others, and PNG."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from ...experiments.statistics import half_width, mean
from .style import DARK, MUTED, RULE, SETTINGS, VARIABLES, Style

NAMESPACE = "http://www.w3.org/2000/svg"
SAYS = "says "
HREF = "{http://www.w3.org/1999/xlink}href"


@contextmanager
def drawing_style() -> Iterator[None]:
    """Apply the common style for the length of a `with`; matplotlib's own settings stay as they were."""
    with mpl.rc_context(SETTINGS), warnings.catch_warnings():
        # Text stays text in SVG: the reader's fonts decide, whatever ours lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def panels(count: int, *, width: float, height: float, most: int = 4, **options: Any) -> tuple[Figure, list[Axes]]:
    """Make a figure of small multiples, at most `most` in a row; call it and draw within `drawing_style()`.

    Args:
        count: number of panels.
        width: of one panel, in inches.
        height: of one panel, in inches.
        most: panels per row.
        **options: for `Figure.subplots`.
    """
    columns = min(count, most)
    rows = -(-count // columns)
    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options).ravel().tolist()
    for spare in axes[count:]:
        spare.remove()
    return figure, axes[:count]


def legend(figure: Figure, entries: dict[str, Style], background: str = "") -> None:
    """Put a legend above the panels: the named styles, and a label for the background if there is any."""
    handles = [
        Line2D([], [], color=style.colour, linestyle=style.dashes, linewidth=style.width, label=visible(label))
        for label, style in entries.items()
        if style.named
    ]
    if background and any(not style.named for style in entries.values()):
        handles.append(Line2D([], [], color=MUTED, linewidth=0.7, label=background))
    columns = max(1, min(len(handles), int(figure.get_figwidth() / 1.25)))
    figure.legend(handles=handles, loc="outside upper left", ncols=columns)


def visible(label: str) -> str:
    """Write a label so that a legend shows it; matplotlib hides those that begin with an underscore."""
    return f" {label}" if label.startswith("_") else label


def percent_limits(bounds: tuple[float, float], values: Iterable[float]) -> tuple[float, float]:
    """Limit an axis: two seeds give intervals far beyond what a percentage can be, or a difference of percentages.

    Args:
        bounds: of all that is drawn.
        values: the numbers themselves, none of which is left out.

    Example:
        >>> percent_limits((-80.0, 97.5), [9.0]), percent_limits((-80.0, 5.5), [-40.0])
        ((-2.0, 97.5), (-80.0, 5.5))
    """
    shown = [value for value in values if math.isfinite(value)]
    low, high = min(shown, default=0.0), max(shown, default=0.0)
    least = min(-102.0, low - 2.0) if low < 0 else -2.0
    return max(bounds[0], least), min(bounds[1], max(102.0, high + 2.0))


def plot_mean(axis: Axes, x: Sequence[float], samples: Iterable[ArrayLike], *, band: bool, **line: Any) -> None:
    """Draw the mean of the seeds as a line, and its 95 % t-interval as a band.

    Args:
        axis: where.
        x: the places.
        samples: the numbers of all seeds at each place.
        band: whether to draw the interval; it needs two seeds.
        **line: style of the line, with its `color`.
    """
    means, halves = [], []
    for sample in samples:
        values = np.asarray(sample, dtype=float)
        values = values[np.isfinite(values)]
        means.append(mean(values.tolist()))
        # In the precision of a picture: the exact deviation takes a second for thousands of seeds.
        with np.errstate(over="ignore"):  # a score may be a number without end
            halves.append(half_width(float(values.std(ddof=1)), values.size) if values.size > 1 else math.nan)
    axis.plot(x, means, **line)
    if band and not np.isnan(halves).all():
        low, high = np.subtract(means, halves), np.add(means, halves)
        axis.fill_between(x, low, high, color=line["color"], alpha=0.14, linewidth=0)


def saying(text: str) -> str:
    """Make the `gid` of a mark or line over which a browser shows a text.

    Example:
        >>> saying("AReLU: 97.3")
        'says AReLU: 97.3'
    """
    return f"{SAYS}{text}"


def zero_lines(axes: Axes) -> None:
    """Mark the coordinate axes of a function plot."""
    for line in (axes.axhline, axes.axvline):
        line(0, color=RULE, linewidth=1.1, zorder=0.5)


def svg(figure: Figure, *, name: str, title: str) -> str:
    """Write the figure as an SVG element.

    Args:
        figure: drawn with `drawing_style()`.
        name: distinguishes its internal ids from those of other figures on the same page.
        title: says what it shows, for readers who do not see it.

    Returns:
        `<svg …>…</svg>`, the same text for the same figure.
    """
    buffer = io.BytesIO()
    with drawing_style(), mpl.rc_context({"svg.hashsalt": name}):
        # Not `savefig`, which draws everything once more to lay it out.
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    ElementTree.register_namespace("", NAMESPACE)
    ElementTree.register_namespace("xlink", HREF[1:].split("}")[0])
    root = ElementTree.fromstring(buffer.getvalue())
    for metadata in root.findall(f"{{{NAMESPACE}}}metadata"):
        root.remove(metadata)
    caption = ElementTree.Element(f"{{{NAMESPACE}}}title")
    caption.text = title
    root.insert(0, caption)
    root.set("role", "img")
    _tell(root)
    _make_ids_unique(root, re.sub(r"\W+", "-", name))
    _lighten(root)
    return ElementTree.tostring(root, encoding="unicode")


def standalone(drawing: str) -> str:
    """Let an SVG be a file: where it is shown by itself or as an image, it takes the reader's colours, light or dark.

    Args:
        drawing: from `svg`.
    """
    dark = "".join(f"{variable}:{colour};" for variable, colour in DARK.items())
    style = f'<style data-standalone="">@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}</style>'
    start, end, rest = drawing.partition("</title>")
    return f"{start}{end}{style}{rest}"


def png(figure: Figure, dpi: int = 160) -> bytes:
    """Write the figure as a PNG on white."""
    buffer = io.BytesIO()
    with drawing_style():
        figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def pdf(figure: Figure) -> bytes:
    """Write the figure as a PDF whose text stays text, the same bytes for the same figure."""
    buffer = io.BytesIO()
    with drawing_style(), mpl.rc_context({"pdf.fonttype": 42}):
        figure.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()


def _tell(root: ElementTree.Element) -> None:
    """Turn the `gid`s that `saying` made into titles, which browsers show where the pointer is."""
    for element in root.iter():
        text = element.get("id", "")
        if text.startswith(SAYS):
            told = ElementTree.SubElement(element, f"{{{NAMESPACE}}}title")
            told.text = text.removeprefix(SAYS)
            del element.attrib["id"]


def _make_ids_unique(root: ElementTree.Element, prefix: str) -> None:
    """Keep only the ids that something refers to, behind the figure's own prefix."""
    used = set()
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == HREF and value.startswith("#"):
                used.add(value[1:])
                element.set(key, f"#{prefix}-{value[1:]}")
            elif "url(#" in value:
                used.update(re.findall(r"url\(#([^)]+)\)", value))
                element.set(key, value.replace("url(#", f"url(#{prefix}-"))
    for element in root.iter():
        identity = element.attrib.pop("id", None)
        if identity in used:
            element.set("id", f"{prefix}-{identity}")


def _lighten(root: ElementTree.Element) -> None:
    """Round coordinates to a hundredth of a point, and let pages recolour by CSS variables."""
    for element in root.iter():
        path = element.get("d")
        if path:
            element.set("d", re.sub(r"-?\d+\.\d{3,}", lambda digits: f"{float(digits[0]):.2f}", path))
        style = element.get("style")
        if style:
            for colour, variable in VARIABLES.items():
                style = style.replace(colour, f"var({variable}, {colour})")
            element.set("style", style)
