"""One run from its description: every activation runs, what is kept is true, and user errors have names."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from rectifiers import activations, datasets
from rectifiers.core.errors import ConfigError, RectifiersError, ShapeError, UnknownNameError
from rectifiers.experiments.network import build_network
from rectifiers.experiments.result import Result
from rectifiers.experiments.run_trial import run_trial
from rectifiers.training.record import GRID

from .samples import tiny

NAMES = activations.registry.names()
CONVOLUTIONS = [name for name in NAMES if activations.registry.facts(name).get("kind") == "convolution"]
DIGITS = datasets.load("digits")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CONVOLUTIONS])
def test_every_activation_trains_a_step(name: str) -> None:
    trial = tiny(activation=name, train_size=16, batch_size=16, trace_points=1)
    result = run_trial(trial)
    assert result.status == "done"
    assert math.isfinite(result.epochs[0].train_loss)
    assert math.isfinite(result.epochs[0].test_loss)
    net = build_network(trial, DIGITS)
    assert result.parameters == sum(parameter.numel() for parameter in net.parameters())
    # What looks at all channels at once is no function of one number, whose curve could be kept.
    learns_a_curve = result.activation_parameters > 0 and activations.registry.facts(name).get("kind") != "channelwise"
    assert learns_a_curve == bool(result.shapes) == (result.trace is not None)
    assert Result.model_validate_json(result.model_dump_json(exclude_defaults=True)) == result


def test_it_learns() -> None:
    result = run_trial(tiny(train_size=None, epochs=4, validation=0.1))
    assert result.epochs[-1].train_loss < 0.5 * result.epochs[0].train_loss
    assert result.epochs[-1].test_accuracy > 90
    assert result.epochs[-1].validation_accuracy is not None
    assert result.epochs[-1].validation_accuracy > 85


def test_test_data_never_reach_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other test data give other test numbers, and the same for all else."""
    trial = tiny(epochs=2, validation=0.2, trace_points=2, normalise="standard")
    first = run_trial(trial)
    blank = datasets.Split(torch.zeros_like(DIGITS.test.images), DIGITS.test.labels)
    other = datasets.Dataset("digits", DIGITS.train, blank, DIGITS.classes)
    monkeypatch.setattr(datasets, "load", lambda *_: other)
    second = run_trial(trial)
    numbers = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    for one, two in zip(first.epochs, second.epochs, strict=True):
        assert [getattr(one, name) for name in numbers] == [getattr(two, name) for name in numbers]
        assert one.test_loss != two.test_loss
    assert first.shapes == second.shapes
    assert first.trace == second.trace
    assert first.provenance["data"] != second.provenance["data"]


@pytest.mark.parametrize(("train_size", "validation", "images"), [(100, 0.0, 100), (100, 0.25, 75), (None, 0.0, 1437)])
def test_training_uses_every_image_it_is_given(
    monkeypatch: pytest.MonkeyPatch, train_size: int | None, validation: float, images: int
) -> None:
    seen: list[int] = []

    def count(module: nn.Module, arguments: tuple[torch.Tensor], _: Any) -> None:
        if module.training and isinstance(module, nn.Flatten):
            seen.append(len(arguments[0]))

    hook = nn.modules.module.register_module_forward_hook(count)
    try:
        run_trial(tiny(train_size=train_size, validation=validation, batch_size=64))
    finally:
        hook.remove()
    assert seen == [64] * (images // 64) + [images % 64]


def test_parameters_and_shapes_of_arelu() -> None:
    result = run_trial(tiny(activation_args={"alpha": 0.5, "beta": 0.0}))
    assert (result.parameters, result.activation_parameters) == (13_706 + 6, 6)
    assert len(result.shapes) == 3
    for shape in result.shapes:
        assert shape.x == GRID.tolist()
        assert shape.before == pytest.approx([0.5 * x if x < 0 else 1.5 * x for x in shape.x], abs=1e-4)
        assert shape.after != shape.before
        assert shape.after_low == shape.after == shape.after_high


def test_channels_are_shown_as_mean_and_range() -> None:
    for shape in run_trial(tiny(activation="prelu", activation_args={"share": "channel"}, epochs=3)).shapes:
        assert shape.after_low[0] < shape.after[0] < shape.after_high[0]


@pytest.mark.parametrize(("share", "units"), [("channel", 16 + 32 + 64), ("element", 16 * 8 * 8 + 32 * 4 * 4 + 64)])
def test_granularity_by_argument(share: str, units: int) -> None:
    assert run_trial(tiny(activation="prelu", activation_args={"share": share})).activation_parameters == units


def test_trace_starts_before_the_first_step() -> None:
    """64 images in batches of 24 are 3 steps an epoch; asked for more points, each step is one."""
    trace = run_trial(tiny(epochs=2, trace_points=100, activation_args={"alpha": 0.5})).trace
    assert trace is not None
    assert trace.steps == [0, 1, 2, 3, 4, 5, 6]
    assert len(trace.values) == 6
    assert {len(values) for values in trace.values.values()} == {7}
    assert [values[0] for name, values in trace.values.items() if name.endswith("alpha")] == [0.5] * 3
    assert run_trial(tiny(activation="relu", trace_points=1)).trace is None
    assert run_trial(tiny()).trace is None


def test_activation_rate_moves_the_activations_alone() -> None:
    """One step: the weights of both trials are equal before it, so the loss is, and the shapes are not."""
    slow, fast = (run_trial(tiny(batch_size=64, activation_lr=rate)) for rate in (1e-6, 0.5))
    assert slow.epochs[0].train_loss == fast.epochs[0].train_loss
    assert slow.shapes[0].after == pytest.approx(slow.shapes[0].before, abs=2e-4)
    assert fast.shapes[0].after != pytest.approx(fast.shapes[0].before, abs=2e-4)


def test_schedule_reaches_the_optimizer() -> None:
    epochs = run_trial(tiny(lr=0.1, epochs=4, milestones=(2, 3), gamma=0.5, warmup_epochs=1)).epochs
    assert [epoch.lr for epoch in epochs] == pytest.approx([0.1 * 2.5 / 3, 0.1, 0.05, 0.025])


@pytest.mark.parametrize("activation", ["arelu", "relu"])
def test_divergence_within_an_epoch(activation: str) -> None:
    result = run_trial(tiny(activation=activation, lr=1e30, epochs=3, trace_points=3))
    assert result.status == "diverged"
    assert result.epochs == []
    assert result.shapes == []
    assert math.isnan(result.value("final_epoch"))


@pytest.mark.parametrize("epochs", [1, 3])
def test_divergence_after_an_epoch_keeps_its_row(epochs: int) -> None:
    """With one step an epoch, the first loss is still finite; the network it leaves is not."""
    result = run_trial(tiny(lr=1e30, epochs=epochs, batch_size=64, trace_points=1))
    assert result.status == "diverged"
    assert [epoch.epoch for epoch in result.epochs] == [1]
    assert math.isfinite(result.epochs[0].train_loss)
    assert not math.isfinite(result.epochs[0].test_loss)
    assert repr(Result.model_validate_json(result.model_dump_json())) == repr(result)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"dataset": "digit"}, UnknownNameError, "unknown data set 'digit'; did you mean digits"),
        ({"network": "digits-con"}, UnknownNameError, "unknown network 'digits-con'; did you mean digits-conv"),
        ({"activation": "arelo"}, UnknownNameError, "unknown activation 'arelo'; did you mean arelu"),
        ({"network": "mnist-conv"}, ShapeError, "MNIST-Conv takes images of 28×28, got 8×8"),
        ({"train_size": 5000}, ConfigError, "cannot take 5000 of 1437 images; expected 1 to 1437"),
        ({"validation": 0.001}, ConfigError, "cannot hold out 0.001 of 64 images"),
        ({"activation": "maxout", "activation_args": {"pool_size": 3}}, ShapeError, "Maxout cannot take 16 channels"),
        ({"activation_args": {"slope": 3}}, RectifiersError, "slope"),
        ({"activation_args": {"share": "row"}}, ConfigError, "share must be one of layer, channel, element, got 'row'"),
        ({"activation_args": {"alpha": "steep"}}, ConfigError, "AReLU: alpha must be a finite number, got 'steep'"),
        ({"activation_args": {"channels": 3}}, ConfigError, "arelu does not take activation_args"),
    ],
    ids=str,
)
def test_user_errors_have_names(changes: dict[str, Any], error: type[RectifiersError], message: str) -> None:
    with pytest.raises(error, match=message):
        run_trial(tiny(**changes))


@pytest.mark.parametrize("device", ["cuda:63", "mps"])
def test_device_that_is_not_there(device: str) -> None:
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has it")
    with pytest.raises(ConfigError, match=f"this machine has no device '{device}'; use 'cpu'"):
        run_trial(tiny(device=device))


def test_provenance_says_on_which_data() -> None:
    provenance = run_trial(tiny()).provenance
    assert provenance["data"] == f"digits {datasets.digest(DIGITS)}"
    assert provenance["seconds"] > 0
    assert provenance["torch"] == torch.__version__


def test_arelu_learns_mnist() -> None:
    """The network and the optimizer of the paper on a tenth of its images, in four times as many steps per image."""
    if not datasets.check("mnist").ready:
        pytest.skip("needs MNIST; RECTIFIERS_DATA says where")
    result = run_trial(
        tiny(dataset="mnist", network="mnist-conv", train_size=6_000, batch_size=32, lr=1e-2, momentum=0.9)
    )
    assert result.parameters == 12_930 + 6
    assert result.epochs[0].test_accuracy > 85
