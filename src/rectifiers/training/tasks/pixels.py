"""One of several classes for each pixel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.errors import ShapeError
from ..metrics import Measure
from .task import Task


class PixelClassification(Task):
    """Cross-entropy of each pixel, and the mean over the classes of intersection over union.

    Networks return a logit per class and pixel, N×K×H×W; targets are numbers of classes, N×H×W or N×1×H×W. Classes that
    are neither there nor predicted do not count.

    Args:
        ignore: number that marks pixels without a class.

    Example:
        >>> task = PixelClassification()
        >>> logits = torch.tensor([[[[1.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]]])
        >>> task.score(task.tally(logits, torch.tensor([[[0, 1, 1]]])))
        50.0
    """

    measure = Measure("mean IoU", "%")

    def __init__(self, ignore: int = 255) -> None:
        self.ignore = ignore

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy of the pixels that have a class; 0 where none has.

        Raises:
            ShapeError: there is not one answer for each pixel.
        """
        classes = self._classes(outputs, targets)
        count = (classes != self.ignore).sum().clamp(min=1)
        return F.cross_entropy(outputs, classes, ignore_index=self.ignore, reduction="sum") / count

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Pixels of each class that are predicted and true, predicted, and true; (3, K)."""
        classes = self._classes(outputs, targets)
        known = classes != self.ignore
        predicted, true, count = outputs.argmax(1)[known], classes[known], outputs.shape[1]
        chosen = (predicted[predicted == true], predicted, true)
        return torch.stack([labels.bincount(minlength=count).cpu().double() for labels in chosen])

    def score(self, tally: Tensor) -> float:
        """Mean intersection over union in percent; NaN where no pixel has a class."""
        both, predicted, true = tally
        union = predicted + true - both
        return 100.0 * float((both / union)[union > 0].mean())

    def _classes(self, outputs: Tensor, targets: Tensor) -> Tensor:
        classes = targets.squeeze(1) if targets.dim() == 4 and targets.shape[1] == 1 else targets
        expected = (outputs.shape[0], *outputs.shape[2:])
        if outputs.dim() != 4 or tuple(classes.shape) != expected:
            raise ShapeError(
                f"classes of pixels need outputs N×K×H×W for targets N×H×W, got {tuple(outputs.shape)} for "
                f"{tuple(targets.shape)}; change the network's last layer or the size of the targets"
            )
        return classes.long()
