"""The benchmark of annealing and folding: its arms on noise, and its page."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks.fold import cifar, encoder
from benchmarks.fold.__main__ import PAGE, RESULTS
from benchmarks.fold.page import page


class Noise(cifar.Images):
    """A few images of noise instead of photographs."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        for name, count in (("train", 512), ("test", 128)):
            images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
            labels = torch.randint(0, 10, (count,), generator=generator)
            setattr(self, name, SimpleNamespace(images=images, labels=labels))
        self.normalise = cifar.Normalise.named("cifar10")

    def some(self, count: int) -> torch.Tensor:
        return super().some(min(count, 64))


@pytest.mark.parametrize("arm", [arm for arm in cifar.ARMS if arm != "silu"])
def test_every_arm_folds(arm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "int8", lambda net, images, folder: net)
    torch.manual_seed(0)
    net = cifar.Net().eval()
    facts = cifar.tuned(net, arm, Noise(), 0)
    assert (facts["folded"], facts["left"]) == (6, 0)
    assert facts["difference"] < 1e-5
    assert [str(net.features[index]) for index in range(2, 18, 3)] == ["ReLU()"] * 6
    assert 20 < facts["zeros"] < 80


@pytest.mark.parametrize("arm", encoder.ARMS)
def test_every_arm_of_the_encoder_folds(arm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setattr(encoder, "int8", lambda net, example, folder: net)
    torch.manual_seed(0)
    net = encoder.make({"hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2, "num_hidden_layers": 2})
    facts = encoder.tuned(net, arm, encoder.Reviews(0, "generated:mr-pieces", count=96))
    if arm == "gelu":
        assert facts["zeros"] == 0
    else:
        assert (facts["folded"], facts["left"]) == (2, 0)
        assert facts["difference"] < 1e-5
        assert [str(function) for function in encoder.functions(net)] == ["ReLU()"] * 2
        assert 20 < facts["zeros"] < 80


def test_training_is_the_same_for_the_same_seed() -> None:
    first, second = (list(Noise().batches(3, 1)) for _ in range(2))
    assert len(first) == 4
    assert all(torch.equal(x, other) for (x, _), (other, _) in zip(first, second, strict=True))


def test_the_page_is_that_of_the_results() -> None:
    facts: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    assert page(text, facts) == text
