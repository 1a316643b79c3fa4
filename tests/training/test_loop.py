"""The loop: what it learns, what it measures, which rates it uses, how it ends, and what must not reach it."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rectifiers.training import optimizers
from rectifiers.training.batches import Batches
from rectifiers.training.loop import DivergedError, fit
from rectifiers.training.metrics import Epoch
from rectifiers.training.schedules import lr_factor
from rectifiers.training.tasks import Classification

from .samples import batches, blobs, network


def evaluate(net: nn.Module, data: Batches) -> tuple[float, float]:
    scores = Classification().evaluate([net], data)
    return scores.loss, scores.score


def train(net: nn.Module, *, lr: float = 0.1, activation_lr: float | None = None, **changes: Any) -> list[Epoch]:
    optimizer = optimizers.create("sgd", net, lr=lr, activation_lr=activation_lr)
    settings: dict[str, Any] = {"train": batches(blobs(30)), "test": batches(blobs(9, seed=1)), "epochs": 1, "seed": 0}
    return list(fit(net, optimizer, **{**settings, **changes}))


def weights(net: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


def test_loss_goes_down() -> None:
    epochs = train(network(), epochs=20)
    assert epochs[-1].train_loss < 0.5 * epochs[0].train_loss
    assert epochs[-1].test_accuracy == 100.0


def test_one_epoch_by_hand() -> None:
    """Four steps of plain gradient descent, the last on the six images that are left."""
    ours, net = network(), network()
    (epoch,) = train(ours, lr=0.1)
    losses, hits, sizes = [], 0, []
    for images, labels in batches(blobs(30)).epoch(0):
        logits = net(images)
        loss = F.cross_entropy(logits, labels)
        gradients = torch.autograd.grad(loss, list(net.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(net.parameters(), gradients, strict=True):
                parameter -= 0.1 * gradient
        losses.append(loss.item())
        hits += int((logits.argmax(1) == labels).sum())
        sizes.append(len(labels))
    assert sizes == [8, 8, 8, 6]
    torch.testing.assert_close(weights(ours), weights(net))
    mean = sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / 30
    assert epoch.train_loss == pytest.approx(mean, rel=1e-5)
    assert epoch.train_accuracy == pytest.approx(100 * hits / 30)
    assert (epoch.test_loss, epoch.test_accuracy) == pytest.approx(evaluate(net, batches(blobs(9, seed=1))), rel=1e-5)
    assert epoch.lr == 0.1
    assert epoch.train_seconds > 0
    assert epoch.test_seconds > 0


def test_validation_and_test_are_measured_apart() -> None:
    net = network()
    held_out, test = batches(blobs(12, seed=2)), batches(blobs(9, seed=1))
    (epoch,) = train(net, validation=held_out, test=test)
    assert (epoch.validation_loss, epoch.validation_accuracy) == evaluate(net, held_out)
    assert (epoch.test_loss, epoch.test_accuracy) == evaluate(net, test)
    assert epoch.validation_loss != epoch.test_loss


def test_without_validation_there_are_no_numbers() -> None:
    (epoch,) = train(network())
    assert epoch.validation_loss is None
    assert epoch.validation_accuracy is None


@pytest.mark.parametrize("which", ["test", "validation"])
def test_measured_data_change_no_weight(which: str) -> None:
    nets = [network() for _ in range(2)]
    for net, seed in zip(nets, (3, 4), strict=True):
        noisy = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), net)
        train(noisy, epochs=3, **{which: batches(blobs(30 + seed, seed=seed))})
    assert torch.equal(weights(nets[0]), weights(nets[1]))


def test_rates_of_every_step() -> None:
    """Four steps an epoch: one epoch of warm-up, one at the full rate, then a tenth of it; both groups alike."""
    net = network()
    optimizer = optimizers.create("sgd", net, lr=0.2, activation_lr=0.02)
    rates: list[list[float]] = []
    epochs = list(
        fit(
            net,
            optimizer,
            train=batches(blobs(30)),
            test=batches(blobs(9)),
            epochs=3,
            seed=0,
            factor=partial(lr_factor, milestones=(2,), gamma=0.1, warmup_epochs=1),
            on_step=lambda step: rates.append([group["lr"] for group in optimizer.param_groups]),
        )
    )
    factors = [0.125, 0.375, 0.625, 0.875, 1.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.1]
    assert rates[1:] == [pytest.approx([0.2 * factor, 0.02 * factor]) for factor in factors]
    assert [epoch.lr for epoch in epochs] == pytest.approx([0.175, 0.2, 0.02])


def test_steps_are_announced_from_zero() -> None:
    steps: list[int] = []
    train(network(), epochs=2, on_step=steps.append)
    assert steps == list(range(9))


def test_network_trains_in_training_mode() -> None:
    net = nn.Sequential(network(), nn.Dropout(0.0))
    modes: list[bool] = []
    net.register_forward_hook(lambda module, *_: modes.append(module.training))
    train(net, epochs=2)
    assert modes == ([True] * 4 + [False] * 2) * 2


def test_noise_of_an_epoch_is_its_own() -> None:
    """Random numbers that anything else draws, between the epochs too, change nothing."""
    quiet, disturbed = (nn.Sequential(network(), nn.Dropout(0.5)) for _ in range(2))
    expected = train(quiet, epochs=3)
    optimizer = optimizers.create("sgd", disturbed, lr=0.1)
    found = []
    for epoch in fit(disturbed, optimizer, train=batches(blobs(30)), test=batches(blobs(9, seed=1)), epochs=3, seed=0):
        torch.rand(17)
        found.append(epoch)
    assert [epoch.train_loss for epoch in found] == [epoch.train_loss for epoch in expected]
    assert torch.equal(weights(quiet), weights(disturbed))


def test_divergence_keeps_the_epochs_before() -> None:
    net = network()
    optimizer = optimizers.create("sgd", net, lr=0.1)
    epochs: list[Epoch] = []
    with pytest.raises(DivergedError, match=r"loss is (nan|inf) in epoch 3, step \d"):
        epochs.extend(
            fit(
                net,
                optimizer,
                train=batches(blobs(30)),
                test=batches(blobs(9)),
                epochs=9,
                seed=0,
                factor=lambda epoch: 1.0 if epoch < 2 else 1e30,
            )
        )
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert all(math.isfinite(epoch.test_loss) for epoch in epochs)
