"""The page of a diagnosis: one HTML file that needs nothing else, runs no script but its own and loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..analysis.doctor.diagnosis import Diagnosis
from ..analysis.doctor.recovery import Recovery
from ..analysis.doctor.watch import History
from ..analysis.inside.parameters import ParameterHistogram
from ..core.files import write_file
from .figures.health import health_figure
from .figures.history import history_figure
from .figures.parameters import parameters_figure
from .figures.preactivations import preactivations_figure
from .page import PageFigure, place_drawing, render_template


def write_diagnosis(
    diagnosis: Diagnosis,
    path: str | Path,
    *,
    history: History | None = None,
    recovery: Recovery | None = None,
    histograms: Sequence[ParameterHistogram] = (),
) -> Path:
    """Write a diagnosis as an HTML page; replace an older one at the same place in one step.

    Args:
        diagnosis: of any model.
        path: file to write; missing folders are created.
        history: what a `Watch` saw of its training.
        recovery: comparison with an earlier diagnosis.
        histograms: of its learned parameters.

    Returns:
        The path.

    Raises:
        ConfigError: the file cannot be written.
    """
    target = Path(path)
    page = render_diagnosis(diagnosis, history=history, recovery=recovery, histograms=histograms)
    write_file(target, page, make_folder=True)
    return target


def render_diagnosis(
    diagnosis: Diagnosis,
    *,
    history: History | None = None,
    recovery: Recovery | None = None,
    histograms: Sequence[ParameterHistogram] = (),
) -> str:
    """Make the page itself; see `write_diagnosis`."""
    rows = diagnosis.rows()
    return render_template(
        "doctor.html.j2",
        diagnosis=diagnosis,
        heading=rows[0],
        rows=rows[1:],
        healthy=diagnosis.healthy,
        history=history,
        recovery=recovery,
        figures=list(_figures(diagnosis, history, histograms)),
    )


def _figures(
    diagnosis: Diagnosis, history: History | None, histograms: Sequence[ParameterHistogram]
) -> Iterator[PageFigure]:
    yield place_drawing(
        health_figure(diagnosis),
        "Units and gradients",
        "Left: shares of each site's units that are dead, nearly dead or always on. Right, where it was "
        "measured: the norm of the gradient with respect to the site's output.",
    )
    yield place_drawing(
        preactivations_figure(diagnosis),
        "Functions over their inputs",
        "Grey: how the pre-activations are distributed, the outermost 0.2 % left out. Line: the function, its mean "
        "over the channels; band: their range.",
    )
    if histograms:
        yield place_drawing(
            parameters_figure(histograms),
            "Learned parameters",
            "How many parameters have each value; dashed: their mean.",
        )
    if history is not None and history.steps:
        yield place_drawing(
            history_figure(history),
            "During training",
            "Share of units that are silent on the watched batch, and the mean of each learned parameter.",
        )
