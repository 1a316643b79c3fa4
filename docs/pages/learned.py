"""What the layers of a network made of four functions."""

from __future__ import annotations

from rectifiers.activations import registry
from rectifiers.experiments.result import Shape
from rectifiers.report.figures.canvas import standalone, svg
from rectifiers.report.figures.gallery import draw_gallery
from rectifiers.report.figures.style import SERIES

from .published import IMAGES, read_measured

PICTURE = IMAGES / "learned.svg"
FUNCTIONS = ("arelu", "pvlu", "apl", "pau")


def picture() -> str:
    """Each function as it started and as it ended, as SVG."""
    known = read_measured("shapes")["functions"]
    shapes = {registry.get(name).spec.title: [Shape(**one) for one in known[name]] for name in FUNCTIONS}
    figure = draw_gallery(shapes, dict(zip(shapes, SERIES, strict=False)))
    return standalone(svg(figure, name="learned", title="Functions before and after training"))
