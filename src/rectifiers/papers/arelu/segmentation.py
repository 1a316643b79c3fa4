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
    "The Dice coefficient is that of a patient's whole volume, averaged over the ten patients held out, and a run is "
    "reported by its best epoch, as that implementation does. It counts the largest connected component of what is "
    "predicted alone; ours counts all.",
    "That implementation leaves out the first and the last slice of each patient, crops each volume to what is not "
    "black, pads it to a square, resizes it to 256×256, rescales it between its 10th and its 99th percentile, and "
    "normalises each of its channels to mean 0 and deviation 1. Ours takes all slices as they are, divided by 255.",
    "That implementation scales by up to 5 %, rotates by up to 15° and flips, draws a patient at random for each "
    "image, and one of its slices by the size of the mask. Ours augments nothing, and an epoch has each slice once.",
    "AReLU starts from α = 0.75 and β = 1.0, as the paper says for brain images.",
    "The paper does not say how many runs its numbers summarise; ours has five seeds, 0 to 4.",
)
