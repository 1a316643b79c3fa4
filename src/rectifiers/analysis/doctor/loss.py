"""The loss whose gradients the doctor takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.errors import ConfigError
from ...core.factory import story
from ...watching.contents import find_tensors
from ...watching.feeding import Batch

Loss = Callable[[Any, Any], Tensor]
"""Makes one number from the model's outputs and the batch as the loader gave it."""


def loss_of(outputs: Any, batch: Batch, given: Loss | None) -> tuple[Tensor, str]:
    """Return the loss whose gradients are taken, and its name.

    It is the user's loss; else the one that the model returns as `loss`; else the mean cross-entropy, if the batch has
    class labels and the model returns a row of logits for each; else the sum of all outputs. A single logit is no row:
    its cross-entropy would be 0 whatever it is.

    Raises:
        ConfigError: the user's loss fails or is not a single number, or the model returns no floating-point tensor.
    """
    if given is not None:
        try:
            loss = given(outputs, batch.raw)
        except Exception as error:  # whatever the user's code raises
            raise ConfigError(
                f"loss failed on batch {batch.number}: {story(error)}. It is called with the outputs and the batch as "
                "the loader gives it, such as loss=lambda outputs, batch: F.cross_entropy(outputs, batch[1])"
            ) from error
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            what = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise ConfigError(f"loss must return one number as a tensor, got {what}")
        return loss.reshape(()), "the loss given"
    own = outputs.get("loss") if isinstance(outputs, Mapping) else getattr(outputs, "loss", None)
    if isinstance(own, Tensor) and own.numel() == 1:
        return own.reshape(()), "the model's own loss"
    answers = [tensor for _, tensor in find_tensors(outputs) if tensor.is_floating_point()]
    if not answers:
        raise ConfigError(f"the model returns {type(outputs).__name__} without floating-point tensors; give loss=…")
    first, target = answers[0], batch.target
    if target is not None and _are_labels(first, target):
        return F.cross_entropy(first.float(), target.to(first.device).long()), "mean cross-entropy of the labels"
    return torch.stack([leaf.float().sum() for leaf in answers]).sum(), "sum of the outputs"


def _are_labels(logits: Tensor, target: Tensor) -> bool:
    whole = not target.is_floating_point() and not target.is_complex() and target.dtype != torch.bool
    fits = logits.dim() > 1 and logits.shape[1] > 1 and target.shape == logits.shape[:1] + logits.shape[2:]
    return whole and fits and target.numel() > 0 and int(target.min()) >= 0 and int(target.max()) < logits.shape[1]
