"""An experiment built in Python, from rows and columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core.errors import ConfigError
from ..experiments.definition import define
from ..experiments.experiment import Experiment
from ..experiments.result import Metric

Row = str | Mapping[str, Any]
"""The name of an activation, or settings."""


def experiment(
    rows: Sequence[Row] | Mapping[str, Row],
    columns: Sequence[Mapping[str, Any]] | Mapping[str, Mapping[str, Any]] = (),
    *,
    name: str = "my-experiment",
    title: str = "",
    seeds: int = 5,
    metric: Metric = "final_epoch",
    margin: float = 0.5,
    baseline: str | None = None,
    analysis: str = "",
    **settings: Any,
) -> Experiment:
    """Build an experiment: rows that are compared, under the conditions of the columns.

    It has the presets `full`, with that many seeds, and `smoke`, an epoch of 256 images, which shows in seconds that it
    runs. The same in a file: `docs/examples/my-experiment.toml`.

    Args:
        rows: what is compared: names of activations; or label → name or settings, which are fields of a `Trial`.
        columns: under which conditions: label → settings; none makes one column called `all`.
        name: names the folder of the runs. Experiments of the same name share it: a trial that is in several of them
            runs once.
        title: what it shows, in one line.
        seeds: runs per cell.
        metric: which accuracy the cells show; `rectifiers.experiments.result.METRICS` lists them.
        margin: percentage points that count as equivalent.
        baseline: label of the row that the others are compared with; None takes `relu`, or else the first.
        analysis: what the report makes of the trained networks: pairing, invariance, …
        **settings: what all runs share; fields of a `Trial`, such as `dataset`, `network`, `lr`, `epochs`.

    Raises:
        ConfigError: a name is unknown (with the nearest one), something is missing, or a value is outside its domain.

    Example:
        >>> mine = experiment(
        ...     rows={"ReLU": "relu", "AReLU": "arelu", "AReLU, near ReLU": {
        ...         "activation": "arelu", "activation_args": {"relu_like": True}}},
        ...     columns={"lr 0.1": {"lr": 0.1}, "lr 0.01": {"lr": 0.01}},
        ...     dataset="digits", network="digits-conv", epochs=5, baseline="ReLU",
        ... )
        >>> len(mine.cells("full")), mine.cells("full")[0].trial.lr
        (30, 0.1)
    """
    document: dict[str, Any] = {
        "name": name,
        "title": title,
        "rows": list(_tables("rows", rows, shorthand="activation")),
        "seeds": seeds,
        "metric": metric,
        "margin": margin,
        "baseline": baseline,
        "analysis": analysis,
        "settings": settings,
    }
    if columns:
        document["columns"] = list(_tables("columns", columns))
    return define(document, "experiment", note="As built in Python.")


def _tables(kind: str, arms: Any, *, shorthand: str = "") -> Iterable[dict[str, Any]]:
    """Each row or column as a file would hold it: a label and settings.

    Args:
        kind: "rows" or "columns", for errors.
        arms: what the user gave.
        shorthand: the setting that a mere name stands for; empty for none.
    """
    if isinstance(arms, str) or not isinstance(arms, Mapping | Iterable):
        raise ConfigError(f"experiment: expected {kind} as a list or as label → settings, got {arms!r}")
    for label, arm in arms.items() if isinstance(arms, Mapping) else ((None, arm) for arm in arms):
        if isinstance(arm, str) and shorthand:
            arm = {shorthand: arm}
        if not isinstance(arm, Mapping):
            expected = "the name of an activation, or settings" if shorthand else "settings"
            raise ConfigError(f"experiment: expected {expected} in {kind}, such as {{'lr': 0.1}}, got {arm!r}")
        yield dict(arm) if label is None else {"label": label, **arm}
