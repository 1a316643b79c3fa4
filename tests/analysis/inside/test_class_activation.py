"""Maps against captum and against networks that never write over anything."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from rectifiers import CReLU, surgery
from rectifiers.analysis.inside.class_activation import grad_cam
from rectifiers.core.errors import ConfigError, UnknownNameError

from ..models import InPlace, Keywords, OutOfPlace, channels_last_and_first, pictures


def nets() -> tuple[InPlace, OutOfPlace]:
    torch.manual_seed(0)
    net = InPlace().eval()
    return net, OutOfPlace(net).eval()


def captum_map(net: nn.Module, layer: nn.Module, images: Tensor, target: int) -> Tensor:
    attr = pytest.importorskip("captum.attr", reason="captum is not installed; pip install rectifiers[dev] brings it")
    maps: Tensor = attr.LayerGradCam(net, layer).attribute(images, target=target, relu_attributions=True)
    return maps[:, 0].detach()


LAYERS = {
    "first": "first",
    "relu#1": "relu1",
    "second": "second",
    "relu#2": "relu2",
    ":max_pool2d": "pool",
    "third": "third",
    ":relu": "relu3",
}


@pytest.mark.parametrize(("here", "there"), LAYERS.items())
def test_maps_are_those_of_captum_where_nothing_is_in_place(here: str, there: str) -> None:
    net, plain = nets()
    images = pictures(3)
    expected = captum_map(plain, getattr(plain, there), images, 2)
    for model, layer in ((net, here), (plain, there)):
        found = grad_cam(model, images, layer=layer, target=2)
        torch.testing.assert_close(found.maps, expected)


def test_maps_of_swapped_activations() -> None:
    net, plain = nets()
    for model in (net, plain):
        surgery.swap(model, "arelu", example=(1, 3, 8, 8))
    images = pictures(2)
    expected = captum_map(plain, plain.relu2, images, 1)
    torch.testing.assert_close(grad_cam(net, images, layer="relu.1", target=1).maps, expected)
    torch.testing.assert_close(grad_cam(plain, images, layer="relu2", target=1).maps, expected)


def test_the_layer_is_the_last_map_and_the_class_the_likeliest() -> None:
    net, _ = nets()
    images = pictures(3)
    found = grad_cam(net, images)
    with torch.no_grad():
        logits = net(images)
    assert found.layer == ":relu"
    assert torch.equal(found.target, logits.argmax(1))
    torch.testing.assert_close(found.score, logits.amax(1))
    assert torch.equal(found.maps, grad_cam(net, images, target=found.target.tolist()).maps)
    assert found.maps.shape == (3, 4, 4)


def test_maps_in_the_size_of_the_image() -> None:
    net, _ = nets()
    found = grad_cam(net, pictures(3), layer="relu#1", target=0)
    large = found.upsampled((16, 16))
    assert large.shape == (3, 16, 16)
    for one, other in zip(found.maps, large, strict=True):
        assert one.max() > one.min()
        assert (float(other.min()), float(other.max())) == (0, 1)


def test_nothing_of_the_model_changes_and_frozen_models_serve() -> None:
    net, _ = nets()
    expected = grad_cam(net, pictures(2), target=0)
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    net.train()
    found = grad_cam(net, pictures(2), target=0)
    torch.testing.assert_close(found.maps, expected.maps)
    assert net.training
    assert all(parameter.grad is None for parameter in net.parameters())
    with torch.no_grad():
        torch.testing.assert_close(grad_cam(net, pictures(2), target=0).maps, expected.maps)


def test_dense_outputs_keywords_half_precision_and_crelu() -> None:
    dense = nn.Sequential(nn.Conv2d(3, 2, 3), CReLU(), nn.Conv2d(4, 3, 1))
    assert grad_cam(dense, pictures(2), target=1).layer == "1"
    net = Keywords().half()
    found = grad_cam(net, {"images": pictures(2)}, target=[0, 1])
    assert found.maps.dtype == torch.float32
    assert [record["finite"] for record in found.records()] == [True, True]


def test_nan_is_reported() -> None:
    net, _ = nets()
    images = pictures(2)
    images[0] = torch.nan
    assert [record["finite"] for record in grad_cam(net, images, target=0).records()] == [False, True]


def test_bad_input() -> None:
    net, _ = nets()
    with pytest.raises(UnknownNameError, match="did you mean"):
        grad_cam(net, pictures(1), layer="thrid")
    with pytest.raises(ConfigError, match=r"head gives no maps \(N, C, H, W\)"):
        grad_cam(net, pictures(1), layer="head")
    with pytest.raises(ConfigError, match="classes are 0 to 3, got 4"):
        grad_cam(net, pictures(1), target=4)
    with pytest.raises(ConfigError, match="expected one class or 2"):
        grad_cam(net, pictures(2), target=[1, 2, 3])
    with pytest.raises(ConfigError, match="no activation on maps"):
        grad_cam(nn.Sequential(nn.Flatten(), nn.Linear(192, 2)), pictures(1))
    with pytest.raises(ConfigError, match="expected an output"):
        grad_cam(nn.Sequential(nn.Conv2d(3, 1, 3), nn.ReLU(), nn.Flatten(0)), pictures(1))

    class Cut(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = super().forward(x).detach().mean((2, 3)) + x.mean((1, 2, 3), keepdim=True)[..., 0, 0]
            return y

    with pytest.raises(ConfigError, match="does not depend on 1"):
        grad_cam(Cut(nn.Conv2d(3, 2, 3), nn.ReLU()), pictures(1), target=0)


def test_maps_of_channels_that_a_model_has_last() -> None:
    last, first = channels_last_and_first()
    images = torch.randn(2, 3, 6, 7)
    found, expected = (grad_cam(net, images, target=1) for net in (last, first))
    assert found.maps.shape == (2, 6, 7)
    torch.testing.assert_close(found.maps, expected.maps)
