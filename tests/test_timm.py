"""timm makes models with our activations by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import rectifiers
from rectifiers.activations import registry
from rectifiers.core.errors import UnknownNameError, UnsupportedError

timm: Any = pytest.importorskip("timm")
pytest.importorskip("rectifiers.timm")

X = torch.randn(2, 3, 32, 32)


@pytest.mark.parametrize("name", ["pvlu", "arelu", "adarelu", "pau", "vlu"])
@pytest.mark.parametrize("network", ["resnet10t", "mobilenetv3_small_050"])
def test_act_layer_by_name(name: str, network: str) -> None:
    model = timm.create_model(network, act_layer=name, num_classes=5)
    assert model(X).shape == (2, 5)
    made = [module for module in model.modules() if isinstance(module, registry.get(name))]
    assert len(made) >= 9
    learned = [list(module.parameters()) for module in made]
    before = [[parameter.clone() for parameter in parameters] for parameters in learned]
    optimizer = torch.optim.SGD(rectifiers.param_groups(model, lr=0.1))
    model.eval()  # in training, norms take out the scale of what an activation gives, and leave next to no gradient
    for _ in range(2):  # timm starts blocks at nothing, and no gradient passes them before the first step
        optimizer.zero_grad()
        model(X).square().mean().backward()
        optimizer.step()
    assert all(learned) is (name != "vlu")  # whose waves are fixed
    for now, then in zip(learned, before, strict=True):
        assert not any(map(torch.equal, now, then))


def test_names_that_timm_has_stay_timms() -> None:
    known = timm.layers.get_act_layer
    assert (known("relu"), known("gelu_tanh").__module__) == (nn.ReLU, "timm.layers.activations")
    assert known("PVLU") is rectifiers.PVLU


def test_every_function_that_is_an_act_layer() -> None:
    for name in registry:
        spec = registry.get(name).spec
        if spec.kind == "convolution" or spec.channel_factor != (1, 1):
            with pytest.raises(
                UnsupportedError, match=rf"cannot be an act_layer; .* rectifiers\.swap\(model, '{name}'"
            ):
                timm.layers.get_act_layer(name)
        else:
            assert issubclass(timm.layers.get_act_layer(name), nn.Module)


def test_mistakes() -> None:
    with pytest.raises(UnknownNameError, match="did you mean pvlu"):
        timm.create_model("resnet10t", act_layer="pvul")
    with pytest.raises(UnsupportedError, match="takes its activation 'pvlu' as a plain function"):
        timm.layers.get_act_fn("pvlu")
