"""Both sides of a bound on CReLU's complexity, for classes of a network's own filters (CReLU, Theorem 4.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from matplotlib.figure import Figure

from ...analysis.inside.rademacher import RademacherBound, rademacher_bound
from ..figures.by_layer import by_layer_figure
from .layers import count_signs
from .networks import ColumnNetworks, TrainedNetwork, first_convolution, middles
from .section import CaptionedFigure, Grid, GridEntry, Section, SeedMean

POINTS = 50
CLASSES = (1, 2, 4, 8, 16)
DRAWS, DRAWS_OF_SMOKE = 10_000, 200

CAPTION = "The left side divided by the right one, with 95 % intervals over the seeds: above 1, the bound is broken"

TEXT = (
    "Both sides of R̂(H∘ρ∘G) ≤ √d·B·R̂(F) for classes F of a network's first filters, as linear functions of the patches "
    "in the middle of {points} test images, d = B = 1, estimated with {draws:,} vectors of signs. The left side is "
    "larger for a class of a single function f: with a = Σσ[f]₊ and b = Σσ[−f]₊ it is the mean of √(a² + b²), the "
    "right one that of |a − b|. So the theorem needs larger classes, about which our copy of the paper says nothing. "
    "Means over the seeds with 95 % t-intervals."
)


def complexity(columns: Sequence[ColumnNetworks]) -> Iterator[Section]:
    """Compare both sides for larger and larger classes."""
    for column in columns:
        draws = DRAWS_OF_SMOKE if column.smoke else DRAWS
        for row, seeds in column.rows.items():
            found = {seed: _bounds(network, draws) for seed, network in seeds.items()}
            lines: list[tuple[GridEntry, ...]] = []
            for size in found[min(found)]:
                bounds = [one[size] for one in found.values()]
                left, right = [each.left for each in bounds], [each.right for each in bounds]
                lines.append((size, *map(SeedMean.of, (left, right, [each.ratio for each in bounds]))))
            grid = Grid(("functions", "left", "right", "left / right"), tuple(lines))
            yield Section(
                column.heading(f"Rademacher complexity of the filters of {row}"),
                TEXT.format(points=POINTS, draws=draws),
                count_signs(grid, ["left / right"], what="classes", than=1),
                (grid,),
                (CaptionedFigure(f"complexity-{row.lower()}.svg", CAPTION, _figure(row, found)),),
                tuple(
                    {"row": row, "seed": seed, "functions": size, **record}
                    for seed, bounds in found.items()
                    for size, bound in bounds.items()
                    for record in bound.records()
                ),
            )


def _figure(row: str, found: Mapping[int, Mapping[int, RademacherBound]]) -> Figure:
    sizes = found[min(found)]
    ratios = [[bounds[size].ratio for bounds in found.values()] for size in sizes]
    return by_layer_figure({row: ratios}, "left / right", places="functions in the class", labels=[*map(str, sizes)])


def _bounds(network: TrainedNetwork, draws: int) -> dict[int, RademacherBound]:
    """Both sides for the first filters, by their number."""
    weight = first_convolution(network).weight.detach()
    patches = middles(network.images(POINTS)[0], *weight.shape[-2:])
    values = weight.flatten(1) @ patches.flatten(1).T
    return {size: rademacher_bound(values[:size], draws=draws) for size in CLASSES if size <= len(values)}
