"""The paper's protocol for segmentation: UNet on the brain MRI of the TCGA-LGG collection."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm
from .cifar import ARELU

SETTINGS: dict[str, Any] = {
    "dataset": "lgg-prepared",
    "network": "unet",
    "optimizer": "adam",
    "lr": 1e-4,
    "batch_size": 16,
    "epochs": 100,
    "normalise": "standard",
    "augment": ("scale:0.05", "rotate:15", "flip"),
}

ROWS = (Arm("ReLU", {"activation": "relu"}), ARELU)

PROTOCOL = (
    "The paper refers to someone else's implementation for all details. From there come Adam at 1e-4, batches of 16, "
    "100 epochs, the Dice loss, 32 to 512 features, ten patients held out for validation, the preparation of the "
    "volumes, the sampling of slices by their masks, and the augmentation: scaling by up to 5 %, rotation by up to "
    "15°, flips.",
    "The Dice coefficient is that of a patient's whole volume, in which only the largest connected piece of the "
    "prediction counts, averaged over the ten patients held out. A run is reported by its best epoch, as in that "
    "implementation, which makes it optimistic.",
    "What differs from that implementation: which ten patients are held out; an epoch's last batch is trained on, "
    "even if it is not full; volumes are resized by cubic instead of quadratic splines and kept in steps of 0.05 "
    "standard deviations; augmentation takes the nearest pixel instead of interpolating, and fills what moves into "
    "the picture with 2.5 standard deviations below the mean instead of the mean.",
    "AReLU starts from α = 0.75 and β = 1.0, as the paper says for brain images.",
    "The paper does not say how many runs its numbers summarise; ours summarise five, with the seeds 0 to 4.",
)
