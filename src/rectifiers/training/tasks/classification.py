"""One class for each example."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..batches import Batches
from ..metrics import ACCURACY, Scores
from .task import Task

FEW = 10
"""Classes up to which the five likeliest tell nothing."""


class Classification(Task):
    """Cross-entropy and accuracy.

    Args:
        patches: 10 evaluates on corners, centre and their mirror images, by the mean of the answers; 1 on the centre.
        smoothing: share of each label that all classes get alike, in the training loss alone.
        weights: of each class in the training loss alone; None weighs all alike.
    """

    measure = ACCURACY

    def __init__(self, patches: int = 1, *, smoothing: float = 0.0, weights: Tensor | None = None) -> None:
        self.patches, self.smoothing, self.weights = patches, smoothing, weights

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of logits; targets are classes, or shares of all classes."""
        return F.cross_entropy(outputs, targets, self.weights, label_smoothing=self.smoothing)

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of the logits of each of several networks, S×N×K."""
        if self.weights is not None:  # whose mean is weighted too
            return super().losses(outputs, targets)
        each = F.cross_entropy(
            outputs.flatten(0, 1), targets.flatten(0, 1), label_smoothing=self.smoothing, reduction="none"
        )
        means: Tensor = each.unflatten(0, outputs.shape[:2]).mean(1)
        return means

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Examples whose likeliest class is theirs, or has the largest share in them, and all examples."""
        if targets.dim() == 2:
            targets = targets.argmax(1)
        return torch.tensor(
            (int((outputs.argmax(1) == targets).sum()), len(targets)), dtype=torch.float64, device="cpu"
        )

    def score(self, tally: Tensor) -> float:
        """Percent of the examples that are right."""
        return 100.0 * float(tally[0]) / float(tally[1])

    def merge(self, answers: Sequence[Tensor]) -> Tensor:
        """Logits, or logarithms of mean probabilities where several answers make one."""
        if len(answers) == 1:
            return answers[0]
        return _log_mean(torch.stack(tuple(answers)).unsqueeze(2))

    @torch.inference_mode()
    def evaluate(self, nets: Iterable[nn.Module], batches: Iterable[tuple[Tensor, Tensor]]) -> Scores:
        """Mean cross-entropy, accuracy, and top-5 accuracy where there are more than ten classes."""
        loss, hits, near, count, classes = 0.0, 0, 0, 0, 0
        for logits, labels in self.answers(nets, batches):
            loss += F.cross_entropy(logits, labels, reduction="sum").item()
            hits += int((logits.argmax(1) == labels).sum())
            classes = logits.shape[1]
            if classes > FEW:
                near += int((logits.topk(5).indices == labels[:, None]).sum())
            count += len(labels)
        return Scores(loss / count, 100.0 * hits / count, 100.0 * near / count if classes > FEW else None)

    def answers(
        self, nets: Iterable[nn.Module], batches: Iterable[tuple[Tensor, Tensor]]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield logits with their labels; of ten patches, logarithms of mean probabilities."""
        if self.patches == 1:
            yield from super().answers(nets, batches)
            return
        assert isinstance(batches, Batches)
        members = [net.eval() for net in nets]
        for inputs, labels in batches.patches():
            views = inputs.flatten(0, 1)
            logits = torch.stack([net(views) for net in members])
            yield _log_mean(logits.unflatten(1, (len(labels), -1))), labels


def _log_mean(logits: Tensor) -> Tensor:
    """Logarithms of mean probabilities, N×K.

    Args:
        logits: S×N×P×K, of S networks for P views of each example.
    """
    logs = logits.softmax(3).mean(0).mean(1).log()
    if logs.isneginf().any():
        # What is too improbable for float32 is not impossible: the loss of an example would be infinite.
        exact = logits.log_softmax(3).logsumexp((0, 2)) - math.log(logits.shape[0] * logits.shape[2])
        logs = logs.where(~logs.isneginf(), exact)
    return logs
