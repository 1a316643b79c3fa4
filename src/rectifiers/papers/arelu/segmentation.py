"""The paper's protocol for segmentation: UNet on the brain MRI of the TCGA-LGG collection."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm
from .cifar import ARELU

SETTINGS: dict[str, Any] = {
    "dataset": "lgg",
    "network": "unet",
    "optimizer": "adam",
    "lr": 1e-4,
    "batch_size": 16,
    "epochs": 100,
}

ROWS = (Arm("ReLU", {"activation": "relu"}), ARELU)

PROTOCOL = (
    "The paper refers to someone else's implementation for all details. From there come Adam at 1e-4, batches of 16, "
    "100 epochs, slices of 256×256, the Dice loss, 32 to 512 features, and ten patients held out for validation.",
    "The Dice coefficient is that of a patient's whole volume, averaged over the ten patients held out.",
    "AReLU starts from α = 0.75 and β = 1.0, as the paper says for brain images.",
    "The paper does not say how many runs its numbers summarise; ours has five seeds, 0 to 4.",
)
