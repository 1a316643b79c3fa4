"""One step of the optimizer: several batches as one, shortened gradients, and mixed precision."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rectifiers.training.optimizers import OPTIMIZERS, create
from rectifiers.training.tasks import Classification
from rectifiers.training.update import Update

from .samples import batches, blobs, network

Batch = tuple[Tensor, Tensor]


def data(size: int = 4) -> list[Batch]:
    """Ten examples: batches of 4, 4 and 2."""
    return list(batches(blobs(10), size))


def update(net: nn.Module, name: str = "sgd", **options: Any) -> Update:
    return Update(net, create(name, net, lr=0.1), Classification(), **options)


def equal(one: nn.Module, two: nn.Module, **tolerance: float) -> None:
    for ours, theirs in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, **tolerance)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_several_batches_are_one_large_batch(name: str) -> None:
    many, one = network(), network()
    (whole,) = data(10)
    step, large = update(many, name), update(one, name)
    for _ in range(3):
        answers = step(data())
        (answer,) = large([whole])
        mean = sum(float(answer.loss) * len(answer.targets) for answer in answers) / 10
        assert mean == pytest.approx(float(answer.loss), rel=1e-5)
    equal(many, one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("clip_norm", [1e-3, 0.1, 1e3])
def test_gradients_are_shortened_as_pytorch_does(clip_norm: float) -> None:
    ours, theirs = network(), network()
    update(ours, clip_norm=clip_norm)(data()[:1])
    optimizer = create("sgd", theirs, lr=0.1)
    images, labels = data()[0]
    F.cross_entropy(theirs(images), labels).backward()
    norm = nn.utils.clip_grad_norm_(theirs.parameters(), clip_norm)
    assert (float(norm) > clip_norm) == (clip_norm < 1)
    optimizer.step()
    equal(ours, theirs)


def test_of_several_batches_the_sum_is_shortened() -> None:
    many, one = network(), network()
    update(many, clip_norm=0.1)(data())
    update(one, clip_norm=0.1)(data(10))
    equal(many, one)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("clip_norm", [None, 0.1])
def test_half_precision_as_in_pytorchs_recipe(name: str, clip_norm: float | None) -> None:
    ours, theirs = network(), network()
    step = update(ours, name, precision="float16", clip_norm=clip_norm)
    optimizer, scaler = create(name, theirs, lr=0.1), torch.amp.GradScaler("cpu")
    for images, labels in data():
        (answer,) = step([(images, labels)])
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.float16):
            logits = theirs(images)
            loss = F.cross_entropy(logits, labels)
        scaler.scale(loss).backward()
        if clip_norm is not None:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(theirs.parameters(), clip_norm)
        scaler.step(optimizer)
        scaler.update()
        assert answer.outputs.dtype == torch.float16
        assert answer.loss == loss
    equal(ours, theirs, rtol=0, atol=0)
    assert step.scaler.get_scale() == scaler.get_scale()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_under_autocast_of_a_callers_no_step_goes_on_with_old_weights(precision: str) -> None:
    apart, around = network(), network()
    step = update(apart, precision="bfloat16")
    for batch in data():
        step([batch])
    step = update(around, precision=precision)
    with torch.autocast("cpu", torch.bfloat16):
        for batch in data():
            step([batch])
    equal(apart, around, rtol=0, atol=0)


def test_a_step_whose_gradient_overflows_is_left_out() -> None:
    net = network()
    step = update(net, precision="float16")
    step.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**120)
    step(data()[:1])
    equal(net, network(), rtol=0, atol=0)
    assert step.scaler.get_scale() == 2.0**119


def test_bfloat16_is_in_the_forward_pass_alone() -> None:
    ours, theirs = network(), network()
    (answer,) = update(ours, precision="bfloat16")(data()[:1])
    assert answer.outputs.dtype == torch.bfloat16
    assert {parameter.dtype for parameter in ours.parameters()} == {torch.float32}
    images, labels = data()[0]
    optimizer = create("sgd", theirs, lr=0.1)
    with torch.autocast("cpu", torch.bfloat16):
        loss = F.cross_entropy(theirs(images), labels)
    loss.backward()
    optimizer.step()
    equal(ours, theirs, rtol=0, atol=0)
