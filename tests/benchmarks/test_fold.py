"""The benchmark of annealing and folding: its arms on noise, and its page."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks import fold


class Noise(fold.Images):
    """A few images of noise instead of photographs."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        for name, count in (("train", 512), ("test", 128)):
            images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
            labels = torch.randint(0, 10, (count,), generator=generator)
            setattr(self, name, SimpleNamespace(images=images, labels=labels))
        self.normalise = fold.Normalise.named("cifar10")

    def some(self, count: int) -> torch.Tensor:
        return super().some(min(count, 64))


@pytest.mark.parametrize("arm", [arm for arm in fold.ARMS if arm != "silu"])
def test_every_arm_folds(arm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "int8", lambda net, images, folder: net)
    torch.manual_seed(0)
    net = fold.Net().eval()
    facts = fold.tuned(net, arm, Noise(), 0)
    assert (facts["folded"], facts["left"]) == (6, 0)
    assert facts["difference"] < 1e-5
    assert [str(net.features[index]) for index in range(2, 18, 3)] == ["ReLU()"] * 6
    assert 20 < facts["zeros"] < 80


def test_training_is_the_same_for_the_same_seed() -> None:
    first, second = (list(Noise().batches(3, 1)) for _ in range(2))
    assert len(first) == 4
    assert all(torch.equal(x, other) for (x, _), (other, _) in zip(first, second, strict=True))


def test_the_page_is_that_of_the_results() -> None:
    facts: dict[str, Any] = json.loads(fold.RESULTS.read_text(encoding="utf-8"))
    text = fold.PAGE.read_text(encoding="utf-8")
    assert fold.page(text, facts) == text
