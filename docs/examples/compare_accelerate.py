"""Activations compared in a loop that uses Accelerate, on scikit-learn's digits, in some seconds on two cores.

Run it with `python compare_accelerate.py`; it needs `pip install "rectifiers[lab]" accelerate`.
"""

import sys

import torch
from accelerate import Accelerator
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import rectifiers
from rectifiers.lab.frameworks import from_accelerate

DIGITS = load_digits()
DATA = TensorDataset(torch.tensor(DIGITS.data, dtype=torch.float32) / 16, torch.tensor(DIGITS.target))
TRAIN, TEST = (torch.utils.data.Subset(DATA, rows) for rows in (range(1200), range(1200, len(DATA))))


def make_model():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def loop(model, seed, report):
    accelerator = Accelerator(cpu=True)
    optimizer = torch.optim.Adam(rectifiers.param_groups(model, lr=3e-3))
    model, optimizer, train, test = accelerator.prepare(
        model, optimizer, DataLoader(TRAIN, 64, shuffle=True), DataLoader(TEST, 600)
    )
    for _ in range(5):
        model.train()
        for inputs, targets in train:
            optimizer.zero_grad()
            accelerator.backward(nn.functional.cross_entropy(model(inputs), targets))
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = sum((model(inputs).argmax(1) == targets).sum() for inputs, targets in test)
        report(accuracy=100 * hits / len(TEST))


if __name__ == "__main__":
    comparison = rectifiers.compare(
        make_model,
        train=from_accelerate(loop),
        unit="%",
        activations=["arelu", "pvlu@first"],
        seeds=int(sys.argv[1]) if len(sys.argv) > 1 else 3,
    )
    print(comparison)
