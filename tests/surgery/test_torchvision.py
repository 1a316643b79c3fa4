"""Surgery on models of torchvision; `make surgery-zoo` does all of them."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
import torchvision
from torch import nn

from rectifiers.activations import PVLU
from rectifiers.surgery import NothingToSwapError, find_sites, swap

from .samples import assert_round_trip, run


def build(name: str, **arguments: object) -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.get_model(name, weights=None, **arguments).eval()


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("alexnet", {"relu": 7}),
        ("vgg11_bn", {"relu": 10}),
        ("resnet18", {"relu": 17}),
        ("densenet121", {"relu": 121}),
        ("squeezenet1_1", {"relu": 26}),
        ("shufflenet_v2_x0_5", {"relu": 37}),
        ("mobilenet_v2", {"relu6": 35}),
        ("mobilenet_v3_small", {"hardswish": 19, "relu": 14, "hardsigmoid": 9}),
        ("mnasnet0_5", {"relu": 35}),
        ("regnet_y_400mf", {"relu": 65, "sigmoid": 16}),
    ],
)
def test_all_relus_are_found_and_nothing_is_lost(name: str, kinds: dict[str, int]) -> None:
    model, x = build(name), torch.randn(2, 3, 64, 64)
    assert Counter(site.kind for site in find_sites(model, x)) == kinds
    assert_round_trip(model, x, share="channel")


@pytest.mark.parametrize(
    "name", ["vit_b_32", pytest.param("convnext_tiny", marks=pytest.mark.slow), "swin_t", "efficientnet_b0"]
)
def test_models_without_relu_have_nothing_to_change(name: str) -> None:
    with torch.device("meta"):
        model = build(name)
    with pytest.raises(NothingToSwapError, match="has no relu or relu6"):
        swap(model, "pvlu", example=(1, 3, 224, 224))


def test_the_auxiliary_heads_of_googlenet_run_in_training_only() -> None:
    model = build("googlenet", init_weights=False)
    sites = find_sites(model, (1, 3, 64, 64))
    assert [site.name.partition(".")[0].partition(":")[0] for site in sites if site.training_only] == [
        "aux1",
        "aux1",
        "aux2",
        "aux2",
    ]
    report = swap(model, "pvlu", example=(1, 3, 64, 64))
    assert report.check.identical
    assert len(report.plan.changes) == 57 + 4
    heads = model.train()(torch.randn(2, 3, 64, 64))
    sum(head.square().mean() for head in heads).backward()
    assert all(module.alpha.grad is not None for module in model.modules() if isinstance(module, PVLU))


@pytest.mark.parametrize(("name", "moved", "left"), [("vgg11_bn", 7, 3), ("resnet18", 11, 6), ("densenet121", 119, 2)])
def test_convrelu_takes_the_relus_in_front_of_convolutions(name: str, moved: int, left: int) -> None:
    model, x = build(name), torch.randn(2, 3, 64, 64)
    before = run(model, x)
    report = swap(model, "convrelu", example=x)
    assert (len(report.plan.changes), len(report.plan.left)) == (moved, left)
    assert report.check.difference < 1e-5
    report.revert()
    assert torch.equal(run(model, x), before)
