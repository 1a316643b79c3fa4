"""The mask of one thing in slices of volumes."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ...datasets.slices import Slices
from ..batches import Batches
from ..group import add_up
from ..metrics import Measure, Scores
from .task import Task

SMOOTH = 1.0
"""Added to both sides of the Dice loss's fraction, so that empty masks have a gradient."""


class Segmentation(Task):
    """The Dice loss, 1 − (2Σpm + 1)/(Σp + Σm + 1), and the Dice coefficient of whole volumes.

    Networks return one logit per pixel. Each patient is a volume, and counts the same however many slices it has. While
    training, and of batches that know no patients, each slice counts as a volume. Where the data ask for it, only the
    largest connected piece of what is predicted in a volume counts.
    """

    measure = Measure("Dice coefficient", "%")

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Dice loss over all pixels of a batch."""
        return _dice_loss(*_overlap(outputs, targets))

    def loss_of_share(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Dice loss over all pixels of a batch, those of the other processes as well: it is no mean over examples."""
        return _dice_loss(*add_up(torch.stack(_overlap(outputs, targets))))

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Dice coefficients of the slices, added up, and their number."""
        return torch.tensor(
            (float(_dice(*_areas(outputs, targets)).sum()), len(targets)), dtype=torch.float64, device="cpu"
        )

    def score(self, tally: Tensor) -> float:
        """Mean Dice coefficient of the slices in percent."""
        return 100.0 * float(tally[0]) / float(tally[1])

    @torch.inference_mode()
    def evaluate(self, nets: Iterable[nn.Module], batches: Iterable[tuple[Tensor, Tensor]]) -> Scores:
        """Mean Dice loss per batch, and the mean Dice coefficient of the patients in percent."""
        split = getattr(batches, "split", None)
        if not (isinstance(batches, Batches) and isinstance(split, Slices)):
            return super().evaluate(nets, batches)
        members = [net.eval() for net in nets]
        patients = split.patients.unique(return_inverse=True)[1]
        losses, sizes, areas, predictions = [], [], [], []
        for images, masks in batches:
            logits = torch.stack([net(images).sigmoid() for net in members]).mean(0).logit()
            losses.append(float(self.loss(logits, masks)))
            sizes.append(len(masks))
            areas.append(torch.stack(_areas(logits, masks)))
            if split.largest_piece:
                predictions.append((logits[:, 0] > 0).cpu())
        sums = torch.zeros(3, int(patients.max()) + 1, dtype=torch.float64, device=patients.device)
        sums.index_add_(1, patients, torch.cat(areas, 1))
        if predictions:
            volumes, places = torch.cat(predictions), patients.cpu()
            for patient in range(sums.shape[1]):
                here = places == patient
                piece, true = _largest_piece(volumes[here]), batches.targets[:, 0].cpu()[here] > 0
                sums[0, patient], sums[1, patient] = (piece & true).sum(), piece.sum()
        loss = sum(value * size for value, size in zip(losses, sizes, strict=True)) / sum(sizes)
        return Scores(loss, 100.0 * float(_dice(*sums).mean()))


def _overlap(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Σpm, and Σp + Σm."""
    shares, masks = outputs.sigmoid(), targets.to(outputs.dtype)
    return (shares * masks).sum(), shares.sum() + masks.sum()


def _dice_loss(both: Tensor, sizes: Tensor) -> Tensor:
    return 1 - (2 * both + SMOOTH) / (sizes + SMOOTH)


def _largest_piece(volume: Tensor) -> Tensor:
    """The largest piece of what holds, connected face to face; bool, N×H×W."""
    from scipy import ndimage  # a tenth of a second that other tasks do not need

    pieces, count = ndimage.label(volume.numpy())
    if count < 2:
        return volume
    found = torch.from_numpy(pieces)
    return found == 1 + int(found.flatten().bincount()[1:].argmax())


def _areas(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels that are predicted and true, predicted, and true; for each slice, (N,)."""
    predicted, true = outputs.flatten(1) > 0, targets.flatten(1) > 0
    return tuple(area.sum(1, dtype=torch.float64) for area in (predicted & true, predicted, true))  # type: ignore[return-value]


def _dice(both: Tensor, predicted: Tensor, true: Tensor) -> Tensor:
    """2·both/(predicted + true); 1 where nothing is to be found and nothing was."""
    empty = predicted + true == 0
    return torch.where(empty, 1.0, 2 * both / (predicted + true).clamp(min=1))
