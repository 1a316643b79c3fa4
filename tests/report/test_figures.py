"""Figures of results and functions: that they draw the numbers they are given, the same every time."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rectifiers.core.errors import UnknownNameError, UnsupportedError
from rectifiers.experiments.result import METRICS
from rectifiers.experiments.statistics import summarise
from rectifiers.report.figures.accuracy import accuracy_figure
from rectifiers.report.figures.canvas import png, standalone, svg
from rectifiers.report.figures.costs import costs_figure
from rectifiers.report.figures.curves import curves_figure, losses_figure
from rectifiers.report.figures.function import function_figure, plot_function
from rectifiers.report.figures.gallery import draw_gallery
from rectifiers.report.figures.shapes import learned_shapes, shapes_figure
from rectifiers.report.figures.style import INK, RULE, SERIES, styles
from rectifiers.report.figures.traces import traces_figure
from rectifiers.report.sampling import sample
from rectifiers.report.table import build
from rectifiers.report.wording import cell_definition

from .synthetic import GRID, WEIRD, experiment, outcomes

LEARNING = ("AReLU", "PVLU")
EPOCHS = 6


def texts(figure: Figure | None) -> str:
    assert figure is not None
    return " ".join(ElementTree.fromstring(svg(figure, name="x", title="x")).itertext())


def test_svg_is_the_same_every_time_and_holds_no_date() -> None:
    made = experiment()
    runs = outcomes(made)
    table, chosen = build(made, "paper", runs), styles(made, runs)
    first, second = (svg(curves_figure(table, runs, chosen) or Figure(), name="curves", title="t") for _ in range(2))
    assert first == second
    assert "metadata" not in first
    assert not re.search(r"20\d\d-\d\d-\d\d", first)


def test_ids_of_two_figures_do_not_collide_and_all_references_resolve() -> None:
    made = experiment()
    runs = outcomes(made)
    figure = accuracy_figure(build(made, "paper", runs), styles(made, runs))
    assert figure is not None
    found = []
    for name in ("one", "two"):
        text = svg(figure, name=name, title="t")
        ids = re.findall(r'\bid="([^"]+)"', text)
        references = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
        assert set(ids) == references
        assert len(ids) == len(set(ids)) > 0
        found.append(set(ids))
    assert not found[0] & found[1]


def test_a_figure_says_what_it_shows_and_can_be_recoloured() -> None:
    root = ElementTree.fromstring(svg(function_figure("arelu"), name="f", title="AReLU <curve>"))
    assert root.get("role") == "img"
    assert root[0].text == "AReLU <curve>"
    assert f"var(--ink, {INK})" in ElementTree.tostring(root, encoding="unicode")


def test_curves_show_every_finished_row_and_need_more_than_one_epoch() -> None:
    made = experiment(rows=("ReLU", "AReLU", "ELU"))
    runs = outcomes(made, missing={("ELU", "digits", seed) for seed in range(5)})
    shown = texts(curves_figure(build(made, "paper", runs), runs, styles(made, runs)))
    assert "AReLU" in shown
    assert " ELU" not in shown
    short = experiment(epochs=1)
    runs = outcomes(short)
    assert curves_figure(build(short, "paper", runs), runs, styles(short, runs)) is None


def test_curves_are_the_means_after_each_epoch_with_their_intervals() -> None:
    made = experiment(rows=("ReLU", "AReLU"), columns=("one", "two"), epochs=EPOCHS, seeds=3)
    runs = outcomes(made, diverged={("AReLU", "two", 1)})
    chosen = styles(made, runs)
    figure = curves_figure(build(made, "paper", runs), runs, chosen)
    assert figure is not None
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["one", "two"]
    for axis in figure.axes:
        for row, line, band in zip(("ReLU", "AReLU"), axis.lines, axis.collections, strict=True):
            column = axis.get_title(loc="left")
            finished = [
                result
                for cell, result in runs
                if (cell.row, cell.column) == (row, column) and result and result.status == "done"
            ]
            assert len(finished) == (2 if (row, column) == ("AReLU", "two") else 3)
            points = [summarise([result.epochs[place].test_accuracy for result in finished]) for place in range(EPOCHS)]
            assert line.get_color() == chosen[row].colour
            assert list(line.get_xdata()) == list(range(1, EPOCHS + 1))
            assert list(line.get_ydata()) == [point.mean for point in points]
            edges = band.get_paths()[0].vertices
            for point, epoch in zip(points, range(1, EPOCHS + 1), strict=True):
                at = edges[edges[:, 0] == epoch, 1]
                assert (at.min(), at.max()) == pytest.approx((point.low, point.high))


def test_accuracies_are_dots_on_their_intervals_beside_the_papers_diamonds() -> None:
    made = experiment(published=True)
    runs = outcomes(made, missing={("LeakyReLU", "digits", seed) for seed in range(5)})
    table, chosen = build(made, "paper", runs), styles(made, runs)
    figure = accuracy_figure(table, chosen)
    assert figure is not None
    (axis,) = figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["ReLU", "LeakyReLU", "AReLU"]
    # The baseline on top.
    assert axis.get_ylim()[0] > axis.get_ylim()[1]
    drawn = [
        (line.get_marker(), list(line.get_xdata()), list(line.get_ydata()), line.get_color())
        for line in axis.lines
        if len({*line.get_ydata()}) == 1 and line.get_color() != RULE
    ]
    expected = []
    for place, entry in enumerate(table.column("digits")):
        if entry.row != "LeakyReLU":
            colour, summary = chosen[entry.row].colour, entry.summary
            expected.append(("None", [summary.low, summary.high], [place, place], colour))
            expected.append(("o", [entry.value], [place], colour))
        expected.append(("D", [entry.published], [place], INK))
    assert drawn == expected


def test_many_rows_are_drawn_without_scaling_the_axes_at_each(monkeypatch: pytest.MonkeyPatch) -> None:
    scalings: list[Axes] = []
    real = Axes.autoscale_view

    def scale(axis: Axes, *args: Any, **more: Any) -> None:
        scalings.append(axis)
        real(axis, *args, **more)

    monkeypatch.setattr(Axes, "autoscale_view", scale)
    counts = []
    for rows in (3, 30):
        made = experiment(tuple(f"{'ReLU' if place else 'AReLU'}" + " " * place for place in range(rows)))
        runs = outcomes(made)
        accuracy_figure(build(made, "paper", runs), styles(made, runs))
        counts.append(len(scalings))
        scalings.clear()
    assert counts[0] == counts[1]


def test_the_paper_is_drawn_only_beside_a_comparable_preset() -> None:
    made = experiment(published=True)
    for preset, drawn in (("paper", True), ("pocket", False)):
        runs = outcomes(made, preset)
        assert ("paper" in texts(accuracy_figure(build(made, preset, runs), styles(made, runs)))) is drawn


def test_shapes_and_gallery_show_what_learned() -> None:
    made = experiment(rows=("ReLU", *LEARNING))
    runs = outcomes(made, learning=LEARNING)
    table, chosen = build(made, "paper", runs), styles(made, runs)
    shown = texts(shapes_figure(table, runs, chosen, "digits"))
    assert all(label in shown for label in (*LEARNING, "features.0", "features.3"))
    assert " ReLU" not in shown
    figure = shapes_figure(table, runs, chosen, "digits")
    assert figure is not None
    after = next(line for line in figure.axes[0].lines if line.get_color() == chosen["AReLU"].colour)
    assert list(after.get_xdata()) == GRID
    (first, *_) = [result for cell, result in runs if cell.row == "AReLU" and result]
    for axis, shape in zip(figure.axes, first.shapes, strict=False):
        before, after = axis.lines[-2:]
        assert (list(before.get_ydata()), list(after.get_ydata())) == (shape.before, shape.after)
        (band,) = axis.collections
        ((low, high),) = {(edges.min(), edges.max()) for edges in [band.get_paths()[0].vertices[:, 1]]}
        assert (low, high) == (min(shape.after_low), max(shape.after_high))
    gallery = draw_gallery(learned_shapes(table, runs, "digits"), {row: chosen[row].colour for row in LEARNING})
    assert [axis.get_title(loc="left") for axis in gallery.axes] == list(LEARNING)
    assert [list(line.get_ydata()) for line in gallery.axes[0].lines[2:]] == [
        first.shapes[0].before,
        *(shape.after for shape in first.shapes),
    ]


def test_traces_average_over_seeds_and_leave_diverged_ones_out() -> None:
    made = experiment()
    runs = outcomes(made, diverged={("AReLU", "digits", 2)})
    figure = traces_figure(build(made, "paper", runs), runs, styles(made, runs), "digits")
    shown = texts(figure)
    assert all(word in shown for word in ("α", "β", "features.0", "training step"))
    assert figure is not None
    kept = [result.trace.values["features.0.alpha"][0] for _, result in runs if result and result.trace]
    del kept[2]
    assert figure.axes[0].lines[0].get_ydata()[0] == pytest.approx(sum(kept) / 4)


def test_a_trace_shows_what_the_function_makes_of_a_parameter() -> None:
    """Figure 2b of the AReLU paper plots α and 1 + σ(β)."""
    made = experiment(seeds=1)
    runs = outcomes(made)
    figure = traces_figure(build(made, "paper", runs), runs, styles(made, runs), "digits")
    assert figure is not None
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["α", "1 + σ(β)"]
    (beta,) = (result.trace.values["features.0.beta"][0] for _, result in runs if result and result.trace)
    assert figure.axes[1].lines[0].get_ydata()[0] == pytest.approx(1 + 1 / (1 + math.exp(-beta)))


def test_many_starts_of_one_function_share_a_panel_per_parameter_and_layer() -> None:
    rows = tuple(f"AReLU {place}" for place in range(6))
    made = experiment(rows=rows, seeds=1)
    runs = outcomes(made, learning=rows)
    figure = traces_figure(build(made, "paper", runs), runs, styles(made, runs), "digits")
    assert figure is not None
    assert len({len(axis.lines) for axis in figure.axes}) == 1
    assert len(figure.axes[0].lines) >= 5
    assert "AReLU 5" in texts(figure)


def test_curves_look_at_the_end_where_rows_can_be_told_apart() -> None:
    made = experiment(rows=("ReLU", "AReLU"), epochs=EPOCHS, seeds=3)
    runs = outcomes(made)
    figure = curves_figure(build(made, "paper", runs), runs, styles(made, runs))
    assert figure is not None
    (axis,) = figure.axes
    ends: list[Any] = [value for line in axis.lines for value in list(line.get_ydata())[EPOCHS // 2 :]]
    low, high = axis.get_ylim()
    assert low < min(ends) <= max(ends) < high
    assert high - low < 2 * (max(ends) - min(ends)) + 1


def test_a_drawing_tells_its_values_where_the_pointer_is() -> None:
    made = experiment(rows=("ReLU", "AReLU"), published=True)
    runs = outcomes(made)
    figure = accuracy_figure(build(made, "paper", runs), styles(made, runs))
    titles = re.findall(r"<title>([^<]*)</title>", svg(figure or Figure(), name="x", title="t"))
    assert titles[0] == "t"
    assert any(re.fullmatch(r"AReLU: \d+\.\d+ ± \d+\.\d+", title) for title in titles)
    assert any(title.startswith("ReLU, the paper's: ") for title in titles)


def test_a_drawing_by_itself_follows_the_readers_colours() -> None:
    drawing = standalone(plot_function("relu"))
    root = ElementTree.fromstring(drawing)
    (style,) = [one for one in root if one.tag.endswith("style")]
    assert "prefers-color-scheme: dark" in (style.text or "")
    for variable in set(re.findall(r"var\((--[a-z0-9-]+)", drawing)):
        assert f"{variable}:" in (style.text or "")


def test_losses_are_the_means_of_each_epoch_on_a_logarithmic_axis() -> None:
    made = experiment(rows=("ReLU", "AReLU"), epochs=EPOCHS, seeds=3)
    runs = outcomes(made)
    table, chosen = build(made, "paper", runs), styles(made, runs)
    figure = losses_figure(table, runs, chosen)
    assert figure is not None
    (axis,) = figure.axes
    assert axis.get_yscale() == "log"
    for line in axis.lines:
        assert list(line.get_xdata()) == list(range(1, EPOCHS + 1))
        assert list(line.get_ydata()) == pytest.approx([math.exp(-epoch) for epoch in range(1, EPOCHS + 1)])
    assert axis.get_ylim()[0] == pytest.approx(math.exp(-EPOCHS) / 2)
    assert losses_figure(table, [(cell, None) for cell, _ in runs], chosen) is None


def test_nothing_learned_or_finished_gives_no_figure() -> None:
    made = experiment()
    runs = outcomes(made, learning=())
    table, chosen = build(made, "paper", runs), styles(made, runs)
    assert shapes_figure(table, runs, chosen, "digits") is None
    assert traces_figure(table, runs, chosen, "digits") is None
    assert learned_shapes(table, runs, "digits") == {}
    nothing = [(cell, None) for cell, _ in runs]
    empty = build(made, "paper", nothing)
    assert accuracy_figure(empty, chosen) is None
    assert curves_figure(empty, nothing, chosen) is None


def test_few_rows_all_have_their_own_colour() -> None:
    made = experiment(rows=("ReLU", *(f"f{place}" for place in range(len(SERIES)))))
    chosen = styles(made, outcomes(made))
    assert chosen["ReLU"].colour == INK
    assert len({style.colour for style in chosen.values()}) == len(SERIES) + 1


def test_of_many_rows_the_learnable_ones_stand_out() -> None:
    made = experiment(rows=("ReLU", *(f"f{place}" for place in range(18))))
    chosen = styles(made, outcomes(made, learning=("f3", "f9")))
    assert {row for row, style in chosen.items() if style.named} == {"ReLU", "f3", "f9"}


def test_odd_labels_are_drawn_as_they_are() -> None:
    made = experiment(rows=("ReLU", *WEIRD, "激活"))
    runs = outcomes(made, learning=(*WEIRD, "激活"))
    table, chosen = build(made, "paper", runs), styles(made, runs)
    for figure in (
        accuracy_figure(table, chosen),
        curves_figure(table, runs, chosen),
        shapes_figure(table, runs, chosen, "digits"),
        traces_figure(table, runs, chosen, "digits"),
    ):
        shown = texts(figure)
        assert all(label in shown for label in (*WEIRD, "激活"))


def test_function_and_derivative_come_from_the_module() -> None:
    x, y, slope = sample("arelu", points=9)
    attention = 1 + torch.sigmoid(torch.tensor(2.0, dtype=torch.float64))
    expected = torch.where(x < 0, 0.9 * x, attention * x)
    assert y.dtype == torch.float64
    torch.testing.assert_close(y[:, 0], expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(slope[x < 0, 0], torch.full((4,), 0.9, dtype=torch.float64), rtol=1e-6, atol=1e-6)


def test_a_function_is_drawn_over_its_derivative() -> None:
    (axis,) = function_figure("crelu").axes
    _, y, slope = sample("crelu")
    derivatives, outputs = axis.lines[2::2], axis.lines[3::2]
    assert [line.get_linestyle() for line in (*derivatives, *outputs)] == ["--", "--", "-", "-"]
    for lines, values in ((outputs, y), (derivatives, slope)):
        assert [list(line.get_ydata()) for line in lines] == values.T.tolist()
    assert axis.get_xlim() == (-4, 4)


def test_costs_are_shown_at_the_largest_shape_above_the_limit_of_memory() -> None:
    ratios = {"nn.ReLU": [1, 1, 1], "copy": [0.4, 0.5, 0.6], "arelu": [1.1, 1.25, 1.5], "pau": [4, 5, 7]}
    goals = {"arelu": 2.0, "pau": None}
    rows = [{"function": name, "ratio": ratio, "goal": goals.get(name)} for name, ratio in ratios.items()]
    settings = [
        {"shape": shape, "layout": "contiguous", "threads": threads, "rows": rows}
        for shape, threads in (([2, 4], 1), ([8, 16], 1), ([8, 16], 2))
    ]
    figure = costs_figure(settings)
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["contiguous, 1 thread", "contiguous, 2 threads"]
    assert "8×16" in texts(figure)
    # The panels share the names on the left.
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["arelu", "pau"]
    for axis in figure.axes:
        (limit,) = axis.patches
        assert limit.get_x() + limit.get_width() == 2 * 0.5  # type: ignore[attr-defined]
        drawn = [(line.get_marker(), list(line.get_xdata()), list(line.get_ydata())) for line in axis.lines[1:]]
        assert drawn == [
            ("None", [1.1, 1.5], [0, 0]),
            ("o", [1.25], [0]),
            ("|", [2.0], [0]),
            ("None", [4, 7], [1, 1]),
            ("o", [5], [1]),
        ]


def test_crelu_has_two_curves() -> None:
    x, y, slope = sample("crelu", points=9)
    torch.testing.assert_close(y, torch.stack([x.clamp(min=0), (-x).clamp(min=0)], dim=1))
    assert slope[0].tolist() == [0.0, -1.0]


def test_a_plot_is_svg_or_png() -> None:
    assert ElementTree.fromstring(plot_function("arelu")).tag.endswith("svg")
    assert png(function_figure("arelu"), dpi=40).startswith(b"\x89PNG")


def test_what_is_no_function_of_one_number_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="convolution"):
        plot_function("convrelu2d")
    with pytest.raises(UnsupportedError, match="joins 2 channels"):
        plot_function("maxout")
    with pytest.raises(UnknownNameError, match="arelu"):
        plot_function("arelo")


def test_changes_may_be_negative_and_are_not_called_test_accuracy() -> None:
    made = experiment(columns=("after", "change"))
    table = build(made, "paper", outcomes(made))
    cells = {
        place: replace(
            cell, metric="backward_transfer", value=cell.value - 100, summary=summarise([-41.0, -38.0, -35.0])
        )
        if cell.column == "change"
        else cell
        for place, cell in table.cells.items()
    }
    figure = accuracy_figure(replace(table, cells=cells), styles(made, outcomes(made)))
    assert figure is not None
    assert figure.get_supxlabel() == "accuracy, %; its changes in points"
    low, high = figure.axes[1].get_xlim()
    assert low < min(cell.value for cell in cells.values()) < high
    assert low < summarise([-41.0, -38.0, -35.0]).low
    assert cell_definition(cells["ReLU", "change"]).startswith(f"{METRICS['backward_transfer']}: mean")


def test_wide_intervals_of_few_seeds_stay_within_what_a_percentage_can_be() -> None:
    made = experiment(seeds=2)
    runs = outcomes(made)
    for _, result in runs:
        assert result is not None
        for epoch in result.epochs:
            epoch.test_accuracy += 40 * (result.trial.seed - 1)
    table, chosen = build(made, "paper", runs), styles(made, runs)
    accuracy, curves = accuracy_figure(table, chosen), curves_figure(table, runs, chosen)
    assert accuracy is not None
    assert curves is not None
    for low, high in (accuracy.axes[0].get_xlim(), curves.axes[0].get_ylim()):
        assert -2 <= low < high <= 102
