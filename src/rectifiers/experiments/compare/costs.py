"""What the variants of a comparison cost, beside the model as it is: time, memory, parameters, what is exported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...core.errors import RectifiersError
from ...speed.model_cost import ModelCost, measure_models
from ...speed.ways import Call, mean_square
from ...training.frozen import freeze
from ...training.reproducible import reproducible
from ...watching.feeding import Batch
from .first_call import first_call
from .model import make_model
from .preparing import trial_of
from .run_own import example_of, get_ready
from .trial import OwnTrial
from .variants import Variant

WAYS = ("train", "infer", "export")
"""What is measured: a training step, and inference as it is and exported."""

ROUNDS = 9
"""Turns of each model."""


def measure_costs(common: OwnTrial, variants: Sequence[Variant], data_dir: Path) -> tuple[Mapping[str, ModelCost], str]:
    """Measure what variants cost on the batch that they are trained with, in turns.

    Args:
        common: what all trials share.
        variants: the model as it is first.
        data_dir: where named data sets lie.

    Returns:
        Costs by label, and why there are none where they cannot be measured.
    """
    models = {}
    for variant in variants:
        trial = trial_of(common, variant, 0)
        with reproducible(common.threads, keep_defaults=True):
            model = make_model(trial, lambda plain, trial=trial: example_of(trial, plain, data_dir))  # type: ignore[misc]
        freeze(model, variant.trained)
        models[variant.label] = model
    try:
        rows = measure_models(models, _call(common, data_dir), ways=WAYS, rounds=ROUNDS, threads=common.threads)
    except RectifiersError as error:
        # They are those of the batches that a training calls its model with, which an example does not stand for.
        return {}, f"costs were not measured: {str(error).partition('; give example')[0]}"
    return {row.label: row for row in rows}, ""


def _call(common: OwnTrial, data_dir: Path) -> Call:
    """What a training step calls a model with."""
    if not common.dataset:
        return Call(*first_call(common, whole=True), mean_square)
    with reproducible(common.threads, keep_defaults=True):
        inputs, _ = next(iter(get_ready(common, data_dir).batches.train))
    if isinstance(inputs, Batch):
        return Call(inputs.args, inputs.kwargs, mean_square)
    return Call((inputs,), {}, mean_square)
