"""The tasks: their losses, their measures, and how several answers become one."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import f1_score, jaccard_score, mean_absolute_error, r2_score, root_mean_squared_error
from torch import nn
from torch.nn import functional as F

from rectifiers.core.errors import ShapeError, UnknownNameError
from rectifiers.datasets.slices import Slices
from rectifiers.datasets.volumes import Volumes
from rectifiers.training.batches import Batches
from rectifiers.training.metrics import Measure
from rectifiers.training.tasks import (
    Classification,
    CustomTask,
    MultiLabel,
    PixelClassification,
    Regression,
    Segmentation,
    Task,
    task_of,
)

from .samples import batches, blobs, network


def volumes() -> Slices:
    """Two patients, the second with one slice: half of the first's mask is found, all of the second's."""
    masks = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    masks[0, 0, 0], masks[2, 0, 1] = 1, 1
    images = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    images[0, 0, 0, 0], images[2, 0, 1] = 255, 255
    return Slices(images, masks, torch.tensor([0, 0, 7]))


class Bright(nn.Module):
    """Finds what is bright."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 200 * images - 100


def test_dice_loss_of_a_known_case() -> None:
    logits = torch.tensor([[[[0.0, 0.0]]]])
    masks = torch.tensor([[[[1, 0]]]], dtype=torch.uint8)
    assert Segmentation().loss(logits, masks).item() == pytest.approx(1 - (2 * 0.5 + 1) / (1 + 1 + 1))


def test_volumes_count_alike_however_many_slices_they_have() -> None:
    data = Batches(volumes(), 2, normalise=lambda raw: raw.float() / 255)
    assert Segmentation().evaluate([Bright()], data).score == pytest.approx(100 * (2 / 3 + 1) / 2)


def test_only_the_largest_piece_of_a_prepared_volume_counts() -> None:
    """The first patient's mask is found, in two slices, and a pixel far from it; of the second's, nothing."""
    masks, images = (torch.zeros(3, 1, 3, 3, dtype=torch.uint8) for _ in range(2))
    masks[0, 0, 0, :2], masks[1, 0, 0, 0], masks[2, 0, 1, 1] = 1, 1, 1
    images[0, 0, 0, :2], images[1, 0, 0, 0], images[1, 0, 2, 2] = 255, 255, 255
    for kind, dice in ((Slices, (2 * 3 / 7 + 0) / 2), (Volumes, (1 + 0) / 2)):
        split = kind(images, masks, torch.tensor([0, 0, 7]))
        data = Batches(split, 2, normalise=lambda raw: raw.float() / 255)
        assert Segmentation().evaluate([Bright()], data).score == pytest.approx(100 * dice)


def test_slices_are_a_segmentation_and_labels_a_classification() -> None:
    assert isinstance(task_of(volumes()), Segmentation)
    assert isinstance(task_of(blobs(3)), Classification)


def test_top_five_is_counted_above_ten_classes() -> None:
    class Ranked(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return -torch.arange(12.0).expand(len(images), 12)

    split = blobs(12)
    data = batches(type(split)(split.images, torch.arange(12)))
    scores = Classification().evaluate([Ranked()], data)
    assert (scores.score, scores.top5) == (pytest.approx(100 / 12), pytest.approx(500 / 12))


def test_ten_patches_and_several_networks_average_probabilities() -> None:
    class Odds(nn.Module):
        def __init__(self, *odds: float) -> None:
            super().__init__()
            self.logits = torch.tensor(odds).log()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.logits.expand(len(images), 2)

    split = blobs(4)
    data = batches(type(split)(split.images, torch.zeros(4, dtype=torch.int64)))
    for patches in (1, 10):
        scores = Classification(patches).evaluate([Odds(0.9, 0.1), Odds(0.3, 0.7)], data)
        assert scores.score == 100
        assert scores.loss == pytest.approx(-math.log(0.6), rel=1e-5)


def test_what_several_answers_call_as_good_as_impossible_costs_no_infinite_loss() -> None:
    class Sure(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.tensor([200.0, 0.0]).expand(len(images), 2)

    split = blobs(4)
    data = batches(type(split)(split.images, torch.tensor([0, 0, 0, 1])))
    for patches, members in ((1, 1), (10, 1), (1, 3), (10, 2)):
        scores = Classification(patches).evaluate([Sure()] * members, data)
        assert (scores.score, scores.loss) == (75, pytest.approx(50))


def test_mirror_images_count_among_the_ten_patches() -> None:
    net, data = network(), batches(blobs(9))
    one, ten = (Classification(patches).evaluate([net], data) for patches in (1, 10))
    assert one.loss != ten.loss


def two_batches(task: Task, outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """The score of data that come in two batches of different size."""
    return task.score(task.tally(outputs[:5], targets[:5]) + task.tally(outputs[5:], targets[5:]))


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("measure", "oracle"),
    [("R²", r2_score), ("RMSE", root_mean_squared_error), ("MAE", mean_absolute_error)],
)
@pytest.mark.parametrize("shape", [(13,), (13, 1)])
def test_measures_of_one_number(measure: Any, oracle: Any, shape: tuple[int, ...]) -> None:
    outputs, targets = noise(13, 1), 3 * noise(*shape, seed=1) + 100
    expected = oracle(targets.flatten().double(), outputs.flatten().double())
    assert two_batches(Regression(measure=measure), outputs, targets) == pytest.approx(expected)


def test_determination_of_several_numbers_is_the_mean_of_each() -> None:
    outputs, targets = noise(13, 3), noise(13, 3, seed=1) * torch.tensor([1.0, 10.0, 0.1])
    assert two_batches(Regression(), outputs, targets) == pytest.approx(r2_score(targets.double(), outputs.double()))


def test_nothing_is_determined_where_nothing_varies() -> None:
    assert math.isnan(two_batches(Regression(), noise(13), torch.full((13,), 1e6 + 0.1)))


@pytest.mark.parametrize(("loss", "oracle"), [("mse", F.mse_loss), ("l1", F.l1_loss), ("huber", F.huber_loss)])
def test_losses_of_a_regression(loss: str, oracle: Any) -> None:
    outputs, targets = noise(13, 1), noise(13, seed=1)
    torch.testing.assert_close(Regression(loss).loss(outputs, targets), oracle(outputs[:, 0], targets))


def test_a_regression_is_never_broadcast() -> None:
    with pytest.raises(ShapeError, match=r"got \(13, 2\) for \(13,\)"):
        Regression().loss(noise(13, 2), noise(13))
    with pytest.raises(UnknownNameError, match="did you mean mse"):
        Regression("mes")
    with pytest.raises(UnknownNameError, match="did you mean RMSE"):
        Regression(measure="rms")  # type: ignore[arg-type]


def test_several_labels() -> None:
    logits, labels = noise(13, 4), (noise(13, 4, seed=1) > 0.5).long()
    assert two_batches(MultiLabel(), logits, labels) == pytest.approx(
        100 * f1_score(labels, logits > 0, average="micro")
    )
    torch.testing.assert_close(
        MultiLabel().loss(logits, labels), F.binary_cross_entropy_with_logits(logits, labels.float())
    )
    nothing = torch.zeros(13, 4)
    assert two_batches(MultiLabel(), nothing - 1, nothing) == 100.0
    with pytest.raises(ShapeError, match="a logit for each"):
        MultiLabel().loss(logits, labels[:, 0])


@pytest.mark.parametrize("extra", [False, True])
def test_classes_of_pixels(extra: bool) -> None:
    """A fourth class is neither there nor predicted; some pixels have none."""
    logits, classes = noise(13, 4, 5, 6), noise(13, 5, 6, seed=1).mul(2).long().abs().clamp(max=2)
    logits[:, 3] = -100
    classes[noise(13, 5, 6, seed=2) > 1] = 255
    known = classes != 255
    expected = 100 * jaccard_score(classes[known], logits.argmax(1)[known], average="macro", labels=[0, 1, 2])
    given = classes[:, None] if extra else classes
    assert two_batches(PixelClassification(), logits, given) == pytest.approx(expected)
    torch.testing.assert_close(
        PixelClassification().loss(logits, given), F.cross_entropy(logits, classes, ignore_index=255)
    )


def test_pixels_without_any_class() -> None:
    logits, classes = noise(2, 3, 4, 4), torch.full((2, 4, 4), 255)
    assert PixelClassification().loss(logits, classes) == 0
    with pytest.raises(ShapeError, match=r"got \(2, 3, 4, 4\) for \(2, 8, 8\)"):
        PixelClassification().loss(logits, torch.zeros(2, 8, 8))


class First(nn.Module):
    """Answers with the first column of its input."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs[:, 0]


def test_a_measure_of_ones_own_sees_everything_at_once() -> None:
    """A rank correlation is no mean over batches."""

    def correlation(outputs: torch.Tensor, targets: torch.Tensor) -> float:
        return float(spearmanr(outputs, targets).statistic)

    inputs, targets = noise(13, 2), noise(13, seed=1)
    task = CustomTask(F.l1_loss, correlation, Measure("rank correlation"))
    pairs = [(inputs[:5], targets[:5]), (inputs[5:], targets[5:])]
    scores = task.evaluate([First()], pairs)
    assert scores.score == pytest.approx(correlation(inputs[:, 0], targets))
    assert scores.loss == pytest.approx(float(F.l1_loss(inputs[:, 0], targets)))
    mean = (5 * correlation(inputs[:5, 0], targets[:5]) + 8 * correlation(inputs[5:, 0], targets[5:])) / 13
    assert two_batches(task, inputs[:, 0], targets) == pytest.approx(mean)


def test_evaluation_of_any_task_is_the_mean_over_examples() -> None:
    inputs, targets = noise(13, 2), noise(13, seed=1)
    pairs = [(inputs[:5], targets[:5]), (inputs[5:], targets[5:])]
    scores = Regression(measure="MAE").evaluate([First()], pairs)
    assert scores.loss == pytest.approx(float(F.mse_loss(inputs[:, 0], targets)))
    assert scores.score == pytest.approx(float(F.l1_loss(inputs[:, 0], targets)))


def test_several_networks_answer_by_their_mean() -> None:
    class Double(First):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(inputs)

    inputs, targets = noise(13, 2), noise(13, seed=1)
    scores = Regression(measure="MAE").evaluate([First(), Double()], [(inputs, targets)])
    assert scores.score == pytest.approx(float(F.l1_loss(1.5 * inputs[:, 0], targets)))


def test_masks_without_patients_count_by_slice() -> None:
    data = volumes()
    pairs = [(data.images.float() / 255, data.masks)]
    assert Segmentation().evaluate([Bright()], pairs).score == pytest.approx(100 * (2 / 3 + 1 + 1) / 3)
