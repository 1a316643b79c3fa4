"""The page of a diagnosis: one HTML file that needs nothing else, runs no script and loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from ..analysis.doctor.diagnosis import HEALTHY, Diagnosis
from ..analysis.doctor.recovery import Recovery
from ..analysis.doctor.watch import History
from ..analysis.inside.parameters import ParameterHistogram
from ..core.version import __version__
from ..experiments.store import write_atomically
from .figures import health_figure, history_figure, parameters_figure, preactivations_figure, svg
from .html import Picture


def write_diagnosis(
    diagnosis: Diagnosis,
    path: str | Path,
    *,
    history: History | None = None,
    recovery: Recovery | None = None,
    histograms: Sequence[ParameterHistogram] = (),
) -> Path:
    """Write a diagnosis as an HTML page; an older one at the same place is replaced in one step.

    Args:
        diagnosis: of any model.
        path: file to write; missing folders are created.
        history: what a `Watch` saw of its training.
        recovery: comparison with an earlier diagnosis.
        histograms: of its learned parameters.

    Returns:
        The path.

    Raises:
        StoreError: the file cannot be written.
    """
    target = Path(path)
    write_atomically(target, render_diagnosis(diagnosis, history=history, recovery=recovery, histograms=histograms))
    return target


def render_diagnosis(
    diagnosis: Diagnosis,
    *,
    history: History | None = None,
    recovery: Recovery | None = None,
    histograms: Sequence[ParameterHistogram] = (),
) -> str:
    """The page itself; see `write_diagnosis`."""
    environment = Environment(
        loader=PackageLoader("rectifiers", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rows = diagnosis.rows()
    return environment.get_template("doctor.html.j2").render(
        diagnosis=diagnosis,
        heading=rows[0],
        rows=rows[1:],
        healthy=HEALTHY,
        history=history,
        recovery=recovery,
        pictures=list(_pictures(diagnosis, history, histograms)),
        version=__version__,
    )


def _pictures(
    diagnosis: Diagnosis, history: History | None, histograms: Sequence[ParameterHistogram]
) -> Iterator[Picture]:
    yield _picture(
        health_figure(diagnosis),
        "Units and gradients",
        "Shares of each site's units that are dead, nearly dead or always on; the norm of the gradient that reaches "
        "it from behind.",
    )
    yield _picture(
        preactivations_figure(diagnosis),
        "Functions over what reaches them",
        "Grey: how the pre-activations are distributed, the outermost 0.2 % left out. Line: the function, its mean "
        "over the channels; band: their range.",
    )
    if histograms:
        yield _picture(
            parameters_figure(histograms),
            "Learned parameters",
            "How many values each has; dashed: their mean.",
        )
    if history is not None and history.steps:
        yield _picture(
            history_figure(history),
            "During training",
            "Units silent on the watched batch, and the mean of each learned parameter.",
        )


def _picture(figure: Figure, heading: str, caption: str) -> Picture:
    # The SVG writer has escaped all labels.
    return Picture(heading, caption, Markup(svg(figure, name=heading, title=heading)))
