"""How a group of processes trains one network: a copy in each (DDP), or a share of it in each (FSDP2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError
from .group import Group

Parallel = Literal["none", "ddp", "fsdp"]


class SharedEvaluation(nn.Module):
    """A network in evaluation, which answers to its share of each batch; the answers of all processes are joined.

    Args:
        model: what answers.
        group: the processes.
    """

    def __init__(self, model: nn.Module, group: Group) -> None:
        super().__init__()
        self.model, self.group = model, group

    def forward(self, inputs: Tensor) -> Tensor:
        """What one process would answer to the whole batch."""
        count = len(inputs)
        if count < self.group.size:  # some would have nothing
            return self._answer(inputs)
        return self.group.join(self._answer(inputs[self.group.share(count)]), count)

    def _answer(self, inputs: Tensor) -> Tensor:
        # What FSDP gathers in inference mode could not be trained afterwards.
        with torch.inference_mode(False), torch.no_grad():
            answer: Tensor = self.model(inputs)
            return answer


def distribute(net: nn.Module, kind: Parallel) -> nn.Module:
    """Let a network be trained by all processes; what is to be called instead of it.

    Args:
        net: the same in each process; with `fsdp` it is changed, and its parameters become shares.
        kind: `ddp` or `fsdp`.

    Raises:
        ConfigError: a parameter is a single number without a dimension, which cannot be shared.
    """
    if kind == "ddp":
        from torch.nn.parallel import DistributedDataParallel

        return DistributedDataParallel(net)
    from torch.distributed.fsdp import fully_shard

    for name, parameter in net.named_parameters():
        if not parameter.dim():
            raise ConfigError(f"fsdp cannot share {name}, a single number without a dimension; use parallel='ddp'")
    net.to(memory_format=torch.contiguous_format)  # others cannot be cut
    for child in net.children():
        if any(True for _ in child.parameters()) and not isinstance(child, nn.ModuleList | nn.ModuleDict):
            fully_shard(child)
    fully_shard(net)
    return net


class WholeNetwork:
    """A network whose parameters are shares, to remember as a whole.

    Args:
        net: the network.
    """

    def __init__(self, net: nn.Module) -> None:
        self.net = net

    def state_dict(self) -> dict[str, Any]:
        """All parameters and buffers, put together; every process has to ask."""
        from torch.distributed.checkpoint.state_dict import get_model_state_dict

        return get_model_state_dict(self.net, options=_whole())

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Let each process take its shares."""
        from torch.distributed.checkpoint.state_dict import set_model_state_dict

        set_model_state_dict(self.net, dict(state_dict), options=_whole())


class WholeOptimizer:
    """An optimizer of such a network, to remember as a whole.

    Args:
        net: the network.
        optimizer: over its parameters.
    """

    def __init__(self, net: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.net, self.optimizer = net, optimizer

    def state_dict(self) -> dict[str, Any]:
        """What is remembered of each parameter, put together; every process has to ask."""
        from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

        return get_optimizer_state_dict(self.net, self.optimizer, options=_whole())

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Let each process take its shares."""
        from torch.distributed.checkpoint.state_dict import set_optimizer_state_dict

        set_optimizer_state_dict(self.net, self.optimizer, dict(state_dict), options=_whole())


def _whole() -> Any:
    from torch.distributed.checkpoint.state_dict import StateDictOptions

    return StateDictOptions(full_state_dict=True)
