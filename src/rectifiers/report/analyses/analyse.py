"""Turn an experiment's results and weights into the sections of its report."""

from __future__ import annotations

from pathlib import Path

from ...core.wording import plural
from ...experiments.experiment import Experiment
from ...experiments.store import is_kept
from ...training.reproducible import reproducible
from ..table import Outcomes
from . import registry
from .networks import load_networks
from .section import INSIDE, Section


def analyse(
    experiment: Experiment, preset: str, outcomes: Outcomes, weights: Path, data_dir: Path | None = None
) -> list[Section]:
    """Analyse an experiment's trained networks; the same networks give the same bits each time.

    Args:
        experiment: what was run.
        preset: in which size.
        outcomes: its trials, each with its result or None.
        weights: folder of the trained weights.
        data_dir: where data sets lie.

    Returns:
        The sections; none where the experiment has no analysis. While runs or weights are missing, one that says so.

    Raises:
        DataError: the test data are missing.
    """
    if not experiment.analysis:
        return []
    trials = {cell.trial: result for cell, result in outcomes}
    missing = sum(result is None or not is_kept(weights, trial) for trial, result in trials.items())
    if missing:
        text = f"The analysis waits for {missing} of {plural(len(trials), 'run')} and their weights."
        return [Section(INSIDE, text)]
    with reproducible(threads=1):
        return list(registry.get(experiment.analysis)(load_networks(experiment, preset, outcomes, weights, data_dir)))
