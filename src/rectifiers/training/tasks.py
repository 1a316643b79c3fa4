"""What is learned: the loss, what counts as right, and how a network is evaluated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..datasets.examples import Examples
from ..datasets.slices import Slices
from .batches import Batches
from .metrics import Scores

SMOOTH = 1.0
"""Added to both sides of the Dice loss's fraction, so that empty masks have a gradient."""


class Task(ABC):
    """A loss and its measure of success."""

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of a batch, to be minimised."""

    @abstractmethod
    def right(self, outputs: Tensor, targets: Tensor) -> float:
        """How many examples of a batch are right; parts of examples count as parts."""

    @abstractmethod
    def evaluate(self, nets: Iterable[nn.Module], batches: Batches) -> Scores:
        """Measure networks in evaluation mode; of several, the mean of their answers."""


class Classification(Task):
    """Cross-entropy and accuracy.

    Args:
        patches: 10 evaluates on corners, centre and their mirror images, by the mean of the answers; 1 on the centre.
    """

    def __init__(self, patches: int = 1) -> None:
        self.patches = patches

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of logits."""
        return F.cross_entropy(outputs, targets)

    def right(self, outputs: Tensor, targets: Tensor) -> int:
        """Examples whose likeliest class is theirs."""
        return int((outputs.argmax(1) == targets).sum())

    @torch.inference_mode()
    def evaluate(self, nets: Iterable[nn.Module], batches: Batches) -> Scores:
        """Mean cross-entropy, accuracy, and top-5 accuracy where there are more than ten classes."""
        members = [net.eval() for net in nets]
        loss, hits, near, count, classes = 0.0, 0, 0, 0, 0
        for logits, labels in self._answers(members, batches):
            loss += F.cross_entropy(logits, labels, reduction="sum").item()
            hits += self.right(logits, labels)
            classes = logits.shape[1]
            near += int((logits.topk(min(5, classes)).indices == labels[:, None]).sum())
            count += len(labels)
        return Scores(loss / count, 100.0 * hits / count, 100.0 * near / count if classes > 10 else None)

    def _answers(self, nets: list[nn.Module], batches: Batches) -> Iterator[tuple[Tensor, Tensor]]:
        """Logits, or logarithms of mean probabilities where several answers make one."""
        if self.patches == 1 and len(nets) == 1:
            for inputs, labels in batches:
                yield nets[0](inputs), labels
            return
        for inputs, labels in batches.patches() if self.patches > 1 else batches:
            views = inputs.flatten(0, 1) if self.patches > 1 else inputs
            mean = torch.stack([net(views).softmax(1) for net in nets]).mean(0)
            yield mean.unflatten(0, (len(labels), -1)).mean(1).log(), labels


class Segmentation(Task):
    """The Dice loss, 1 − (2Σpm + 1)/(Σp + Σm + 1), and the Dice coefficient of whole volumes.

    Networks return one logit per pixel. Each patient is a volume, and counts the same however many slices it has.
    """

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Dice loss over all pixels of a batch."""
        shares, masks = outputs.sigmoid(), targets.to(outputs.dtype)
        both = (shares * masks).sum()
        return 1 - (2 * both + SMOOTH) / (shares.sum() + masks.sum() + SMOOTH)

    def right(self, outputs: Tensor, targets: Tensor) -> float:
        """Dice coefficients of the slices, added up."""
        return float(_dice(*_areas(outputs, targets)).sum())

    @torch.inference_mode()
    def evaluate(self, nets: Iterable[nn.Module], batches: Batches) -> Scores:
        """Mean Dice loss per batch, and the mean Dice coefficient of the patients in percent."""
        members = [net.eval() for net in nets]
        assert isinstance(batches.split, Slices)
        losses, sizes, areas = [], [], []
        for images, masks in batches:
            logits = torch.stack([net(images).sigmoid() for net in members]).mean(0).logit()
            losses.append(float(self.loss(logits, masks)))
            sizes.append(len(masks))
            areas.append(torch.stack(_areas(logits, masks)))
        patients = batches.split.patients.unique(return_inverse=True)[1]
        sums = torch.zeros(3, int(patients.max()) + 1, dtype=torch.float64, device=patients.device)
        sums.index_add_(1, patients, torch.cat(areas, 1))
        loss = sum(value * size for value, size in zip(losses, sizes, strict=True)) / sum(sizes)
        return Scores(loss, 100.0 * float(_dice(*sums).mean()))


def task_of(examples: Examples, patches: int = 1) -> Task:
    """The task that a split sets: masks are segmented, labels are guessed."""
    return Segmentation() if isinstance(examples, Slices) else Classification(patches)


def _areas(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels that are predicted and true, predicted, and true; for each slice, (N,)."""
    predicted, true = outputs.flatten(1) > 0, targets.flatten(1) > 0
    return tuple(area.sum(1, dtype=torch.float64) for area in (predicted & true, predicted, true))  # type: ignore[return-value]


def _dice(both: Tensor, predicted: Tensor, true: Tensor) -> Tensor:
    """2·both/(predicted + true); 1 where nothing is to be found and nothing was."""
    empty = predicted + true == 0
    return torch.where(empty, 1.0, 2 * both / (predicted + true).clamp(min=1))
