"""What the report makes of an experiment's trained networks: the figures and tables of the papers that look inside.

A new one is a file with a function, which takes the `ColumnNetworks` of each column and yields `Section`s, and a line
in `TABLE`. An experiment names it as its `analysis`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .networks import ColumnNetworks
    from .section import Section

    Analysis = Callable[[Sequence[ColumnNetworks]], Iterator[Section]]

TABLE = {
    "attention": "attention:attention",
    "complexity": "complexity:complexity",
    "correlation": "correlation:correlation",
    "filters": "filters:filters",
    "gradients": "gradients:gradients",
    "invariance": "invariance:invariance",
    "maps": "maps:maps",
    "pairing": "pairing:pairing",
    "parameters": "parameters:parameters",
    "projection": "projection:projection",
    "reconstruction": "reconstruction:reconstruction",
    "segmentations": "segmentations:segmentations",
    "sparsity": "sparsity:sparsity",
}

registry: Registry[Analysis] = Registry("analysis", __name__, TABLE)
