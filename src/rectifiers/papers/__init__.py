"""The papers: one package each, one file per table or figure, the published numbers in TOML beside it.

A new experiment: one file that holds an `experiment`, its docstring beginning with what it shows, and one line in
`TABLE`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.registry import Registry

if TYPE_CHECKING:
    from ..experiments.experiment import Experiment

TABLE = {
    "arelu/figure2": "arelu.figure2:experiment",
    "arelu/figure3": "arelu.figure3:experiment",
    "arelu/table1": "arelu.table1:experiment",
    "arelu/table5": "arelu.table5:experiment",
    "arelu/table6": "arelu.table6:experiment",
    "arelu/table7": "arelu.table7:experiment",
    "quickstart": "quickstart:experiment",
}

registry: Registry[Experiment] = Registry("experiment", __name__, TABLE)
