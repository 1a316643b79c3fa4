"""The doctor's page: what it says, that it loads nothing, and that it is the same every time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import rectifiers
from rectifiers.analysis import Watch, compare_diagnoses, compare_models, parameter_histograms
from rectifiers.analysis.advice import Command
from rectifiers.analysis.diagnosis import Diagnosis
from rectifiers.core.errors import StoreError
from rectifiers.report.doctor import render_diagnosis, write_diagnosis
from rectifiers.report.figures import (
    health_figure,
    history_figure,
    parameters_figure,
    png,
    preactivations_figure,
    similarity_figure,
    svg,
)

X = torch.linspace(-1, 1, 64)[:, None].expand(-1, 3)


def net() -> nn.Sequential:
    model = nn.Sequential()
    model.add_module("<b>&first", nn.Linear(3, 4))
    model.add_module("<i>$act$", nn.ReLU())
    model.add_module("last", rectifiers.AdaReLU(-1.0, channels=4))
    with torch.no_grad():
        model[0].bias[:2] = -50.0
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
    for forbidden in ("<i>", "<script", "src=", 'href="http', "@import", "url(http"):
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
    with pytest.raises(StoreError):
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


def test_without_gradients_there_is_no_panel_for_them() -> None:
    diagnosis = rectifiers.diagnose(net(), [X], gradients=False)
    assert len(health_figure(diagnosis).axes) == 1
