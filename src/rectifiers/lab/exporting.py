"""All results beside all published numbers, for other programs: CSV files, and what they hold in Croissant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ..core.files import check_file, write_file
from ..core.version import __version__
from ..core.wording import finite, plural
from ..experiments.experiment import Experiment
from ..experiments.result import METRICS
from ..papers import registry
from ..papers.claims import published_claims
from ..report.croissant import Column, CSVTable, describe
from ..report.export import cell_record
from ..report.table import Outcomes, Table, build
from .claims import judge_claims
from .selecting import result_folders, select

DESCRIPTION = "croissant.json"
"""The file that says what the others hold."""

ABOUT = {
    "name": "rectifiers-results",
    "description": (
        "Runs of the experiments of four papers on rectifiers that learn (ConvReLU, AReLU, CReLU, PVLU), with their "
        "statistics; every number that the papers print; and every claim of theirs with what the runs say about it."
    ),
    "license": "https://spdx.org/licenses/MIT.html",
    "url": "https://pypi.org/project/rectifiers/",
    "creator": {"@type": "sc:Organization", "name": "The rectifiers authors"},
    "citeAs": f"The rectifiers authors: rectifiers {__version__}, rectifier activation functions that learn",
    "version": "1.0.0",
}

ENTRY = Column("entry", "text", "the table or figure, as `rectifiers list papers` names it")
ROW = Column("row", "text", "label of the row; usually the function")
COLUMN = Column("column", "text", "label of the column")
PRESET = Column("preset", "text", "size of the experiment: paper, or a smaller one whose numbers are not the paper's")
KERNELS = Column("kernels", "text", "the runs' computations: reference, or those in C++, which round differently")
METRIC = Column(
    "metric", "text", "what a number shows: " + "; ".join(f"{name}: {told}" for name, told in METRICS.items())
)

PUBLISHED = (
    ENTRY,
    Column("source", "text", "paper, and place in it"),
    Column("part", "text", "cell; derived: what the paper computes from its cells; parameters: per unit; stated: text"),
    ROW,
    COLUMN,
    Column("quantity", "text", "what the column's numbers are: shares, accuracies and errors are in percent"),
    Column("printed", "number", "the number as it is printed; empty where the paper has a dash"),
    Column("uncertainty", "number", "what is printed after ±"),
    Column("correction", "number", "what a printed number that contradicts others ought to be"),
    Column("absent", "text", "why the paper has no number"),
)

CELLS = (
    ENTRY,
    PRESET,
    KERNELS,
    Column("comparable", "truth", "whether the preset follows the paper, so that the numbers can be held against it"),
    ROW,
    COLUMN,
    METRIC,
    Column("aggregate", "text", "whether the value is the mean of the seeds or the best of them"),
    Column("value", "number", "the cell's number; accuracies in percent, errors turned into accuracies"),
    Column("n", "whole", "finished seeds"),
    Column("planned", "whole", "seeds that the preset asks for"),
    Column("diverged", "whole", "seeds whose training diverged"),
    Column("missing", "whole", "seeds that were not run"),
    Column("mean", "number", "of the finished seeds"),
    Column("std", "number", "standard deviation over the seeds"),
    Column("low", "number", "lower end of the mean's 95 % t-interval"),
    Column("high", "number", "its upper end"),
    Column("best", "number", "highest number of a seed"),
    Column("published", "number", "the paper's number in the same unit; errors turned into accuracies"),
    Column("minus_published", "number", "value minus published; empty where the preset is not comparable"),
    Column("published_outside_interval", "truth", "whether the paper's number lies outside low to high"),
    Column("baseline", "text", "row that the others are paired with, seed by seed"),
    Column("pairs", "whole", "seeds that finished in both"),
    Column("minus_baseline", "number", "mean difference from the baseline, in percentage points"),
    Column("minus_baseline_low", "number", "lower end of its 95 % t-interval"),
    Column("minus_baseline_high", "number", "its upper end"),
    Column("p", "number", "two-sided, of the paired t-test"),
    Column("adjusted_p", "number", "the same after Holm's correction for the column's comparisons"),
    Column("detectable", "number", "difference that this many pairs find in four of five cases, in percentage points"),
    Column("verdict", "text", "better, worse, equivalent or inconclusive"),
    Column("activation_parameters", "whole", "learned numbers of the functions in the whole network"),
    Column("seconds_per_epoch", "number", "mean duration of an epoch's training"),
)

RUNS = (
    ENTRY,
    PRESET,
    KERNELS,
    ROW,
    COLUMN,
    METRIC,
    Column("seed", "whole", "of the run"),
    Column("run", "text", "id of the run; cells that share runs have the same ids"),
    Column("status", "text", "done, or why there is no value"),
    Column("value", "number", "the metric of this run"),
)

CLAIMS = (
    Column("paper", "text", "arelu, convrelu, crelu or pvlu"),
    Column("place", "text", "where the paper says it"),
    Column("says", "text", "the claim, in our words"),
    Column("printed", "text", "the numbers that it rests on, as printed"),
    Column("entry", "text", "the experiment, or the analysis of one, that can settle it; empty where tests do"),
    Column("row", "text", "label of the row that leads, or falls behind"),
    Column("over", "text", "labels of the rows that it is held against, with `; ` between; * stands for all others"),
    Column("column", "text", "label of the column; of an analysis, that of its table"),
    Column("holds", "text", "where the difference lies if the claim is true: above, below, level, or falling"),
    Column("tests", "text", "the tests that settle it, where it is a matter of mathematics or counting"),
    Column("status", "text", "reproduced, contradicted, at small scale only, or open"),
    Column("finding", "text", "what was found, in words"),
    Column("effect", "number", "mean difference that bears on it, in percentage points; an analysis's in its unit"),
    Column("low", "number", "lower end of its 95 % t-interval"),
    Column("high", "number", "its upper end"),
    Column("n", "whole", "pairs of runs; of an analysis, networks"),
    Column("command", "text", "what shows it, or would settle it"),
    Column("cost", "text", "what settling it takes"),
)


@dataclass(frozen=True)
class Export:
    """What was written.

    Args:
        folder: where the files are.
        tables: the tables in them.
        results: where the runs were looked for.
    """

    folder: Path
    tables: Sequence[CSVTable]
    results: Path

    def __str__(self) -> str:
        counts = (f"{table.file:<15} {plural(len(table.rows), 'row')}: {table.meaning}" for table in self.tables)
        lines = [f"{self.folder}: {DESCRIPTION} describes", *counts]
        if not any(table.rows for table in self.tables if table.name == "runs"):
            lines.append(
                f"There are no runs of the papers' experiments in {self.results}, so cells and runs are empty, and the "
                "claims are judged by tests alone."
            )
        return "\n".join(lines)


def export(folder: Path | str, results: Path | str) -> Export:
    """Write all results of the papers' experiments, all published numbers, and the register of claims.

    Four CSV files and their description in Croissant, by which loaders and catalogues of data sets know the fields.

    Args:
        folder: where to; made if it is not there. Files of the same names are replaced.
        results: folder that holds the runs of all experiments, such as `results`; those with the kernels in C++ may lie
            in a folder `cpu-fused` in it.

    Raises:
        ConfigError: a file cannot be written.
        StoreError: a folder of results is damaged.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     [table.name for table in export(place, "nowhere").tables]
        ['published', 'cells', 'runs', 'claims']
    """
    place, runs = Path(folder), Path(results)
    check_file(place / DESCRIPTION)
    begun = [*_begun(runs)]
    tables = (
        CSVTable("published", "A number that a paper prints", PUBLISHED, [*_published()]),
        CSVTable("cells", "A cell of a table that was run, with statistics over its seeds", CELLS, [*_cells(begun)]),
        CSVTable("runs", "A run in its cell", RUNS, [*_runs(begun)]),
        CSVTable("claims", "A claim of a paper, and what is known about it", CLAIMS, [*_claims(runs)]),
    )
    for table in tables:
        write_file(place / table.file, table.to_csv(), make_folder=True)
    write_file(place / DESCRIPTION, describe(tables, **ABOUT, datePublished=date.today().isoformat()))
    return Export(place, tables, runs)


def _begun(results: Path) -> Iterator[tuple[Outcomes, Table]]:
    """Each experiment in each preset of which there are runs, the smoke tests left out."""
    for name in registry:
        experiment = registry.get(name)
        for folder in [] if experiment.lacking else result_folders(results):
            presets = experiment.presets if (folder / experiment.folder).exists() else ()
            for preset in presets:
                outcomes = select(experiment, preset=preset, results=folder).outcomes() if preset != "smoke" else []
                if any(result for _, result in outcomes):
                    further = _further_seeds(experiment, preset, folder)
                    yield [*outcomes, *further], build(experiment, preset, outcomes)


def _further_seeds(experiment: Experiment, preset: str, results: Path) -> Outcomes:
    """The runs with more seeds than the preset has; its cells are made without them."""
    first = seeds = experiment.preset(preset).seeds
    found: Outcomes = []
    while True:
        more = select(experiment, preset=preset, seeds=2 * seeds, results=results).outcomes()
        beyond = [(cell, result) for cell, result in more if result and cell.trial.seed >= first]
        if len(beyond) == len(found):
            return found
        found, seeds = beyond, 2 * seeds


def _published() -> Iterator[dict[str, Any]]:
    for name in registry:
        numbers = registry.get(name).published
        if numbers is None:
            continue
        about: dict[str, Any] = {"entry": name, "source": numbers.source}
        for part, printed in (
            ("cell", {**numbers.cells, **dict.fromkeys(numbers.absent)}),
            ("derived", numbers.derived),
        ):
            for (row, column), value in printed.items():
                place = (row, column)
                yield about | {
                    "part": part,
                    "row": row,
                    "column": column,
                    "quantity": numbers.quantities.get(column),
                    "printed": value,
                    "uncertainty": numbers.uncertainties.get(place),
                    "correction": numbers.corrections.get(place),
                    "absent": numbers.absent.get(place),
                }
        for part, others in (("parameters", numbers.parameters), ("stated", numbers.stated)):
            yield from (about | {"part": part, "row": label, "printed": value} for label, value in others.items())


Begun = Sequence[tuple[Outcomes, Table]]


def _cells(begun: Begun) -> Iterator[dict[str, Any]]:
    for outcomes, table in begun:
        about = {
            "entry": table.experiment.name,
            "preset": table.preset,
            "kernels": outcomes[0][0].trial.kernels,
            "comparable": table.size.comparable,
            "baseline": table.experiment.baseline,
        }
        yield from (about | cell_record(cell) for cell in table.cells.values() if cell.missing < cell.planned)


def _runs(begun: Begun) -> Iterator[dict[str, Any]]:
    for outcomes, table in begun:
        for place, result in outcomes:
            if result is not None:
                metric = table.cells[place.row, place.column].metric
                yield {
                    "entry": table.experiment.name,
                    "preset": table.preset,
                    "kernels": place.trial.kernels,
                    "row": place.row,
                    "column": place.column,
                    "metric": metric,
                    "seed": result.trial.seed,
                    "run": result.trial.id,
                    "status": result.status,
                    "value": finite(result.value(metric)),
                }


def _claims(results: Path) -> Iterator[dict[str, Any]]:
    """By these results; what was seen inside of networks is as published, unless it was seen in these too."""
    names = [column.name for column in CLAIMS]
    published = {(claim["paper"], claim["says"]): claim for claim in published_claims()}
    for one in judge_claims(results):
        record = one.to_dict()
        known = published.get((record["paper"], record["says"]), record)
        if one.claim.analysis and one.status == "open":
            record = known
        elif record["status"] == known["status"]:
            record["cost"] = known["cost"]
        claim = one.claim
        asked = {
            "entry": claim.entry or claim.analysis,
            "over": "; ".join(claim.over),
            "column": claim.shows.column if claim.shows else claim.column,
            "holds": claim.shows.holds if claim.shows else claim.holds if claim.entry else "",
            "tests": " ".join(claim.tests),
        }
        yield {name: (record | asked).get(name) for name in names}
