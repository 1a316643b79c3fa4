"""What rectifiers do inside trained networks: trains them, analyses them, and writes the page and pictures of it.

    python benchmarks/gallery.py --data-dir DATA [--workers 2] [--smoke] [--output FOLDER]

Trains a quarter-width ConvPool-CNN-C with ReLU, CReLU and AReLU and a narrow DenseNet with ReLU and ConvReLU on the
subset of CIFAR-10, three seeds each: fifteen trainings. On two cores everything takes about fifty minutes. Weights are
kept below `--weights`, so that an interrupted run goes on where it was. `--smoke` runs the same code on the embedded
digits in seconds; its numbers mean nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from rectifiers import datasets
from rectifiers.analysis import (
    feature_maps,
    filter_pairs,
    grad_cam,
    invariance_scores,
    outgoing_correlations,
    parameter_histograms,
    rademacher_bound,
    reconstruct,
)
from rectifiers.analysis.measured import Measured
from rectifiers.analysis.parameters import learned
from rectifiers.core.seeds import derive
from rectifiers.datasets.dataset import Dataset
from rectifiers.datasets.splits import subset
from rectifiers.experiments.experiment import Arm, Experiment, Preset
from rectifiers.experiments.network import build_network
from rectifiers.experiments.provenance import provenance
from rectifiers.experiments.result import Result
from rectifiers.experiments.run_trial import EVALUATION_BATCH, trained
from rectifiers.experiments.statistics import Summary, summarise
from rectifiers.experiments.trial import Trial
from rectifiers.report import figures
from rectifiers.report.export import to_markdown
from rectifiers.report.table import Outcomes, build
from rectifiers.training.batches import Batches

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
RESULTS = HERE / "results"

CONVPOOL = Experiment(
    name="gallery/convpool",
    title="Narrow ConvPool-CNN-C",
    settings={
        "network": "convpool-cnn-c",
        "network_args": {"width": 0.25},
        # At the network's first weights CReLU doubles the variance at each layer: SGD diverges at ReLU's rates.
        "optimizer": "adam",
        "lr": 1e-3,
        "batch_size": 64,
        "epochs": 12,
        "milestones": (10,),
        "normalise": "cifar10",
        "augment": ("flip",),
    },
    rows=tuple(Arm(label, {"activation": label.lower()}) for label in ("ReLU", "CReLU", "AReLU")),
    columns=(Arm("CIFAR-10 in part", {"dataset": "cifar10-subset"}), Arm("digits", {"dataset": "digits"})),
    presets={
        "full": Preset("narrow, on part of the data", seeds=3, columns=("CIFAR-10 in part",)),
        "smoke": Preset(
            "the code alone",
            {
                "network": "digits-conv",
                "network_args": {},
                "epochs": 2,
                "milestones": (),
                "normalise": "unit",
                "augment": (),
                "train_size": 256,
            },
            seeds=2,
            columns=("digits",),
        ),
    },
)
DENSENET = replace(
    CONVPOOL,
    name="gallery/densenet",
    title="Narrow DenseNet",
    settings={
        **CONVPOOL.settings,
        "network": "densenet-convrelu",
        "network_args": {"growth": 2},
        "optimizer": "sgd",
        "lr": 0.05,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "epochs": 3,
        "milestones": (2,),
    },
    rows=(Arm("ReLU", {"activation": "relu"}), Arm("ConvReLU", {"activation": "convrelu2d", "where": "R1"})),
    presets={
        "full": CONVPOOL.presets["full"],
        "smoke": Preset(
            "the code alone",
            {"network_args": {"growth": 1}, "epochs": 1, "milestones": (), "train_size": 128}
            | {"normalise": "unit", "augment": ()},
            seeds=1,
            columns=("digits",),
        ),
    },
)

Nets = Mapping[str, Sequence[nn.Module]]
"""The trained networks of each row, by seed."""


@dataclass(frozen=True)
class Size:
    """How much is looked at.

    Args:
        preset: of the experiments.
        images: of the test set.
        reconstructed: of these, images to reconstruct.
        depth: from so many layers.
        iterations: steps of conjugate gradients at most.
        draws: sign vectors for the Rademacher complexities.
    """

    preset: str
    images: int
    reconstructed: int
    depth: int
    iterations: int
    draws: int


FULL, SMOKE = Size("full", 1000, 16, 4, 200, 10_000), Size("smoke", 100, 4, 2, 50, 200)


@dataclass
class Section:
    """One part of the page.

    Args:
        title: its heading.
        text: what stands below, in Markdown.
        pictures: by file name, with what each shows.
        numbers: what is kept for other programs.
    """

    title: str
    text: str
    pictures: dict[str, tuple[str, Figure]] = field(default_factory=dict)
    numbers: list[dict[str, Any]] = field(default_factory=list)


def train(experiment: Experiment, size: Size, data_dir: Path | None, weights: Path, workers: int) -> Outcomes:
    """All trainings of an experiment; those that were kept are read."""
    cells = experiment.cells(size.preset)
    tasks = [(cell.trial, data_dir, weights) for cell in cells]
    if workers == 1:
        results = [_train(*task) for task in tasks]
    else:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            # The longest last, CReLU and ConvReLU, would keep one core waiting; they go first.
            order = sorted(
                range(len(tasks)), key=lambda place: tasks[place][0].activation not in ("crelu", "convrelu2d")
            )
            done = dict(
                zip(order, pool.map(_train, *zip(*(tasks[place] for place in order), strict=True)), strict=True)
            )
        results = [done[place] for place in range(len(tasks))]
    return list(zip(cells, results, strict=True))


def _train(trial: Trial, data_dir: Path | None, weights: Path) -> Result:
    return trained(trial, data_dir, weights)[0]


def networks(outcomes: Outcomes, data: Dataset, data_dir: Path | None, weights: Path) -> dict[str, list[nn.Module]]:
    """The trained networks of each row, by seed; diverged ones are left out."""
    nets: dict[str, list[nn.Module]] = {}
    for cell, result in outcomes:
        if result is not None and result.status == "done":
            net = build_network(cell.trial, data)
            net.load_state_dict(trained(cell.trial, data_dir, weights)[1])
            nets.setdefault(cell.row, []).append(net.eval())
    return nets


def accuracy(experiment: Experiment, outcomes: Outcomes, size: Size) -> Section:
    """The table, and the curves where there is more than one epoch."""
    table = build(experiment, size.preset, outcomes)
    curves = figures.curves_figure(table, outcomes, figures.styles(experiment, outcomes))
    name = experiment.name.replace("/", "-")
    pictures = {} if curves is None else {f"{name}.svg": ("Test accuracy with 95 % intervals over the seeds", curves)}
    return Section(f"{experiment.title}: accuracy", to_markdown(table), pictures)


def pairing(nets: Nets) -> Section:
    """Figures 1 to 3 of the CReLU paper."""
    found = {label: [filter_pairs(net) for net in nets[label]] for label in ("ReLU", "CReLU")}
    lines = _header("layer", "ReLU: random − μ", "CReLU: random − μ")
    for layers in zip(*(zip(*seeds, strict=True) for seeds in found.values()), strict=True):
        gaps = [summarise([layer.gap for layer in seeds]) for seeds in layers]
        lines.append(_row(layers[0][0].layer, *map(_interval, gaps)))
    text = (
        "Each filter's μ is its smallest cosine with another filter of its layer. Where the mean μ lies below that of "
        "random Gaussian filters, the gap below is above 0 and filters come in opposite pairs. Means over the seeds "
        "with 95 % t-intervals.\n\n"
    )
    return Section(
        "Filters and their opposites",
        text + "\n".join(lines),
        {
            "pairing.svg": (
                "μ of the first seed's filters",
                figures.pairing_figure({k: v[0] for k, v in found.items()}),
            ),
            "filters.png": (
                "First filters with ReLU, each beside its opposite",
                figures.filters_figure(found["ReLU"][0][0]),
            ),
            "filters-crelu.png": ("The same with CReLU", figures.filters_figure(found["CReLU"][0][0])),
        },
        _numbers(found),
    )


def reconstruction(nets: Nets, images: Tensor, size: Size) -> Section:
    """Figure 5 of the CReLU paper."""
    images = images[: size.reconstructed]
    found = {"CReLU": [reconstruct(net, images, depth=size.depth, iterations=size.iterations) for net in nets["CReLU"]]}
    lines = _header("through", "relative error")
    for layers in zip(*found["CReLU"], strict=True):
        error = summarise([float(layer.error.mean()) for layer in layers])
        lines.append(_row(layers[0].layer, _interval(error)))
    text = (
        f"{len(images)} test images, from the features of each layer back to the pixels, without anything learned for "
        "it; behind max-pooling only the largest responses are known. Mean ‖x − x′‖ / ‖x‖ of normalised images over "
        "the seeds with 95 % t-intervals.\n\n"
    )
    picture = figures.reconstruction_figure(images, found["CReLU"][0])
    return Section(
        "Images from CReLU's features",
        text + "\n".join(lines),
        {"reconstruction.png": ("The image and what comes back from each layer, with its error", picture)},
        _numbers(found),
    )


def invariance(nets: Nets, batches: Sequence[Any]) -> Section:
    """Figure 4 of the CReLU paper."""
    found = {label: [invariance_scores(net, batches) for net in nets[label]] for label in ("ReLU", "CReLU")}
    lines = _header("activation", "ReLU", "CReLU", "CReLU − ReLU")
    for layers in zip(*(zip(*seeds, strict=True) for seeds in found.values()), strict=True):
        relu, crelu = ([layer.mean for layer in seeds] for seeds in layers)
        apart = [high - low for low, high in zip(relu, crelu, strict=False)]
        lines.append(_row(layers[0][0].layer, *(_interval(summarise(values)) for values in (relu, crelu, apart))))
    text = (
        "How much more often a unit fires on images that it fires on, once they are moved, than on any (Goodfellow et "
        "al., 2009): the best fifth of a layer's units, mean over translations, rotations and flips; 1 says not at "
        "all invariant. "
        "Means over the seeds with 95 % t-intervals, differences paired by seed.\n\n"
    )
    return Section(
        "Invariance",
        text + "\n".join(lines),
        {"invariance.svg": ("Invariance scores by layer", figures.invariance_figure(found))},
        _numbers(found),
    )


def correlation(nets: Nets, batches: Sequence[Any]) -> Section:
    """Table 6 of the CReLU paper."""
    found = {"CReLU": [outgoing_correlations(net, batches) for net in nets["CReLU"]]}
    lines = _header("CReLU", "read by", "pair", "non-pair")
    for layers in zip(*found["CReLU"], strict=True):
        values = [summarise([float(layer.records()[kind]["mean"]) for layer in layers]) for kind in (0, 1)]
        lines.append(_row(layers[0].layer, layers[0].reader, *map(_interval, values)))
    text = (
        "Absolute cosines of the weights by which the next convolution reads a channel's two phases (pair), and the "
        "phases of different channels. 1 would mean that the negative phase is used like the positive one. Means over "
        "the seeds with 95 % t-intervals.\n\n"
    )
    picture = figures.correlation_figure(found["CReLU"][0])
    return Section(
        "What becomes of the two phases",
        text + "\n".join(lines),
        {"correlation.svg": ("The first seed; bars show standard deviations", picture)},
        _numbers(found),
    )


def rademacher(size: Size) -> Section:
    """Theorem 4.1 of the CReLU paper."""
    lines = _header("functions", "left", "right", "left / right", "holds")
    numbers = []
    generator = torch.Generator().manual_seed(derive(0, "gallery", "rademacher"))
    points = torch.randn(50, 8, generator=generator)
    for count in (1, 2, 4, 16, 64):
        directions = torch.nn.functional.normalize(torch.randn(count, 8, generator=generator), dim=1)
        found = rademacher_bound(directions @ points.T, draws=size.draws)
        numbers += [{"functions": count, **record} for record in found.records()]
        answer = {True: "yes", False: "no", None: "undecided"}[found.holds]
        sides = (
            f"{side:.4f} ± {2 * error:.4f}"
            for side, error in ((found.left, found.left_error), (found.right, found.right_error))
        )
        lines.append(_row(str(count), *sides, f"{found.ratio:.3f}", answer))
    text = (
        "Both sides of Theorem 4.1, R̂(H∘ρ∘G) ≤ √d·B·R̂(F), for classes F of random linear functions of unit length on "
        "50 Gaussian points in 8 dimensions, d = B = 1; ± two standard errors of the mean over drawn signs. For a "
        "single function f with a = Σσ[f]₊ and b = Σσ[−f]₊ the left side is the mean of √(a² + b²), the right one that "
        "of |a − b|, and never the larger; the theorem needs classes with more in them, of which the text that we have "
        "says nothing.\n\n"
    )
    return Section("Rademacher complexity", text + "\n".join(lines), numbers=numbers)


def attention(nets: Nets, images: Tensor, labels: Tensor, classes: Sequence[str]) -> Section:
    """Figure 4 of the AReLU paper, and the right half of its Figure 1."""
    # One image of each of the first classes.
    chosen = torch.stack([images[labels == label][0] for label in labels.unique()[:6]])
    found = {label: grad_cam(nets[label][0], chosen) for label in ("ReLU", "AReLU")}
    pictures = {
        "grad-cam.png": (
            "Grad-CAM at the last activation with a map, for the class that each network finds",
            figures.grad_cam_figure(chosen, found, classes),
        )
    }
    maps = {label: feature_maps(nets[label][0], chosen[:1])[0] for label in found}
    for label, shown in maps.items():
        pictures[f"maps-{label.lower()}.png"] = (
            f"Maps before and after the first {label}",
            figures.feature_maps_figure(shown),
        )
    text = "The first seed's networks. Where a network looks, and what its first activation does to an image."
    numbers = [{"row": label, **record} for label, cam in found.items() for record in cam.records()]
    return Section("Where networks look, and what they see", text, pictures, numbers)


def thresholds(nets: Nets) -> Section:
    """Figure 6 of the ConvReLU paper."""
    found = [{layer: values.flatten() for layer, _, values in learned(net)} for net in nets["ConvReLU"]]
    lines = _header("layer", "thresholds", "mean", "above 0, %")
    numbers = []
    for name in found[0]:
        means = [float(layers[name].mean()) for layers in found]
        above = [100 * float((layers[name] > 0).float().mean()) for layers in found]
        lines.append(
            _row(name, str(found[0][name].numel()), _interval(summarise(means)), _interval(summarise(above), 0))
        )
        numbers += [
            {"seed": seed, "layer": name, "mean": mean, "positive": share / 100}
            for seed, (mean, share) in enumerate(zip(means, above, strict=True))
        ]
    figure = figures.parameters_figure(parameter_histograms(nets["ConvReLU"][0]))
    text = "All thresholds start at 0, where ConvReLU is ReLU. Means over the seeds with 95 % t-intervals.\n\n"
    return Section(
        "ConvReLU's learned thresholds",
        text + "\n".join(lines),
        {"thresholds.svg": ("Thresholds of the first seed, layer by layer", figure)},
        numbers,
    )


def gallery(size: Size, data_dir: Path | None, weights: Path, workers: int) -> Iterator[Section]:
    """All parts of the page."""
    outcomes = train(CONVPOOL, size, data_dir, weights, workers)
    dense = train(DENSENET, size, data_dir, weights, workers)
    trial = outcomes[0][0].trial
    data = datasets.load(trial.dataset, data_dir)
    nets = networks(outcomes, data, data_dir, weights)
    shown = subset(data.test, size.images, seed=0)
    batches = list(Batches(shown, EVALUATION_BATCH, normalise=data.train.numbers(trial.normalise, channels_last=True)))
    images, labels = batches[0]
    yield accuracy(CONVPOOL, outcomes, size)
    yield pairing(nets)
    yield reconstruction(nets, images, size)
    yield invariance(nets, batches)
    yield correlation(nets, batches)
    yield rademacher(size)
    yield attention(nets, images, labels, data.classes)
    yield accuracy(DENSENET, dense, size)
    yield thresholds(networks(dense, data, data_dir, weights))


def write(sections: Sequence[Section], page: Path, pictures: Path, numbers: Path, lead: str) -> None:
    """The page, its pictures and its numbers."""
    pictures.mkdir(parents=True, exist_ok=True)
    numbers.parent.mkdir(parents=True, exist_ok=True)
    parts = ["# Inside trained networks\n", "<!-- Written by benchmarks/gallery.py. -->\n", f"{lead}\n"]
    for section in sections:
        parts += [f"## {section.title}\n", f"{section.text.rstrip()}\n"]
        for name, (caption, figure) in section.pictures.items():
            path = pictures / name
            if path.suffix == ".svg":
                path.write_text(figures.svg(figure, name=path.stem, title=caption), encoding="utf-8")
            else:
                path.write_bytes(figures.png(figure))
            parts.append(f"![{caption}]({path.relative_to(page.parent).as_posix()})\n\n*{caption}.*\n")
    page.write_text("\n".join(parts), encoding="utf-8")
    kept = {section.title: _finite(section.numbers) for section in sections}
    numbers.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _numbers(found: Mapping[str, Sequence[Sequence[Measured]]]) -> list[dict[str, Any]]:
    """All rows of all layers, with the network and the seed."""
    return [
        {"row": label, "seed": seed, **record}
        for label, seeds in found.items()
        for seed, layers in enumerate(seeds)
        for layer in layers
        for record in layer.records()
    ]


def _finite(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in record.items()}
        for record in records
    ]


def _interval(summary: Summary, digits: int = 3) -> str:
    """A mean with its interval, or alone where there is none."""
    text = f"{summary.mean:.{digits}f}"
    if math.isfinite(summary.low):
        text += f" [{summary.low:.{digits}f}, {summary.high:.{digits}f}]"
    return text.replace("-", "−")


def _header(*titles: str) -> list[str]:
    return [_row(*titles), "|:--" + "|--:" * (len(titles) - 1) + "|"]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="where data sets lie")
    parser.add_argument("--weights", type=Path, default=Path("runs/gallery"), help="where trained weights are kept")
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time, one thread each")
    parser.add_argument("--smoke", action="store_true", help="the same code on digits, in seconds")
    parser.add_argument(
        "--output", type=Path, help="write everything there instead of into docs and benchmarks/results"
    )
    options = parser.parse_args(arguments)
    size = SMOKE if options.smoke else FULL
    start = time.perf_counter()
    sections = list(gallery(size, options.data_dir, options.weights, options.workers))
    facts = [f"{key} {value}" for key, value in provenance().items() if value]
    lead = (
        "What the analyses of `rectifiers.analysis` find in narrow networks that were trained here; data, seeds and "
        "accuracies stand in the tables. `python benchmarks/gallery.py --data-dir DATA` makes this page anew.\n\n"
        f"{'; '.join(facts)}; {(time.perf_counter() - start) / 60:.0f} minutes, without trainings that were kept."
    )
    folder = options.output or DOCS
    numbers = (options.output or RESULTS) / "gallery.json"
    write(sections, folder / "gallery.md", folder / "images" / "analysis", numbers, lead)


if __name__ == "__main__":
    main()
