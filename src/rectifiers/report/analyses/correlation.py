"""Whether CReLU's two halves are used alike (CReLU, Table 6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...analysis.inside.correlation import OutgoingCorrelation, outgoing_correlations
from ..figures import correlation_figure
from .layers import each_network, firsts, records, signs
from .look import Look
from .section import Cell, Estimate, Grid, Picture, Section

TEXT = (
    "Absolute cosines of the weights by which the next convolution reads a channel's two phases (pair), and phases of "
    "different channels (non-pair): 1 would mean that the negative phase is used as the positive one is. Means over "
    "the seeds with 95 % t-intervals, differences paired by seed."
)

KINDS = ("pair", "non-pair")
DIFFERENCE = " − ".join(KINDS)


def correlation(looks: Sequence[Look]) -> Iterator[Section]:
    """Correlations of pairs and of others, layer by layer, beside the paper's."""
    for look in looks:
        found = each_network(look, lambda trained: outgoing_correlations(trained.net, trained.batches))
        for row, seeds in found.items():
            grid = _grid(look, list(seeds.values()))
            yield Section(
                look.heading(f"What becomes of the two phases, {row}"),
                TEXT,
                signs(grid, [DIFFERENCE]),
                (grid,),
                (
                    Picture(
                        f"correlation-{row.lower()}.svg",
                        "The first seed; bars show standard deviations over the channels",
                        correlation_figure(firsts(found)[row]),
                    ),
                ),
                records({row: seeds}),
            )


def _grid(look: Look, trainings: Sequence[Sequence[OutgoingCorrelation]]) -> Grid:
    """Our numbers, and the paper's where it has some for layers of this number."""
    published = look.experiment.published
    paper = "paper" if look.experiment.preset(look.preset).comparable else "paper, not comparable"
    lines = []
    for layers in zip(*trainings, strict=True):
        pairs, others = ([float(layer.records()[kind]["mean"]) for layer in layers] for kind in (0, 1))
        apart = [pair - other for pair, other in zip(pairs, others, strict=True)]
        line: list[Cell] = [layers[0].layer, layers[0].reader]
        for kind, values in zip(KINDS, (pairs, others), strict=True):
            line.append(Estimate.of(values))
            if published:
                place = layers[0].layer.partition(".")[0], kind
                value, width = published.cells.get(place), published.uncertainties.get(place)
                line.append("–" if value is None else f"{value:.3f} ± {width:.3f}")
        lines.append((*line, Estimate.of(apart)))
    titles = [title for kind in KINDS for title in ([kind, paper] if published else [kind])]
    return Grid(("CReLU", "read by", *titles, DIFFERENCE), tuple(lines))
