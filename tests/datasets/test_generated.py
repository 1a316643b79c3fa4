"""Noise in the shape of what is published."""

from __future__ import annotations

import pytest
import torch

from rectifiers import datasets
from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.datasets.slices import Slices
from rectifiers.datasets.texts import Texts
from rectifiers.datasets.volumes import Volumes

PUBLISHED = [name for name in datasets.registry if datasets.registry.get(name).size is not None]


@pytest.mark.parametrize("name", PUBLISHED)
def test_shapes_and_classes_are_those_of_the_data(name: str) -> None:
    size, data = datasets.size(name), datasets.load(f"generated:{name}")
    assert size is not None
    assert (data.shape, len(data.classes)) == (size.shape, size.classes)
    assert datasets.check(f"generated:{name}").ready
    batch = data.train.numbers("unit")(data.train.take(slice(0, 2)))
    assert tuple(batch.shape) == (2, *size.shape)


def test_kinds_of_examples() -> None:
    assert isinstance(datasets.load("generated:ag-news").train, Texts)
    assert type(datasets.load("generated:lgg").train) is Slices
    assert type(datasets.load("generated:lgg-prepared").train) is Volumes
    pictures = datasets.load("generated:imagenet").train
    assert tuple(pictures.whole(slice(0, 2)).shape) == (2, 3, 256, 256)
    few = pictures.part(torch.arange(len(pictures)) < 3)
    assert (len(few), few.shape) == (3, (3, 224, 224))


def test_the_same_noise_every_time() -> None:
    one, two = (datasets.registry.get("generated")("mnist").load(None) for _ in range(2))  # type: ignore[call-arg,arg-type]
    assert datasets.digest(one) == datasets.digest(two)


def test_what_cannot_be_generated() -> None:
    with pytest.raises(ConfigError, match="the size of the data set 'cifar10-part' is not known without its files"):
        datasets.load("generated:cifar10-part")
    with pytest.raises(ConfigError, match="needs a name, got 'generated'; write 'generated:NAME'"):
        datasets.load("generated")
    with pytest.raises(UnknownNameError, match="did you mean imagenet"):
        datasets.load("generated:imagnet")
