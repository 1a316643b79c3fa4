"""The doctor's page: what it says, that it loads nothing, and that it is the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import rectifiers
from rectifiers.analysis import Watch, compare_diagnoses, compare_models, parameter_histograms
from rectifiers.analysis.doctor.advice import Command
from rectifiers.analysis.doctor.diagnosis import Diagnosis
from rectifiers.core.errors import ConfigError
from rectifiers.report.doctor import render_diagnosis, write_diagnosis
from rectifiers.report.figures.canvas import png, svg
from rectifiers.report.figures.health import health_figure
from rectifiers.report.figures.history import history_figure
from rectifiers.report.figures.parameters import parameters_figure
from rectifiers.report.figures.preactivations import preactivations_figure
from rectifiers.report.figures.similarity import similarity_figure

X = torch.linspace(-1, 1, 64)[:, None].expand(-1, 3)


def net() -> nn.Sequential:
    model = nn.Sequential()
    model.add_module("<b>&first", nn.Linear(3, 4))
    model.add_module("<i>$act$", nn.ReLU())
    model.add_module("last", rectifiers.AdaReLU(-1.0, channels=4))
    with torch.no_grad():
        model[0].bias[:2] = -50.0
    return model


def uneven() -> nn.Sequential:
    """The same with a threshold of another size in one channel."""
    model = net()
    with torch.no_grad():
        model.get_submodule("last").theta[0] = 0.25  # type: ignore[index]
    return model


@pytest.fixture(scope="module")
def diagnosis() -> Diagnosis:
    torch.manual_seed(0)
    return rectifiers.diagnose(net(), [X])


def test_the_page_says_what_is_wrong_and_what_to_do(diagnosis: Diagnosis) -> None:
    page = render_diagnosis(diagnosis.with_command(Command("my.nets:<make>", ((1, 3),), "it's.safetensors")))
    assert "2 of 4 units at" in page
    assert "rectifiers swap &#39;my.nets:&lt;make&gt;&#39; --to arelu" in page
    assert page.count("<svg") == 2


def test_the_page_is_escaped_and_loads_nothing(diagnosis: Diagnosis) -> None:
    page = render_diagnosis(diagnosis)
    assert "&lt;i&gt;$act$" in page
    assert page.count("<script") == 1, "the page's own"
    for forbidden in ("<i>", "src=", 'href="http', "@import", "url(http"):
        assert forbidden not in page


def test_the_page_holds_training_recovery_and_parameters(diagnosis: Diagnosis) -> None:
    model = net()
    with Watch(model, every=1) as watch:
        for _ in range(3):
            model(X)
    page = render_diagnosis(
        diagnosis,
        history=watch.history,
        recovery=compare_diagnoses(diagnosis, diagnosis),
        histograms=parameter_histograms(model),
    )
    assert page.count("<svg") == 4
    assert "3 batches watched" in page
    assert "0 of 2 dead units came back" in page


def test_writing(diagnosis: Diagnosis, tmp_path: Path) -> None:
    path = write_diagnosis(diagnosis, tmp_path / "new" / "page.html")
    assert path.read_text(encoding="utf-8") == render_diagnosis(diagnosis)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot write .*; choose another place"):
        write_diagnosis(diagnosis, tmp_path / "file" / "page.html")


def test_figures_are_the_same_every_time(diagnosis: Diagnosis) -> None:
    model = net()
    with Watch(model, every=1) as watch:
        model(X)
    figures = {
        "health": lambda: health_figure(diagnosis),
        "preactivations": lambda: preactivations_figure(diagnosis),
        "parameters": lambda: parameters_figure(parameter_histograms(model)),
        "history": lambda: history_figure(watch.history),
        "similarity": lambda: similarity_figure(compare_models(model, model, [X])),
    }
    for name, draw in figures.items():
        assert svg(draw(), name=name, title=name) == svg(draw(), name=name, title=name)
        assert png(draw(), dpi=30).startswith(b"\x89PNG")


def test_health_is_a_bar_of_shares_per_site_beside_the_gradients(diagnosis: Diagnosis) -> None:
    shares, gradients = health_figure(diagnosis).axes
    assert [label.get_text() for label in shares.get_yticklabels()] == [
        f"{site.name} ({site.kind})" for site in diagnosis.sites
    ]
    dead, nearly, on = np.array([bar.get_width() for bar in shares.patches]).reshape(3, -1)  # type: ignore[attr-defined]
    assert dead.tolist() == [50, 0]
    assert [bar.get_x() for bar in shares.patches] == [0, 0, *dead, *(dead + nearly)]  # type: ignore[attr-defined]
    assert on.tolist() == [100 * site.always_on for site in diagnosis.sites]
    assert shares.get_xlim() == (0, 100)
    # The first site is on top.
    assert shares.get_ylim()[0] > shares.get_ylim()[1]
    (line,) = gradients.lines
    assert list(line.get_xdata()) == [site.gradient_out for site in diagnosis.sites]
    assert list(line.get_ydata()) == [0, 1]


def test_functions_lie_over_the_distribution_of_what_reaches_them() -> None:
    diagnosis = rectifiers.diagnose(uneven(), [X])
    axes = preactivations_figure(diagnosis).axes
    functions, densities = axes[:2], axes[2:]
    assert [axis.get_title() or axis.get_title(loc="left") for axis in functions] == ["<i>$act$", "last"]
    for axis, density, site in zip(functions, densities, diagnosis.sites, strict=True):
        counts, edges, _ = density.patches[0].get_data()  # type: ignore[attr-defined]
        assert (tuple(counts), tuple(edges)) == (site.spread.counts, site.spread.edges)
        assert sum(counts) > 0
        assert axis.get_xlim() == (edges[0], edges[-1])
        *zeros, curve = axis.lines
        assert len(zeros) == 2
        assert site.curve is not None
        assert (tuple(curve.get_xdata()), tuple(curve.get_ydata())) == (site.curve.x, site.curve.mean)
        # A function without channels of its own has no range to show.
        assert len(axis.collections) == (site.name == "last")
    edges = functions[1].collections[0].get_paths()[0].vertices[:, 1]
    last = diagnosis.sites[1].curve
    assert last is not None
    assert (edges.min(), edges.max()) == (min(last.low), max(last.high))


def test_parameters_are_histograms_with_their_mean() -> None:
    (histogram,) = parameter_histograms(uneven())
    (axis,) = parameters_figure([histogram]).axes
    counts, edges, _ = axis.patches[0].get_data()  # type: ignore[attr-defined]
    assert (tuple(counts), tuple(edges)) == (histogram.counts, histogram.edges)
    assert axis.lines[0].get_xdata() == [-0.6875, -0.6875]
    assert (axis.get_title(loc="left"), axis.get_xlabel()) == ("last", "θ")


def test_history_is_a_panel_of_silent_units_and_one_per_parameter() -> None:
    model = net()
    with Watch(model, every=1) as watch:
        for _ in range(2):
            model(X)
            with torch.no_grad():
                model.get_submodule("last").theta += 1  # type: ignore[operator]
    silent, theta = history_figure(watch.history).axes
    assert [list(line.get_ydata()) for line in silent.lines] == [
        [100 * share for share in site.silent] for site in watch.history.sites
    ]
    assert list(silent.lines[0].get_ydata()) == [50, 50]
    (line,) = theta.lines
    assert (list(line.get_xdata()), list(line.get_ydata())) == (list(watch.history.steps), [-1, 0])
    assert theta.get_title(loc="left") == "θ"


def test_models_are_compared_site_by_site() -> None:
    model = net()
    comparison = compare_models(model, model, [X])
    alike, sparse = similarity_figure(comparison).axes
    assert [bar.get_width() for bar in alike.patches] == pytest.approx([1, 1])  # type: ignore[attr-defined]
    assert [label.get_text() for label in alike.get_yticklabels()] == ["<i>$act$ – <i>$act$", "last – last"]
    expected = [100 * layer.first.sparsity for layer in comparison.layers]
    assert [list(line.get_xdata()) for line in sparse.lines] == [expected, expected]
    assert expected[0] >= 50
    assert (alike.get_xlim(), sparse.get_xlim()) == ((0, 1), (-2, 102))


def test_without_gradients_there_is_no_panel_for_them() -> None:
    diagnosis = rectifiers.diagnose(net(), [X], gradients=False)
    assert len(health_figure(diagnosis).axes) == 1
