"""Search over activations and how they are put in, with Optuna; run it in several terminals, and they share the work.

    pip install "rectifiers[lab,optuna]"
    python docs/examples/optuna_search.py search.journal --trials 30

What is found was picked because it was best on validation data. Compare it with the model as it is on fresh seeds, and
on test data, before you believe it.
"""

from __future__ import annotations

import argparse

import optuna
import torch
import torch.nn.functional as F
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from sklearn.datasets import load_digits
from torch import Tensor, nn

import rectifiers

EPOCHS = 8


def make_model() -> nn.Module:
    """The model in question."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def load() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Training and validation data; those for the test stay out of the search."""
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
    y = torch.tensor(digits.target)
    return (x[:1000], y[:1000]), (x[1000:1400], y[1000:1400])


def objective(trial: optuna.Trial) -> float:
    """Validation accuracy of one variant."""
    (x, y), (x_validation, y_validation) = load()
    torch.manual_seed(trial.number)
    net = make_model()
    name = trial.suggest_categorical("activation", ["relu", "prelu", "arelu", "pvlu", "pau"])
    if name != "relu":
        where = trial.suggest_categorical("where", ["all", "first", "last"])
        start = trial.suggest_categorical("start", ["published", "relu"]) if name != "pau" else "published"
        rectifiers.swap(net, name, where=where, start=start, example=x[:1])
    groups = rectifiers.param_groups(
        net,
        lr=trial.suggest_float("lr", 1e-3, 0.3, log=True),
        activation_lr=trial.suggest_float("activation_lr", 1e-4, 0.1, log=True) if name != "relu" else None,
        weight_decay=5e-4,
    )
    optimizer = torch.optim.SGD(groups, momentum=0.9)
    accuracy = 0.0
    for epoch in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            accuracy = float((net(x_validation).argmax(1) == y_validation).float().mean())
        trial.report(accuracy, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return accuracy


def search(journal: str, trials: int) -> optuna.Study:
    """Go on with the search that a journal holds, or begin it."""
    study = optuna.create_study(
        study_name="activations",
        storage=JournalStorage(JournalFileBackend(journal)),
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2),
        load_if_exists=True,
    )
    study.optimize(objective, n_trials=trials)
    return study


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("journal")
    parser.add_argument("--trials", type=int, default=30)
    options = parser.parse_args()
    found = search(options.journal, options.trials)
    print(f"{len(found.trials)} trials; best on validation data: {found.best_value:.3f} with {found.best_params}")
