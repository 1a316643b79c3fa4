"""Raw batches, fetched ahead by processes of their own: for data that stay in their files because they are too many.

Which process fetches a batch does not matter: order and augmentation are drawn by the training, so that its bits are
the same with any number of processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..core.errors import ConfigError, RectifiersError
from ..datasets.examples import Which

VARIABLE = "RECTIFIERS_LOADER_WORKERS"
"""Environment variable that holds how many processes fetch the batches of one training."""


def count_loader_workers() -> int:
    """How many processes fetch batches; 0, the training's own does, where nobody says.

    Raises:
        ConfigError: the environment variable is not a whole number of at least 0.
    """
    text = os.environ.get(VARIABLE) or "0"
    if not text.isdecimal():
        raise ConfigError(f"{VARIABLE} must be a whole number of processes, got {text!r}")
    return int(text)


def fetch(gather: Callable[[Which], Tensor], runs: Sequence[Which], workers: int) -> Iterator[Tensor]:
    """Gather a batch for each run of examples, in their order.

    Args:
        gather: gives the raw batch of the examples that it is given.
        runs: the examples of each batch.
        workers: processes that gather ahead; 0 for none.

    Raises:
        RectifiersError: as `gather` does.

    Example:
        >>> [batch.tolist() for batch in fetch(lambda which: torch.arange(5)[which], [slice(0, 3), slice(3, 5)], 0)]
        [[0, 1, 2], [3, 4]]
    """
    if not workers:
        yield from map(gather, runs)
        return
    loader: DataLoader[Tensor | RectifiersError] = DataLoader(
        _Gathered(gather),
        batch_size=None,
        sampler=runs,
        num_workers=workers,
        # Else starting processes would draw from the generator that dropout draws from.
        generator=torch.Generator(),
    )
    for batch in loader:
        if isinstance(batch, RectifiersError):
            raise batch
        yield batch


class _Gathered(Dataset[Tensor | RectifiersError]):
    """Batches by the examples that they have."""

    def __init__(self, gather: Callable[[Which], Tensor]) -> None:
        self.gather = gather

    def __getitem__(self, which: Which) -> Tensor | RectifiersError:
        try:
            return self.gather(which)
        except RectifiersError as error:
            # A loader would raise it with a traceback in its message.
            return error
