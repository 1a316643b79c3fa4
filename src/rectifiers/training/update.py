"""One step of the optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from .group import current
from .tasks import Task

Precision = Literal["float32", "bfloat16", "float16"]


class Answer(NamedTuple):
    """What a network gave for a batch, before the step.

    Args:
        loss: mean of the batch, of all processes that train together.
        outputs: of the network, detached; of a group's processes each has its share.
        targets: what they should have been.
    """

    loss: Tensor
    outputs: Tensor
    targets: Tensor


class Update:
    """Change a network by the mean gradient of one batch, or of several that together make one step.

    Args:
        net: the network, or what trains it in several processes.
        optimizer: over its parameters.
        task: what is learned.
        clip_norm: longest gradient; a longer one is shortened to it. None leaves it.
        precision: of what may be computed so in the forward pass and its loss (`torch.autocast`); float16 also scales
            the loss (`torch.amp.GradScaler`), and leaves steps out whose gradients overflow.
        device: where the network is.
    """

    def __init__(
        self,
        net: nn.Module,
        optimizer: torch.optim.Optimizer,
        task: Task,
        *,
        clip_norm: float | None = None,
        precision: Precision = "float32",
        device: str = "cpu",
    ) -> None:
        self.net, self.optimizer, self.task, self.clip_norm = net, optimizer, task, clip_norm
        self.precision, self.device = precision, torch.device(device).type
        # Where it is not enabled it passes everything on as it is.
        self.scaler = torch.amp.GradScaler(self.device, enabled=precision == "float16")

    def __call__(self, batches: Sequence[tuple[Tensor, Tensor]]) -> list[Answer]:
        """Take one step; of several batches each counts by its number of examples."""
        self.optimizer.zero_grad(set_to_none=True)
        group = current()
        sizes = [len(targets) for _, targets in batches]
        wholes = sizes if group.size == 1 else group.sum(torch.tensor(sizes)).tolist()
        loss_of = self.task.loss if group.size == 1 else self.task.loss_of_share
        answers = []
        for place, (inputs, targets) in enumerate(batches):
            # Gradients of several processes are averaged, when those of all batches are there.
            with self._waiting(place + 1 < len(batches)):
                with self._autocast():
                    outputs = self.net(inputs)
                    loss = loss_of(outputs, targets)
                share = group.size * len(targets) / sum(wholes)
                self.scaler.scale(loss if share == 1 else share * loss).backward()
            answers.append(Answer(loss.detach(), outputs.detach(), targets))
        if group.size > 1:
            losses = group.sum(torch.stack([loss * size for (loss, *_), size in zip(answers, sizes, strict=True)]))
            answers = [
                Answer(loss / whole, *rest) for loss, whole, (_, *rest) in zip(losses, wholes, answers, strict=True)
            ]
        if self.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            parameters = [one for group in self.optimizer.param_groups for one in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        # Under autocast of a caller's, PyTorch would go on with narrow copies of the weights that have just changed.
        torch.clear_autocast_cache()
        return answers

    def _waiting(self, more: bool) -> AbstractContextManager[Any]:
        """Keep processes from exchanging gradients while more batches of the step are to come."""
        if isinstance(self.net, DistributedDataParallel):
            return self.net.no_sync() if more else nullcontext()
        exchange: Any = getattr(self.net, "set_requires_gradient_sync", None)  # as FSDP's modules have it
        if exchange is not None:
            exchange(not more)
        return nullcontext()

    def state_dict(self) -> dict[str, Any]:
        """What the scaling of the loss remembers."""
        return self.scaler.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Let it remember this."""
        self.scaler.load_state_dict(dict(state_dict))

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device, getattr(torch, self.precision))
