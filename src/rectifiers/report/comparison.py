"""A comparison in a user's model: in a terminal, on a page, and as data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from ..core.files import write_file
from ..core.wording import NOTHING, duration, plural
from ..experiments.compare.findings import Findings, Row
from ..experiments.compare.trial import OwnTrial
from ..experiments.experiment import Cell
from ..experiments.result import Result
from ..experiments.statistics import PairedDifference
from ..experiments.trial import Trial
from ..speed.model_cost import ModelCost
from . import protocol
from .figures.differences import differences_figure
from .page import PageFigure, place_drawing, render_template
from .terminal import COLOURS
from .wording import MARKS, p_value, sentence

DECISIONS = {"use it": "Use it", "do not": "Do not", "cannot tell yet": "Cannot tell yet"}

Outcomes = Sequence[tuple[Cell, Result]]


def lines(found: Findings) -> list[tuple[str, ...]]:
    """The table as text: its heading, then a line for each row."""
    unit = f", {found.measure.unit}" if found.measure.unit else ""
    heading = ("", f"{found.measure.name}{unit}", f"− {found.baseline} [95 %]", "p", "runs", "parameters")
    table: list[tuple[str, ...]] = [(*heading, "verdict")]
    for row in found.rows:
        one = row.comparison
        table.append(
            (
                row.label,
                _score(row, found),
                _difference(one, found) if one is not None and one.n else "",
                p_value(one.adjusted_p) if one and one.n > 1 else "",
                _runs(row),
                "–" if row.parameters is None else f"{row.parameters:,}",
                "" if one is None else one.verdict,
            )
        )
    return table


def cost_tables(found: Findings) -> list[list[tuple[str, ...]]]:
    """The tables of costs as text, of time and of room: a heading, then a line for each model; none without costs."""
    if not found.costs:
        return []
    first, *others = found.costs.values()
    times: list[tuple[str, ...]] = [("", "a training step", "an inference", "exported, an inference")]
    rooms: list[tuple[str, ...]] = [("", "parameters", "peak memory", "exported")]
    for row in (first, *others):
        times.append((row.label, *(_time(row, first, way) for way in ("train", "infer", "export"))))
        count = f"{row.parameters:,}" if row is first else f"{row.parameters - first.parameters:+,}"
        peak = _size(row, first, row.peaks.get("train"), first.peaks.get("train"))
        exported = _size(row, first, row.sizes.get("export"), first.sizes.get("export"))
        rooms.append((row.label, count, peak, exported))
    return [times, rooms]


def _time(row: ModelCost, first: ModelCost, way: str) -> str:
    found = row.times.get(way)
    if found is None:
        return "not possible" if way in row.failures else NOTHING
    if row is first or way not in first.times:
        return duration(found.seconds)
    low, middle, high = found.ratio
    return f"× {middle:.2f} [{low:.2f}, {high:.2f}]"


def _size(row: ModelCost, first: ModelCost, bytes_: int | None, yardstick: int | None) -> str:
    if bytes_ is None:
        return NOTHING
    if row is not first and yardstick:
        return f"× {bytes_ / yardstick:.2f}"
    small = bytes_ < 2**20
    return f"{bytes_ / (2**10 if small else 2**20):.1f} {'KiB' if small else 'MiB'}"


def remarks(found: Findings) -> list[str]:
    """What a reader must know besides the table, a sentence each."""
    texts = []
    if found.rows:
        place = f"as {found.training} gave it" if found.training else "on test data, after the last epoch"
        texts.append(f"mean ± 95 % t-interval of {found.measure.name}, {place}; {found.rule()}")
    if found.left:
        behind = "; ".join(f"{one.label}: {one.words}" for one in found.left)
        texts.append(
            f"screening left behind {behind}; the table has fresh seeds, so that its figures are not those of the "
            "screening"
        )
    if found.costs:
        texts.append(
            f"costs: × is the ratio to the model {found.baseline}, the median [quartiles] of rounds in which all took "
            "turns, on the batch that is trained on, with the fastest kernels that each function has; where the "
            "quartiles lie on both sides of 1, noise may be all there is"
        )
    texts += [*found.notes, _spent(found)]
    rows = [f"{row.label}: {row.words}" for row in found.rows if row.words and row.words not in found.verdict.text]
    return [*(f"{text.rstrip('.')}." for text in rows), *(f"{sentence(text).rstrip('.')}." for text in texts)]


def render(found: Findings, width: int = 100) -> Group:
    """Show a comparison on a rich console.

    Args:
        found: what was found.
        width: characters per line.
    """
    parts: list[RenderableType] = [Text(_title(found), style="bold"), Text()]
    if found.rows:
        parts += [_grid(found), Text()]
    for table in cost_tables(found):
        parts += [_plain_grid(table), Text()]
    parts.append(Text(verdict_line(found), style="bold"))
    parts += [Text(), *map(Text, remarks(found))]
    if found.verdict.best:
        parts += [Text(), Text(found.code)]
    return Group(*parts)


def verdict_line(found: Findings) -> str:
    """What it comes to, and what the winner costs."""
    text = f"{DECISIONS[found.verdict.decision]}: {found.verdict.text.rstrip('.')}."
    winner = found.costs.get(found.verdict.best)
    if winner is None or "train" not in winner.times:
        return text
    others = "".join(
        f", and an inference × {winner.times[way].ratio[1]:.2f}" for way in ("infer",) if way in winner.times
    )
    return f"{text} A training step takes × {winner.times['train'].ratio[1]:.2f} of the time{others}."


def to_dict(found: Findings) -> dict[str, Any]:
    """All facts of a comparison."""
    return {
        "model": found.model,
        "decision": found.verdict.decision,
        "best": found.best.label,
        "text": found.verdict.text,
        "code": found.code,
        "measure": found.measure.name,
        "unit": found.measure.unit,
        "higher_is_better": found.measure.higher_is_better,
        "margin": found.margin,
        "baseline": found.baseline,
        "rows": [_record(row) for row in found.rows],
        "left": [{"label": one.label, "words": one.words} for one in found.left],
        "screened_on": found.screened_on,
        "looks": list(found.taken),
        "stopped": found.stop,
        "budget": None if found.budget is None else str(found.budget),
        "runs": found.runs,
        "seconds": found.seconds,
        "notes": list(found.notes),
        "costs": [asdict(row) for row in found.costs.values()],
    }


def write_comparison(found: Findings, outcomes: Outcomes, path: Path | str) -> Path:
    """Write a comparison as an HTML page; replace an older one at the same place in one step.

    Args:
        found: what was found.
        outcomes: the runs that its table shows.
        path: file to write; missing folders are created.

    Returns:
        The path.

    Raises:
        ConfigError: the file cannot be written.
    """
    target = Path(path)
    results = [result for _, result in outcomes]
    facts = protocol.provenance(results)
    heading, *body = lines(found)
    page = render_template(
        "comparison.html.j2",
        found=found,
        title=_title(found),
        decision=DECISIONS[found.verdict.decision],
        verdict=verdict_line(found),
        heading=heading,
        rows=[
            (line, row.comparison.verdict if row.comparison else "") for line, row in zip(body, found.rows, strict=True)
        ],
        marks=MARKS,
        remarks=remarks(found),
        costs=cost_tables(found),
        spent=_spent(found),
        figures=list(_figures(found, outcomes)),
        settings=_settings([result.trial for result in results]),
        shared_facts=[fact for fact in facts if fact.is_shared],
        differing_facts=[fact for fact in facts if not fact.is_shared],
    )
    write_file(target, page, make_folder=True)
    return target


def _title(found: Findings) -> str:
    others = [row.label for row in found.rows[1:]] + [one.label for one in found.left]
    return f"{found.model}: {plural(len(others), 'variant')} against the model {found.baseline}"


def _grid(found: Findings) -> Grid:
    heading, *body = lines(found)
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for place, name in enumerate(heading):
        left = place in (0, len(heading) - 1)
        grid.add_column(Text(name), justify="left" if left else "right", overflow="fold", no_wrap=bool(place))
    for line in body:
        verdict = line[-1]
        mark = Text(f"{MARKS[verdict]} {verdict}", style=COLOURS[verdict]) if verdict else Text("")
        grid.add_row(*map(Text, line[:-1]), mark)
    return grid


def _plain_grid(table: Sequence[Sequence[str]]) -> Grid:
    heading, *body = table
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for place, name in enumerate(heading):
        grid.add_column(Text(name), justify="right" if place else "left", overflow="fold", no_wrap=bool(place))
    for line in body:
        grid.add_row(*map(Text, line))
    return grid


def _score(row: Row, found: Findings) -> str:
    if not row.summary.n:
        return "diverged" if row.summary.diverged else "not run"
    text = found.words.number(row.summary.mean)
    half = (row.summary.high - row.summary.low) / 2
    return text if math.isnan(half) else f"{text} ± {found.words.number(half)}"


def _difference(one: PairedDifference, found: Findings) -> str:
    text = found.words.signed(one.difference).removesuffix(found.words.unit)
    return f"{text} {found.words.interval(one)}" if one.n > 1 else text


def _runs(row: Row) -> str:
    return f"{row.summary.n}" if row.summary.n == row.planned else f"{row.summary.n} of {row.planned}"


def _spent(found: Findings) -> str:
    text = f"{plural(found.runs, 'run')}, {duration(found.seconds)} of training and testing"
    if found.budget is None:
        return text
    why = {
        "decided": "decided before the budget was spent",
        "budget": "the budget is spent",
        "seeds": "not decided by as many seeds as are run at most",
    }
    return f"{text}, of a budget of {found.budget}: {why[found.stop]}"


def _record(row: Row) -> dict[str, Any]:
    one, summary = row.comparison, row.summary
    return {
        "label": row.label,
        "control": row.variant.control,
        "mean": summary.mean,
        "low": summary.low,
        "high": summary.high,
        "std": summary.std,
        "n": summary.n,
        "planned": row.planned,
        "diverged": summary.diverged,
        "pairs": one.n if one else None,
        "gain": one.difference if one else None,
        "gain_low": one.low if one else None,
        "gain_high": one.high if one else None,
        "p": one.p if one else None,
        "adjusted_p": one.adjusted_p if one else None,
        "verdict": one.verdict if one else None,
        "words": row.words,
        "parameters": row.parameters,
        "activation_parameters": row.activation_parameters,
        "seconds_per_run": row.seconds,
    }


def _figures(found: Findings, outcomes: Outcomes) -> Iterator[PageFigure]:
    figure = differences_figure(found, outcomes)
    if figure is not None:
        yield place_drawing(
            figure,
            "Differences, seed by seed",
            f"Dots: score of a run minus that of {found.baseline} with the same seed. Bars: the interval of the mean. "
            f"Grey: ±{found.words.margin}, which counts as no difference.",
        )


def _settings(trials: Sequence[Trial]) -> list[protocol.SharedSetting]:
    """Settings that all runs share: those that were chosen, and those that every training has."""
    own = [trial for trial in trials if isinstance(trial, OwnTrial)]
    chosen = {name for trial in own for name in trial.settings}
    if any(not trial.train for trial in own):
        chosen |= {"optimizer", "lr", "epochs", "batch_size"}
    return [setting for setting in protocol.shared_settings(own) if setting.name in chosen | {"threads", "device"}]
