"""What a task is: its loss, and the measure that is taken of a split a batch at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.func import vmap

from ..metrics import Measure, Scores


class Task(ABC):
    """A loss, and a measure whose value, the score, follows from sums over the examples.

    Attributes:
        measure: name and unit of the score, and whether more of it is better.

    Example:
        >>> from rectifiers.training.tasks import Regression
        >>> task = Regression(measure="MAE")
        >>> one, two = (task.tally(torch.zeros(2, 1), torch.tensor([[1.0], [value]])) for value in (2.0, 4.0))
        >>> task.score(one + two)
        2.0
    """

    measure: Measure

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the mean loss of a batch, to be minimised.

        Args:
            outputs: what the network gives for the batch.
            targets: what it should have given.
        """

    def loss_of_share(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute what makes up the loss of a batch of which each process that trains has a share.

        The mean of what they compute, each weighted by its number of examples, is that loss: so it is of the losses of
        the shares themselves, where a loss is a mean over the examples.

        Args:
            outputs: what the network gives for the share of this process.
            targets: what it should have given.
        """
        return self.loss(outputs, targets)

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the mean loss of the batch of each of several networks, (S,).

        Args:
            outputs: what the networks give for their batches, S×N×….
            targets: what they should have given, S×N×….
        """
        return vmap(self.loss)(outputs, targets)

    @abstractmethod
    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Sum up what the score needs to know of a batch: float64 on the CPU, so that the sums of batches add up.

        Args:
            outputs: what the network gives for the batch, detached.
            targets: what it should have given.
        """

    @abstractmethod
    def score(self, tally: Tensor) -> float:
        """Compute the score from the sums over all examples.

        Args:
            tally: the sum of what `tally` returned.
        """

    def merge(self, answers: Sequence[Tensor]) -> Tensor:
        """Make one answer of those of several networks: their mean."""
        return answers[0] if len(answers) == 1 else torch.stack(tuple(answers)).mean(0)

    @torch.inference_mode()
    def evaluate(self, nets: Iterable[nn.Module], batches: Iterable[tuple[Tensor, Tensor]]) -> Scores:
        """Measure networks in evaluation mode.

        Args:
            nets: one network, or several whose merged answers count.
            batches: inputs with their targets.

        Returns:
            The loss as a mean over the examples, and the score.
        """
        loss, count, total = 0.0, 0, torch.zeros((), dtype=torch.float32, device="cpu")
        for outputs, targets in self.answers(nets, batches):
            loss += float(self.loss(outputs, targets)) * len(targets)
            count += len(targets)
            total = total + self.tally(outputs, targets)
        return Scores(loss / count, self.score(total))

    def answers(
        self, nets: Iterable[nn.Module], batches: Iterable[tuple[Tensor, Tensor]]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield what networks in evaluation mode answer to each batch, merged, with the targets."""
        members = [net.eval() for net in nets]
        for inputs, targets in batches:
            yield self.merge([net(inputs) for net in members]), targets
