"""Units whose scores are known."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from rectifiers import CReLU
from rectifiers.analysis.inside.invariance import Invariance, invariance_scores
from rectifiers.analysis.inside.transforms import flips, rotations, translations
from rectifiers.core.errors import ConfigError, DataError, UnknownNameError

from ..models import InPlace, Keywords, channels_last_and_first, pictures


class Circular(nn.Module):
    """The largest and the first pixel of each image; the largest stays where the border repeats what is there."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.relu(torch.stack([x.amax((1, 2, 3)), x[:, 0, 0, 0], torch.zeros(len(x))], 1))
        return y


def dots(count: int, size: int = 9) -> Tensor:
    """Black images with one bright pixel far from the border, ever brighter, somewhere near the middle."""
    images = torch.zeros(count, 1, size, size)
    for number in range(count):
        images[number, 0, 4, 3 + number % 3] = 1 + number
    return images


def test_a_translation_invariant_unit_scores_one_over_the_rate() -> None:
    (found,) = invariance_scores(Circular(), dots(200).split(64), transforms={"shift": translations([1, 2])})
    scores = found.scores["shift"]
    assert found.layer == "relu"
    assert scores[0] == 100
    # The first pixel is always black and the last unit is dead: they fire on nothing.
    assert scores[1:].isnan().all()
    assert (found.unscored, found.score("shift"), found.mean) == (2, 100, 100)
    assert found.rate[0] == 0.01


def test_a_unit_that_no_moved_image_fires_scores_zero() -> None:
    def middle(x: Tensor) -> Tensor:
        return x[:, 0, 4, 4]

    class Middle(Circular):
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.relu(torch.stack([middle(x), -middle(x)], 1))
            return y

    images = torch.zeros(100, 1, 9, 9)
    images[:, 0, 4, 4] = torch.arange(100) + 1
    found = invariance_scores(Middle(), [images], transforms={"shift": translations([1]), "flip": flips()})[0]
    assert found.scores["shift"][0] == 0
    # The middle column is its own mirror image.
    assert found.scores["flip"][0] == 100
    assert found.mean == 50


def test_scores_are_those_of_the_definition() -> None:
    net, images = InPlace().eval(), pictures(300)
    transforms = {"shift": translations([1]), "turn": rotations([20])}
    found = invariance_scores(net, images.split(128), layers=["third"], rate=0.02, transforms=transforms)[0]

    def units(x: Tensor) -> Tensor:
        maps: list[Tensor] = []
        with torch.no_grad(), net.third.register_forward_hook(lambda _, __, y: maps.append(y[:, :, 2, 2].clone())):
            net(x)
        return maps[0]

    plain = units(images)
    threshold = plain.sort(dim=0, descending=True).values[5]
    for family, members in transforms.items():
        both = torch.stack([(units(move(images)) >= threshold) & (plain >= threshold) for move in members])
        local = both.double().sum((0, 1)) / (len(members) * 6)
        torch.testing.assert_close(found.scores[family], local / 0.02)


def test_layers_are_read_behind_pooling_and_halves_of_crelu_are_units() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), CReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 5, 1), nn.ReLU(), nn.Flatten())
    found = invariance_scores(net, [pictures(100)])
    assert [(entry.layer, len(entry.rate)) for entry in found] == [("2", 8), ("4", 5)]
    assert [record["transform"] for record in found[0].records()] == ["translation", "rotation", "flip"]
    found = invariance_scores(InPlace(), [pictures(100)])
    assert [entry.layer for entry in found] == ["relu#1", ":max_pool2d", ":relu"]


def test_the_order_and_size_of_batches_do_not_matter() -> None:
    net, images = InPlace(), pictures(200)
    whole, parts = invariance_scores(net, [images]), invariance_scores(net, images.flip(0).split(37))
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one.scores, other.scores, equal_nan=True)


def test_activations_that_are_nan_are_reported_and_not_passed_on() -> None:
    images = pictures(200)
    images[:3] = math.nan
    found = invariance_scores(InPlace(), images.split(50))[0]
    # Every unit sees the three images.
    assert found.not_finite == 3 * 4
    assert all(math.isfinite(found.score(family)) for family in found.scores)


def test_keywords_and_half_precision() -> None:
    net = Keywords().half()
    (found,) = invariance_scores(net, [{"images": pictures(100), "labels": torch.zeros(100)}])
    assert found.layer == "relu"


def test_the_best_fifth_counts() -> None:
    scores = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, math.nan])
    assert Invariance("layer", {"shift": scores}, scores, 0).score("shift") == 5.5


def test_bad_input() -> None:
    net = InPlace()
    with pytest.raises(ConfigError, match=r"no unit fires on 1\.0% of 50 images; give at least 100"):
        invariance_scores(net, [pictures(50)])
    with pytest.raises(DataError, match="no batch"):
        invariance_scores(net, iter([pictures(200)]))

    class Growing(list[Tensor]):
        def __iter__(self) -> Iterator[Tensor]:
            self.append(pictures(100))
            return super().__iter__()

    with pytest.raises(DataError, match="had 100 images when first read, and another number later"):
        invariance_scores(net, Growing())
    with pytest.raises(DataError, match="expected images"):
        invariance_scores(nn.Linear(2, 2), [torch.zeros(200, 2)])
    with pytest.raises(DataError, match="no batch"):
        invariance_scores(net, [])
    with pytest.raises(ConfigError, match="calls no activation"):
        invariance_scores(nn.Conv2d(3, 2, 1), [pictures(200)])
    with pytest.raises(ConfigError, match="rate must lie"):
        invariance_scores(net, [pictures(200)], rate=1)
    with pytest.raises(ConfigError, match="at least one transform"):
        invariance_scores(net, [pictures(200)], transforms={"shift": []})
    with pytest.raises(UnknownNameError, match="unknown layer 'thrid'; did you mean third"):
        invariance_scores(net, [pictures(200)], layers=["thrid"])


def test_units_are_channels_wherever_a_model_has_them() -> None:
    last, first = channels_last_and_first()
    (found,), (expected,) = (invariance_scores(net, [pictures(20)], rate=0.1) for net in (last, first))
    assert found.rate.shape == (8,)
    for family, scores in expected.scores.items():
        torch.testing.assert_close(found.scores[family], scores, equal_nan=True)
