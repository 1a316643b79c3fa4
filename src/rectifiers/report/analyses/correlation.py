"""How similarly CReLU's two halves are used (CReLU, Table 6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...analysis.inside.correlation import OutgoingCorrelation, outgoing_correlations
from ..figures.correlation import correlation_figure
from .layers import count_signs, each_network, first_seeds, records
from .networks import ColumnNetworks
from .section import CaptionedFigure, Grid, GridEntry, Section, SeedMean

TEXT = (
    "Absolute cosines between the weights with which the next convolution reads the two phases of a channel (pair), "
    "and the phases of different channels (non-pair): 1 would mean that the negative phase is used in the same way as "
    "the positive one. Means over the seeds with 95 % t-intervals, differences paired by seed."
)

KINDS = ("pair", "non-pair")
DIFFERENCE = " − ".join(KINDS)


def correlation(columns: Sequence[ColumnNetworks]) -> Iterator[Section]:
    """Measure correlations within and across pairs, layer by layer, beside the paper's."""
    for column in columns:
        found = each_network(column, lambda network: outgoing_correlations(network.net, network.batches))
        for row, seeds in found.items():
            grid = _grid(column, list(seeds.values()))
            yield Section(
                column.heading(f"How the two phases are used, {row}"),
                TEXT,
                count_signs(grid, [DIFFERENCE]),
                (grid,),
                (
                    CaptionedFigure(
                        f"correlation-{row.lower()}.svg",
                        "First seed; error bars: standard deviation over the channels",
                        correlation_figure(first_seeds(found)[row]),
                    ),
                ),
                records({row: seeds}),
            )


def _grid(column: ColumnNetworks, runs: Sequence[Sequence[OutgoingCorrelation]]) -> Grid:
    """Tabulate our numbers, and the paper's where it prints some for the same layer."""
    published = column.experiment.published
    paper = "paper" if column.experiment.preset(column.preset).comparable else "paper, not comparable"
    lines = []
    for layers in zip(*runs, strict=True):
        pairs, others = ([float(layer.records()[kind]["mean"]) for layer in layers] for kind in (0, 1))
        apart = [pair - other for pair, other in zip(pairs, others, strict=True)]
        line: list[GridEntry] = [layers[0].layer, layers[0].reader]
        for kind, values in zip(KINDS, (pairs, others), strict=True):
            line.append(SeedMean.of(values))
            if published:
                place = layers[0].layer.partition(".")[0], kind
                value, width = published.cells.get(place), published.uncertainties.get(place)
                line.append("–" if value is None else f"{value:.3f} ± {width:.3f}")
        lines.append((*line, SeedMean.of(apart)))
    titles = [title for kind in KINDS for title in ([kind, paper] if published else [kind])]
    return Grid(("CReLU", "read by", *titles, DIFFERENCE), tuple(lines))
