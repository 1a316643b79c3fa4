"""The checks by what they are made for, in the order in which they are told."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..core.spec import ActivationSpec, Capability
from .contract import (
    augmentation,
    dataset,
    facts,
    gradients,
    layouts,
    network,
    optimizer,
    precision,
    saving,
    transforms,
)
from .samples import Class, default_rank, ranks


def _always(spec: ActivationSpec) -> bool:
    return True


@dataclass(frozen=True)
class Check:
    """One promise, and what finds out whether it is kept.

    Args:
        title: the promise, in a few words.
        run: takes the thing; raises whatever it raises where the promise is broken.
        applies: whether an activation makes this promise.
        capability: what an activation's spec may say that it cannot do.
        needs: packages without which it cannot be tried.
        extra: the extra of this package that has them.
    """

    title: str
    run: Callable[[Any], None]
    applies: Callable[[ActivationSpec], bool] = _always
    capability: Capability | None = None
    needs: tuple[str, ...] = ()
    extra: str = ""


def _is_elementwise(spec: ActivationSpec) -> bool:
    return spec.kind == "elementwise" and not spec.stochastic


def _has_parameters(spec: ActivationSpec) -> bool:
    return bool(spec.parameters)


def _takes_images(spec: ActivationSpec) -> bool:
    return 4 in ranks(spec) and default_rank(spec) in (3, 4)


def _each(*runs: Callable[[Class], None]) -> Callable[[Class], None]:
    def run(cls: Class) -> None:
        for one in runs:
            one(cls)

    return run


def _check_ranks(cls: Class) -> None:
    for rank in ranks(cls.spec):
        layouts.check_rank(cls, rank)


def _check_onnx(cls: Class) -> None:
    with tempfile.TemporaryDirectory() as folder:
        transforms.check_onnx(cls, Path(folder))


def _check_dtype(dtype: torch.dtype) -> Callable[[Class], None]:
    return _each(partial(precision.check_error, dtype=dtype), partial(precision.check_gradient_dtypes, dtype=dtype))


ACTIVATION = (
    Check("gradients, against finite differences", gradients.check_gradient),
    Check("second derivatives", gradients.check_second_derivative, capability="gradgrad"),
    Check("every parameter learns", gradients.check_trained, _has_parameters),
    Check("float32, against float64", _check_dtype(torch.float32)),
    Check("bfloat16", _check_dtype(torch.bfloat16)),
    Check("float16", _check_dtype(torch.float16)),
    Check("autocast", _each(*(partial(precision.check_autocast, given=one) for one in precision.DTYPES[:2]))),
    Check("NaN is passed on", precision.check_nan),
    Check("shapes", _check_ranks),
    Check("an empty batch", layouts.check_empty_batch),
    Check("inputs that are not contiguous", layouts.check_non_contiguous),
    Check("channels_last is kept", layouts.check_channels_last, _takes_images),
    Check(
        "the input stays as it is",
        _each(*(partial(layouts.check_input_stays, training=training) for training in (True, False))),
    ),
    Check("the output has memory of its own", layouts.check_own_memory),
    Check("torch.compile", partial(transforms.check_compiled, backend="aot_eager"), capability="compile"),
    Check("torch.export", transforms.check_exported, capability="export"),
    Check("ONNX", _check_onnx, capability="onnx", needs=("onnx", "onnxscript", "onnxruntime"), extra="onnx"),
    Check("vmap", transforms.check_vmap, capability="vmap"),
    Check(
        "vmap over parameters",
        transforms.check_ensemble,
        _has_parameters,
        capability="vmap",
    ),
    Check("gradients by torch.func", transforms.check_func_grad),
    Check("gradients per sample", transforms.check_gradients_per_sample, capability="vmap"),
    Check("forward mode", transforms.check_forward_mode),
    Check("saving and loading", saving.check_state),
    Check("copies and pickles", _each(*(partial(saving.check_copy, copy=copy) for copy in saving.COPIES))),
    Check("the meta device", saving.check_meta),
    Check("monotone as the spec says", facts.check_monotone, _is_elementwise),
    Check(
        "no kinks, as the spec says",
        facts.check_continuous_derivative,
        lambda spec: _is_elementwise(spec) and not spec.kinks,
    ),
)

NETWORK = (
    Check("a logit per class", network.check_logits),
    Check("its activations are asked for and called", network.check_sites),
    Check("activations that double the channels", network.check_widening),
    Check("a gradient for every parameter", network.check_trained),
    Check("the same seed, the same network", network.check_repeatable),
)

DATASET = (
    Check("it loads", dataset.check_loads),
    Check("the same data each time", dataset.check_same_each_time),
    Check("test data are not training data", dataset.check_parts_differ),
)

AUGMENTATION = (
    Check("8-bit images stay that", augmentation.check_images),
    Check("all chance comes from the generator", augmentation.check_drawn),
)

OPTIMIZER = (
    Check("a loss goes down", optimizer.check_descends),
    Check("the same steps, the same numbers", optimizer.check_repeatable),
)

CHECKS: Mapping[str, tuple[Check, ...]] = {
    "activation": ACTIVATION,
    "network": NETWORK,
    "data set": DATASET,
    "augmentation": AUGMENTATION,
    "optimizer": OPTIMIZER,
}
"""By kind."""
