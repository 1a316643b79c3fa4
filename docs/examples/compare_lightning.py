"""Activations compared in a Lightning module, on scikit-learn's digits, in half a minute on two cores.

Run it with `python compare_lightning.py`; it needs `pip install "rectifiers[lab]" "lightning!=2.6.2,!=2.6.3"`, for
these two releases held malicious code.
"""

import sys

import lightning
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import rectifiers
from rectifiers.lab.frameworks import from_lightning

DIGITS = load_digits()
DATA = TensorDataset(torch.tensor(DIGITS.data, dtype=torch.float32) / 16, torch.tensor(DIGITS.target))
TRAIN, VALIDATION = (torch.utils.data.Subset(DATA, rows) for rows in (range(1200), range(1200, len(DATA))))


def make_model():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


class Classifier(lightning.LightningModule):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def training_step(self, batch, _):
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def validation_step(self, batch, _):
        self.log("val_accuracy", (self.model(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(rectifiers.param_groups(self.model, lr=3e-3))


def make(model, seed):
    trainer = lightning.Trainer(
        max_epochs=5,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loaders = {"train": DataLoader(TRAIN, 64, shuffle=True), "val": DataLoader(VALIDATION, 597)}
    return trainer, Classifier(model), loaders


if __name__ == "__main__":
    comparison = rectifiers.compare(
        make_model,
        train=from_lightning(make),
        metric="accuracy",
        activations=["arelu", "pvlu@first"],
        seeds=int(sys.argv[1]) if len(sys.argv) > 1 else 3,
    )
    print(comparison)
