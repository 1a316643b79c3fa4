"""Every analysis on networks whose answer is known, and what it is wrapped in."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rectifiers import AdaReLU, CReLU
from rectifiers.datasets import Split
from rectifiers.datasets.examples import Examples
from rectifiers.datasets.slices import Slices
from rectifiers.experiments.experiment import Arm, Column, Experiment, Preset, PublishedNumbers
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.store import Store
from rectifiers.papers import registry as papers
from rectifiers.report import analyses
from rectifiers.report.analyses.analyse import analyse
from rectifiers.report.analyses.networks import ColumnNetworks, TrainedNetwork
from rectifiers.report.analyses.section import Section, SeedMean
from rectifiers.training.batches import Batches

SEEDS = (0, 1, 2)


def images(count: int = 120, side: int = 8) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, 1, side, side), generator=draw, dtype=torch.uint8)


SPLIT = Split(images(), torch.arange(120) % 3)


def test_images_come_from_all_of_the_data_however_it_is_sorted() -> None:
    split = Split(images(), torch.arange(120) // 40)
    trained = TrainedNetwork(nn.Identity(), Batches(split, 50, normalise=lambda raw: raw / 255))
    chosen, labels = trained.images(6)
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]
    torch.testing.assert_close(chosen, images()[::20] / 255)
    assert len(trained.images(1000)[1]) == 120


def experiment(analysis: str, **fields: Any) -> Experiment:
    return Experiment(
        **{
            "name": "made/up",
            "title": "A look inside",
            "settings": {"dataset": "digits", "network": "digits-conv", "lr": 0.1},
            "rows": (Arm("ReLU", {"activation": "relu"}), Arm("CReLU", {"activation": "crelu"})),
            "columns": (Arm("digits", {}),),
            "presets": {"smoke": Preset("a look"), "paper": Preset("as published", comparable=True)},
            "analysis": analysis,
            **fields,
        }
    )


def look(
    analysis: str, rows: dict[str, Callable[[int], nn.Module]], split: Examples = SPLIT, **fields: Any
) -> list[Section]:
    """The sections of an analysis of networks made for each seed."""
    made = experiment(analysis, **fields)
    batches = Batches(split, 50, normalise=lambda raw: raw / 255)
    trained = {row: {seed: TrainedNetwork(net(seed).eval(), batches) for seed in SEEDS} for row, net in rows.items()}
    return list(analyses.registry.get(analysis)([ColumnNetworks(made, "smoke", "digits", trained, ("a", "b", "c"))]))


def opposite(filters: int, noise: float) -> Callable[[int], nn.Module]:
    """A convolution whose filters come in pairs of opposites, as far as the noise lets them."""

    def net(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        convolution = nn.Conv2d(1, filters, 3, bias=False)
        with torch.no_grad():
            half = convolution.weight[: filters // 2]
            convolution.weight[filters // 2 :] = noise * convolution.weight[filters // 2 :] - (1 - noise) * half
        return nn.Sequential(convolution, nn.ReLU(), nn.Flatten(), nn.Linear(filters * 36, 3))

    return net


def column(section: Section, title: str) -> list[Any]:
    (grid,) = section.grids
    return [row[grid.head.index(title)] for row in grid.rows]


def test_every_analysis_that_an_experiment_names_is_registered() -> None:
    assert {papers.get(name).analysis for name in papers} - {""} == set(analyses.registry)


def test_filters_that_come_in_pairs_are_found_and_told_from_others() -> None:
    rows = {"ReLU": opposite(8, 0.0), "CReLU": opposite(8, 1.0)}
    (section,) = look("pairing", rows)
    (gap,) = column(section, "ReLU: random − μ")
    random = {float(record["random"]) for record in section.records if record["seed"] == 0}
    assert gap.mean == pytest.approx(1 + sum(random) / len(random))
    assert gap.n == 3
    (apart,) = column(section, "CReLU − ReLU")
    assert apart.high < 0
    assert section.finding.startswith("ReLU: random − μ: above 0 in 1 of 1 layers, below 0 in 0; CReLU: random")
    assert "CReLU − ReLU: above 0 in 0 of 1 layers, below 0 in 1." in section.finding
    (pictured,) = look("filters", rows)
    assert column(pictured, "μ")[0] == SeedMean.of([-1.0] * 3)
    assert column(pictured, "filters") == [8, 8]
    assert [picture.name for picture in pictured.figures] == ["filters-relu.png", "filters-crelu.png"]


def test_equal_networks_are_equally_invariant() -> None:
    (section,) = look("invariance", {"ReLU": opposite(4, 1.0), "CReLU": opposite(4, 1.0)})
    (apart,) = column(section, "CReLU − ReLU")
    assert (apart.mean, apart.low, apart.high) == (0, 0, 0)
    assert section.finding.startswith("CReLU − ReLU: above 0 in 0 of 1 layers, below 0 in 0.")


def halves(seed: int) -> nn.Module:
    """Four layers of orthonormal filters, and a reader that reads the two halves of the first alike."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for channels in (1, 8, 8, 8):
        convolution = nn.Conv2d(channels, 4, 1, bias=False)
        nn.init.orthogonal_(convolution.weight.view(4, channels))
        layers += [convolution, CReLU()]
    with torch.no_grad():
        second: Tensor = layers[2].weight  # type: ignore[assignment]
        second[:, 4:] = second[:, :4]
    return nn.Sequential(*layers)


def test_images_come_back_from_what_keeps_them() -> None:
    (section,) = look("reconstruction", {"CReLU": halves}, baseline="CReLU")
    first, *_ = column(section, "CReLU: error")
    assert first.mean < 1e-6
    assert section.finding.startswith("CReLU: error: above 1 in ")
    assert [picture.name for picture in section.figures] == ["reconstruction-crelu.png"]


def filters_of(*rows: list[float]) -> Callable[[int], nn.Module]:
    """A network that begins with these filters, which see all pixels of an image of 8×8."""

    def net(seed: int) -> nn.Module:
        convolution = nn.Conv2d(1, len(rows), 8, bias=False)
        with torch.no_grad():
            convolution.weight.copy_(torch.tensor(rows).view(-1, 1, 8, 8))
        return nn.Sequential(convolution, CReLU())

    return net


def test_what_comes_back_from_the_first_layer_is_the_projection_onto_its_filters() -> None:
    pixel = torch.eye(64)
    (section,) = look("projection", {"CReLU": filters_of(pixel[0].tolist(), pixel[9].tolist())})
    (kept,), (off,) = column(section, "kept"), column(section, "off")
    shown = images().float() / 255
    chosen = shown[torch.arange(16) * 120 // 16].flatten(1)
    expected = (chosen[:, [0, 9]].norm(dim=1) / chosen.norm(dim=1)).mean()
    assert kept.mean == pytest.approx(expected.item(), abs=1e-6)
    assert off.mean < 1e-6
    (everything,) = look("projection", {"CReLU": filters_of(*pixel.tolist())})
    assert column(everything, "kept")[0].mean == pytest.approx(1)


def test_a_class_of_one_filter_is_more_complex_behind_crelu_and_one_of_opposites_may_not_be() -> None:
    mixed = torch.where(torch.arange(64) % 2 == 0, 1.0, -1.0).tolist()
    (section,) = look("complexity", {"CReLU": filters_of(mixed, [1.0] * 64)})
    assert column(section, "functions") == [1, 2]
    single, _ = column(section, "left / right")
    assert single.low > 1
    (record, *_) = section.records
    assert (record["row"], record["seed"], record["functions"]) == ("CReLU", 0, 1)
    assert record["left"] == pytest.approx(column(section, "left")[0].mean)


@pytest.mark.parametrize("published", [True, False])
def test_halves_that_are_read_alike_correlate_fully_beside_the_papers_number(published: bool) -> None:
    numbers = PublishedNumbers("Table 6", {("1", "pair"): 0.25}, uncertainties={("1", "pair"): 0.125})
    (section,) = look("correlation", {"CReLU": halves}, published=numbers if published else None)
    assert column(section, "pair")[0].mean == pytest.approx(1)
    assert column(section, "read by") == ["2", "4", "6"]
    if published:
        assert column(section, "paper, not comparable") == ["0.250 ± 0.125", "–", "–"]
    else:
        assert section.grids[0].head == ("CReLU", "read by", "pair", "non-pair", "pair − non-pair")


def thresholds(seed: int) -> nn.Module:
    function = AdaReLU(channels=4)
    with torch.no_grad():
        function.theta.copy_(torch.tensor([-1.0, 1.0, 1.0, 3.0]) + seed)
    return nn.Sequential(nn.Conv2d(1, 4, 3), function)


def scaled(factor: float) -> Callable[[int], nn.Module]:
    """A ReLU behind which everything is multiplied, so that its gradient is."""

    def net(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        convolution, head = nn.Conv2d(1, 4, 3), nn.Linear(144, 3)
        with torch.no_grad():
            head.weight.zero_()
            head.weight[0] = factor * 1e-6  # so small that the probabilities hardly move
            convolution.bias.copy_(torch.tensor([9.0, 9.0, 9.0, -99.0]))  # type: ignore[union-attr]
        return nn.Sequential(convolution, nn.ReLU(), nn.Flatten(), head)

    return net


def test_a_gradient_of_ten_times_the_size_is_one_decade_above() -> None:
    (section,) = look("gradients", {"ReLU": scaled(1), "CReLU": scaled(10)})
    (apart,) = column(section, "CReLU − ReLU")
    assert apart.mean == pytest.approx(1, abs=1e-3)
    assert section.finding.startswith("CReLU − ReLU: above 0 in 1 of 1 layers")
    assert {"row", "seed", "layer", "gradient_in", "gradient_out"} == set(section.records[0])


def test_a_unit_of_four_that_never_fires_is_dead_and_a_quarter_zeros() -> None:
    zeros, dead = look("sparsity", {"ReLU": scaled(1)})
    assert [section.heading for section in (zeros, dead)] == ["Sparsity", "Dead units"]
    assert column(zeros, "ReLU") == column(dead, "ReLU") == [SeedMean.of([25.0] * 3)]
    assert len(zeros.records) == 3
    assert not dead.records


def test_parameters_are_summed_up_layer_by_layer() -> None:
    (section,) = look("parameters", {"ReLU": opposite(4, 1.0), "CReLU": thresholds})
    assert section.heading == "Learned parameters of CReLU"
    (row,) = section.grids[0].rows
    assert row[:3] == ("1", "theta", 4)
    mean, spread, above = (cell for cell in row[3:] if isinstance(cell, SeedMean))
    assert (mean.mean, spread.mean) == (2.0, pytest.approx(math.sqrt(2)))
    assert above.mean == pytest.approx((0.75 + 0.75 + 1) / 3)


def test_maps_say_what_relu_does() -> None:
    (section,) = look("maps", {"ReLU": opposite(4, 1.0)})
    before, after = (column(section, f"{side}: above 0, %")[0] for side in ("before", "after"))
    assert before == after
    assert column(section, "after: mean")[0].low > column(section, "before: mean")[0].mean


def test_maps_of_equal_networks_are_equally_narrow() -> None:
    (section,) = look("attention", {"ReLU": opposite(4, 1.0), "CReLU": opposite(4, 1.0)})
    assert column(section, "layer") == ["1"]
    (apart,) = column(section, "CReLU − ReLU")
    assert (apart.mean, apart.n) == (0, 3)
    assert [picture.name for picture in section.figures] == ["grad-cam-first.png", "grad-cam-last.png"]


class Bright(nn.Module):
    """Finds what is brighter than a bound."""

    def __init__(self, bound: float) -> None:
        super().__init__()
        self.bound = bound

    def forward(self, x: Tensor) -> Tensor:
        return x - self.bound


def test_segmentations_of_the_image_with_the_most_to_find() -> None:
    pictures = images(6)
    pictures[3] = 0
    pictures[3, :, :, :6] = 255
    slices = Slices(pictures, (pictures > 250).to(torch.uint8), torch.arange(6) // 2)
    batches = Batches(slices, 4, normalise=lambda raw: raw / 255)
    made = experiment("segmentations", columns=(Arm("early", {}), Column("late", {"epochs": 2})))
    looks = [
        ColumnNetworks(
            made,
            "smoke",
            label,
            {row: {0: TrainedNetwork(Bright(bound), batches)} for row, bound in bounds.items()},
            (),
        )
        for label, bounds in (("early", {"ReLU": -1.0, "CReLU": 2.0}), ("late", {"ReLU": 0.9, "CReLU": 0.9}))
    ]
    (section,) = analyses.registry.get("segmentations")(looks)
    assert [cell.mean for cell in column(section, "ReLU")] == pytest.approx([100 * 2 * 48 / (64 + 48), 100])
    assert [cell.mean for cell in column(section, "CReLU")] == [0, 100]
    assert section.grids[0].rows[0][0] == "early"
    assert section.finding == "Too few runs for intervals."


@pytest.mark.parametrize("alone", ["ReLU", "CReLU"])
def test_segmentations_where_a_row_has_no_network_in_the_first_column(alone: str) -> None:
    batches = Batches(
        Slices(images(4), torch.ones(4, 1, 8, 8, dtype=torch.uint8), torch.arange(4)),
        4,
        normalise=lambda raw: raw / 255,
    )
    made = experiment("segmentations", columns=(Arm("early", {}), Column("late", {"epochs": 2})))
    network = {0: TrainedNetwork(Bright(-1.0), batches)}
    rows = {"early": {alone: network}, "late": {"ReLU": network, "CReLU": network}}
    (section,) = analyses.registry.get("segmentations")(
        [ColumnNetworks(made, "smoke", label, networks, ()) for label, networks in rows.items()]
    )
    other = "CReLU" if alone == "ReLU" else "ReLU"
    assert [cell.mean for cell in column(section, alone)] == [100, 100]
    assert [cell.n for cell in column(section, other)] == [0, 1]
    assert [cell.n for cell in column(section, "CReLU − ReLU")] == [0, 1]
    only = [ColumnNetworks(made, "smoke", "early", {"CReLU": network}, ())]
    assert [section.grids[0].head for section in analyses.registry.get("segmentations")(only)] == [("after", "CReLU")]


def test_networks_come_from_the_results_folder_and_give_the_same_numbers_each_time(tmp_path: Path) -> None:
    entry = papers.get("crelu/figure3")
    store, cells = Store(tmp_path, entry.folder, keep_weights=True), entry.cells("smoke")
    (waiting,) = analyse(entry, "smoke", store.outcomes(cells), store.weights)
    assert waiting.text == "The analysis waits for 4 of 4 runs and their weights."
    for cell in cells:
        store.write(run_trial(cell.trial, weights=store.weights, keep=True))
    first, second = (analyse(entry, "smoke", store.outcomes(cells), store.weights) for _ in range(2))
    assert [(section.grids, section.records) for section in first] == [
        (section.grids, section.records) for section in second
    ]
    assert {(record["row"], record["seed"]) for record in first[0].records} == {
        (row, seed) for row in ("ReLU", "CReLU") for seed in (0, 1)
    }
    assert analyse(papers.get("crelu/table1"), "smoke", (), store.weights) == []
