"""The rows of a comparison, made ready: what the user left open is filled in, and each is tried once before any run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from ...core.errors import ConfigError, RectifiersError
from ...core.parts import parameters_of
from ...surgery.usual import kinds_of
from ...training.frozen import freeze
from ...training.reproducible import reproducible
from ...training.tasks import Classification
from .. import own
from ..batches import TrialBatches
from .distrust import disguised_classes, missing_classes, squashed_outputs, unequal_models, untrained_loss
from .model import make_model
from .references import resolve, title
from .run_own import answer, example_of, get_ready
from .task import guess
from .trial import OwnTrial
from .variants import AS_IT_IS, Variant

NORMS_ALONE, HEAD_ALONE, UNTRAINED = "norms alone", "head alone", "not trained further"
"""Labels of the control arms of a fine-tuning, beside the model as it is with all its weights trained."""


def prepare_rows(
    common: OwnTrial,
    variants: Sequence[Variant],
    data_dir: Path,
    *,
    where: str,
    from_: tuple[str, ...],
    start: str | None,
    finetune: bool,
    controls: bool,
) -> list[Variant]:
    """The rows of a comparison, the baseline first.

    Args:
        common: what all trials share.
        variants: what the user wants to see.
        data_dir: where named data sets lie.
        where: sites of swaps that do not say.
        from_: kinds to replace; none: what the model rectifies with.
        start: where functions start that do not say.
        finetune: whether activations alone are trained.
        controls: whether a fine-tuning gets its control arms.

    Raises:
        RectifiersError: a variant does not fit the model, or the model not the data.
    """
    with reproducible(common.threads, keep_defaults=True):
        plain = _try(common, Variant(AS_IT_IS), data_dir)
        if from_ or not any(variant.swaps for variant in variants):
            kinds = from_
        else:
            kinds = kinds_of(plain, example_of(common, plain, data_dir))
        filled = [_fill(variant, where, kinds, start, finetune=finetune) for variant in variants]
        # ReLU in place of ReLU is the model as it is.
        others = [variant for variant in filled if not _changes_nothing(variant, kinds)]
        if not others:
            raise ConfigError(
                f"there is nothing to compare: the model's activation is {' and '.join(kinds)} already; name "
                "another one"
            )
        for variant in others:
            try:
                _try(common, variant, data_dir)
            except RectifiersError as error:
                raise ConfigError(f"{variant.label}: {error}") from error
    return [Variant(AS_IT_IS), *others, *(_controls(common, plain) if finetune and controls else ())]


def doubt_model(common: OwnTrial, data_dir: Path) -> list[str]:
    """What to say of a model that is not what a comparison takes it for.

    Args:
        common: what all trials share.
        data_dir: where named data sets lie.

    Raises:
        ConfigError: the user's function does not make the same layers each time.
    """
    name, plain, found = title(common.network), trial_of(common, Variant(AS_IT_IS), 0), list[str]()
    with reproducible(common.threads, keep_defaults=True):
        if not isinstance(resolve(common.network), nn.Module):
            first, second = (make_model(plain, lambda made: example_of(plain, made, data_dir)) for _ in range(2))
            found.append(unequal_models(first, second, name))
        if common.dataset:
            ready = get_ready(plain, data_dir)
            found.append(untrained_loss(resolve(common.loss)) if "#" in common.loss else "")
            outputs, targets = answer(plain, ready.called or ready.model, ready.batches.test)
            if isinstance(ready.task, Classification):
                found.append(missing_classes(_classes(ready.batches)))
                if not common.loss:
                    found.append(squashed_outputs(outputs, name))
            elif not (common.task or common.measure):
                found.append(disguised_classes(guess(outputs, targets), targets))
    return [*filter(None, found)]


def trial_of(common: OwnTrial, variant: Variant, seed: int, *, chooses: bool = False) -> OwnTrial:
    """The trial of a variant and a seed.

    Args:
        common: what all trials share.
        variant: what is done to the model.
        seed: of all that is random.
        chooses: whether it is there to choose by, so that our loop leaves test data alone.
    """
    changes = {
        "swaps": variant.swaps,
        "change": variant.change,
        "activation_lr": variant.activation_lr or common.activation_lr,
        "lr": variant.lr or common.lr,
        "trained": variant.trained,
        "epochs": common.epochs if variant.epochs is None else variant.epochs,
        "seed": seed,
        "untested": chooses and bool(common.dataset),
    }
    trial = common.model_copy(update=changes)
    used = own.digests_of(trial)
    return trial.model_copy(update={"own": used}) if used else trial


def _classes(batches: TrialBatches) -> dict[str, Tensor]:
    """The classes of the samples of each part, where they are known without reading the samples."""
    parts = {"training": batches.train, "validation": batches.validation, "test": batches.test}
    targets = {name: part.known_targets() for name, part in parts.items() if part is not None}
    return {name: one for name, one in targets.items() if one is not None and one.dim() == 1}


def _try(common: OwnTrial, variant: Variant, data_dir: Path) -> nn.Module:
    """Make the model of a variant once, with its first seed, and see whether it takes the data."""
    trial = trial_of(common, variant, 0)
    if common.dataset:
        model = get_ready(trial, data_dir).model
    else:
        model = make_model(trial, lambda plain: example_of(trial, plain, data_dir))
    if variant.trained == "activations" and not parameters_of(model, {"activations"}):
        raise ConfigError("the function has no parameters for fine-tuning to train; take one that learns")
    freeze(model, variant.trained)
    # A training of the user's own may free them.
    if common.dataset and not any(parameter.requires_grad for parameter in model.parameters()):
        frozen = ": all of them are frozen (requires_grad=False)" if any(True for _ in model.parameters()) else ""
        raise ConfigError(f"{title(common.network)} has no parameters to train{frozen}")
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    return model


def _fill(variant: Variant, where: str, kinds: tuple[str, ...], start: str | None, *, finetune: bool) -> Variant:
    swaps = tuple(
        swap.model_copy(
            update={
                "where": where if swap.where == "all" else swap.where,
                "from_": swap.from_ or kinds,
                "start": swap.start
                or start
                or (None if finetune or "relu_like" in dict(swap.options) else "published"),
            }
        )
        for swap in variant.swaps
    )
    trained = "activations" if finetune and variant.trained == "all" and not variant.change else variant.trained
    return replace(variant, swaps=swaps, trained=trained)


def _changes_nothing(variant: Variant, kinds: tuple[str, ...]) -> bool:
    return bool(variant.swaps) and all((swap.to,) == kinds and not swap.options for swap in variant.swaps)


def _controls(common: OwnTrial, plain: nn.Module) -> list[Variant]:
    """What the same extra training gives without other activations."""
    arms = [Variant(HEAD_ALONE, trained="head", control=True)]
    if parameters_of(plain, {"norms"}):
        arms.insert(0, Variant(NORMS_ALONE, trained="activations and norms", control=True))
    if common.dataset:
        arms.append(Variant(UNTRAINED, epochs=0, control=True))
    return arms
