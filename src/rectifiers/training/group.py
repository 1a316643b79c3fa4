"""Processes that carry out one training together, each on a device of its own.

Every process has its share of every batch, and all of them together take the step that one process would take on the
whole batch. What a single process does stands everywhere else: without a group, everything here changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from ..core.errors import ConfigError
from ..core.wording import plural


@dataclass(frozen=True)
class Group:
    """Where a process stands among those that train together.

    Args:
        rank: its number, counted from 0; the first writes results.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes results and talks to the user."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """The examples of a batch that belong to this process: as many for each, or one more for the first ones.

        Args:
            count: examples of the batch.

        Example:
            >>> [Group(rank, 3).share(8) for rank in range(3)]
            [slice(0, 3, None), slice(3, 6, None), slice(6, 8, None)]
        """
        least, more = divmod(count, self.size)
        start = self.rank * least + min(self.rank, more)
        return slice(start, start + least + (self.rank < more))

    def share_of_batch(self, count: int) -> slice:
        """The same for a batch that is trained on, where no process may have nothing.

        Raises:
            ConfigError: there are fewer examples than processes.
        """
        if count < self.size:
            raise ConfigError(
                f"a batch of {plural(count, 'example')} is too small for {self.size} processes; the last one of an "
                "epoch holds what is left: take another batch_size or train_size"
            )
        return self.share(count)

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, without derivative."""
        if self.size == 1:
            return values
        total = values.detach().to(_device(), copy=True)
        dist.all_reduce(total)
        return total.to(values.device)

    def any(self, fact: bool) -> bool:
        """Whether something holds in one process at least."""
        return bool(self.sum(torch.tensor(float(fact))) > 0) if self.size > 1 else fact

    def take_first(self, number: int) -> int:
        """The number that the first process has."""
        if self.size == 1:
            return number
        told = torch.tensor(number, dtype=torch.int64, device=_device())
        dist.broadcast(told, 0)
        return int(told)

    def collect(self, values: Tensor) -> list[Tensor]:
        """What each process has, in their order; tensors of one shape."""
        if self.size == 1:
            return [values]
        here = values.contiguous().to(_device())
        found = [torch.empty_like(here) for _ in range(self.size)]
        dist.all_gather(found, here)
        return [one.to(values.device) for one in found]

    def join(self, part: Tensor, count: int) -> Tensor:
        """Put together what each process has for its share of a batch.

        Args:
            part: rows for the share of this process.
            count: rows of the whole batch.
        """
        if self.size == 1:
            return part
        most = -(-count // self.size)
        padded = torch.cat((part, part.new_zeros(most - len(part), *part.shape[1:])))
        parts = self.collect(padded)
        sizes = (Group(rank, self.size).share(count) for rank in range(self.size))
        return torch.cat([one[: size.stop - size.start] for one, size in zip(parts, sizes, strict=True)])


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total


def add_up(values: Tensor) -> Tensor:
    """The sum over all processes; the derivative of what each of them makes of it is summed in turn."""
    total: Tensor = _Sum.apply(values)
    return total


ALONE = Group()
_current = ALONE


def current() -> Group:
    """The group of this process; of one process alone outside `together`."""
    return _current


@contextmanager
def together(device: str) -> Iterator[Group]:
    """Join the processes that `torchrun` started, for the length of a `with`.

    Args:
        device: type of the devices that they train on: cpu or cuda.

    Raises:
        ConfigError: they cannot meet.
    """
    global _current
    kind = torch.device(device).type
    try:
        if kind == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        dist.init_process_group("nccl" if kind == "cuda" else "gloo")
    except (RuntimeError, ValueError, OSError) as error:
        raise ConfigError(
            f"the processes that torchrun started cannot reach each other: {str(error).splitlines()[0]}"
        ) from None
    _current = Group(dist.get_rank(), dist.get_world_size())
    try:
        yield _current
    finally:
        _current = ALONE
        dist.destroy_process_group()


def is_started_together() -> bool:
    """Whether `torchrun` started this process beside others."""
    return dist.is_available() and dist.is_torchelastic_launched() and int(os.environ.get("WORLD_SIZE", "1")) > 1


def _device() -> torch.device:
    """Where processes exchange numbers."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
