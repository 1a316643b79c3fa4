"""What the pages have in common: their template and the figures on them."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from ..core.version import __version__
from .figures.canvas import png, svg
from .figures.style import DARK

ENLARGED = 1.35
"""How much larger drawings are on a page than on paper."""


@dataclass(frozen=True)
class PageFigure:
    """A figure on a page.

    Args:
        heading: what it shows.
        caption: how to read it.
        image: SVG, or an `img` that holds its data.
        folded: whether the page shows it only on demand.
    """

    heading: str
    caption: str
    image: Markup
    folded: bool = False


def place_drawing(
    figure: Figure, heading: str, caption: str, folded: bool = False, *, name: str = "", title: str = ""
) -> PageFigure:
    """Put a drawing on a page, as SVG.

    Args:
        figure: the drawing.
        heading: what it shows; empty if the caption says so.
        caption: how to read it.
        folded: whether the page shows it only on demand.
        name: tells its ids from those of other drawings on the page; by default the heading.
        title: for readers who do not see it; by default the heading.
    """
    image = svg(figure, name=name or heading, title=title or heading)
    enlarged = re.sub(r'(<svg [^>]*?width=")([\d.]+)pt"', _enlarge, image, count=1)
    # The SVG writer has escaped all labels.
    return PageFigure(heading, caption, Markup(enlarged), folded)


def _enlarge(width: re.Match[str]) -> str:
    """Let the letters of a drawing be as large as those of the page, however wide it is."""
    return f'{width[1]}{ENLARGED * float(width[2]):.1f}pt"'


def place_photograph(figure: Figure, caption: str) -> PageFigure:
    """Put pixels on a page, as the bytes of a PNG."""
    data = base64.b64encode(png(figure)).decode()
    image = Markup('<img alt="{}" src="data:image/png;base64,{}">').format(caption, data)
    return PageFigure("", caption, image)


def render_template(name: str, **values: Any) -> str:
    """Fill in one of the page templates beside this file.

    Args:
        name: of the template.
        **values: what it shows; text is escaped.
    """
    environment = Environment(
        loader=PackageLoader("rectifiers", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(name).render(
        version=__version__, script=Markup(script), script_hash=f"sha256-{digest}", dark=DARK, **values
    )
