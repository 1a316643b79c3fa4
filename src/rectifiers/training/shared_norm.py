"""Batch normalisation whose statistics are those of the whole batch, whichever processes have its shares."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..core.errors import ConfigError
from .group import add_up, current


class SharedBatchNorm(_BatchNorm):
    """Batch normalisation over the whole batch, with the parameters and statistics of the module that it replaces.

    PyTorch's `SyncBatchNorm` is for GPUs alone.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions will do."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise a share of a batch, whose second dimension is the channels."""
        # In evaluation too, one without running statistics takes those of the batch.
        if current().size == 1 or not (self.training or self.running_mean is None):
            alone: Tensor = super().forward(input)
            return alone
        dims = [dim for dim in range(input.dim()) if dim != 1]
        shape = [1, -1, *[1] * (input.dim() - 2)]
        # Autocast leaves sums in single precision, as the fused kernel does.
        x = input.float()
        count = current().sum(torch.tensor(float(x.numel() // x.shape[1]), device=x.device))
        mean = add_up(x.sum(dims)) / count
        centred = x - mean.view(shape)
        variance = add_up((centred * centred).sum(dims)) / count
        self._remember(mean.detach(), (variance * count / (count - 1).clamp(min=1)).detach())
        scaled: Tensor = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            scaled = scaled * self.weight.view(shape) + self.bias.view(shape)
        return scaled.to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Move the statistics that are used in evaluation."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        factor = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), factor)
        self.running_var.lerp_(variance.to(self.running_var.dtype), factor)


def share_statistics(net: nn.Module) -> None:
    """Replace all batch normalisation in a network, in place; parameters, statistics and names stay.

    Raises:
        ConfigError: a module that normalises does so in a way of its own, or more than that.
    """
    made: dict[nn.Module, SharedBatchNorm] = {}
    for name, module in list(net.named_modules(remove_duplicate=False)):
        if not isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            continue
        if type(module).forward is not _BatchNorm.forward:  # as in timm, where an activation is part of some
            raise ConfigError(
                f"{name} is a {type(module).__name__}, which does more than batch normalisation, so that its "
                "statistics cannot be those of the whole batch; start it without torchrun"
            )
        if module not in made:
            made[module] = _replace(module)
        parent, _, own = name.rpartition(".")
        setattr(net.get_submodule(parent), own, made[module])


def _replace(norm: _BatchNorm) -> SharedBatchNorm:
    made = SharedBatchNorm(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    made.weight, made.bias, made.training = norm.weight, norm.bias, norm.training
    made.running_mean, made.running_var = norm.running_mean, norm.running_var
    made.num_batches_tracked = norm.num_batches_tracked
    return made
