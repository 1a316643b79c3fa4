"""What every network of the table keeps to, whichever it is."""

from __future__ import annotations

import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers import networks
from rectifiers.core.errors import ShapeError

from ..activations.samples import quick_first
from .samples import (
    FUNCTIONS,
    NAMES,
    QUICK,
    build,
    build_meta,
    count,
    crelu,
    inputs_of,
    output_shape,
    published_count,
    spec_of,
)

PARAMETERS = {
    # Table 6 of ConvReLU; the other DenseNet by arithmetic.
    "densenet-convrelu": 1_035_268,
    "densenet-40": 1_019_722,
    # The customary forms for 32×32, as published with the CIFAR-10 collection that made them customary.
    "vgg-11": 9_231_114,
    "vgg-13": 9_416_010 + 90 * 513,
    "vgg-16": 14_728_266,
    "vgg-19": 20_040_522,
    "resnet-18": 11_173_962,
    "resnet-34": 21_282_122,
    "resnet-50": 23_520_842,
    "mobilenet": 3_217_226,
    # ResNet-18 with 100 classes; biases of 4,800; per stage two gates of c²/8 + c/16 + c.
    "se-resnet-18": 11_220_132 + 4_800 + 2 * sum(c * c // 8 + c // 16 + c for c in (64, 128, 256, 512)),
    "mlp": 784 * 100 + 100 + 100 * 101 + 10 * 101,
    "mnist-conv": 12_930,
    "digits-conv": 160 + 4_640 + 8_256 + 650,
    # Published with its weights.
    "unet": 7_763_041,
    "six-conv": 6_777_060,
    # Conv 7, 7 and four of 3 with 256 filters; 34 places; hidden 1,024 twice.
    "char-cnn": (70 * 7 * 256 + 256)
    + (256 * 7 * 256 + 256)
    + 4 * (256 * 3 * 256 + 256)
    + (8_704 * 1024 + 1024)
    + (1024 * 1024 + 1024)
    + 4 * 1025,
    # torchvision's and Keras' own counts; Keras' without moving averages.
    "alexnet": 61_100_840,
    "vgg-16-imagenet": 138_357_544,
    "vgg-19-imagenet": 143_667_240,
    "resnet-50-imagenet": 25_557_032,
    "resnet-101-v2": 44_577_896,
    "resnet-152-v2": 60_236_904,
    # ResNet-18 without the second block of each stage: torchvision's 11,689,512, the last layer for 200 classes.
    "resnet-10-imagenet": 11_689_512 - 800 * 513 - sum(2 * (9 * c * c + 2 * c) for c in (64, 128, 256, 512)),
    # VGG-16 with one more linear layer of 512 and its normalisation.
    "vgg-dropout": 14_728_266 + 512 * 512 + 512 + 2 * 512,
}


def squeezenet() -> int:
    def conv_norm(channels: int, filters: int, taps: int) -> int:
        return filters * (channels * taps + 1 + 2)

    total, channels = conv_norm(3, 96, 9), 96
    for out, squeezed in zip((128, 128, 256, 256, 384, 384, 512, 512), (16, 16, 32, 32, 48, 48, 64, 64), strict=True):
        total += conv_norm(channels, squeezed, 1) + conv_norm(squeezed, out // 2, 1) + conv_norm(squeezed, out // 2, 9)
        channels = out
    return total + 512 * 100 + 100


def shufflenet_v2() -> int:
    def unit(channels: int, out: int) -> int:
        # 1×1, depthwise 3×3, 1×1, each with bias and normalisation.
        return channels * (channels + 3) + channels * (9 + 3) + out * (channels + 3)

    total, channels = 24 * (27 + 3), 24
    for out, depth in ((116, 4), (232, 8), (464, 4)):
        shortcut = channels * (9 + 3) + out // 2 * (channels + 3)
        total += shortcut + unit(channels, out // 2) + (depth - 1) * unit(out // 2, out // 2)
        channels = out
    return total + 1024 * (464 + 3) + 1025 * 100


PARAMETERS |= {"squeezenet": squeezenet(), "shufflenet-v2": shufflenet_v2()}

# CReLU's Tables 1, 4 and 5 print millions: 1.4, 9.37.
MILLIONS = {"convpool-cnn-c": 1.39, "all-cnn-b": 9.37}

ADDS = {
    "resnet-10-imagenet",
    "resnet-18",
    "resnet-34",
    "resnet-50",
    "resnet-50-imagenet",
    "se-resnet-18",
    "shufflenet-v2",
}
"""Networks that add or shuffle what activations give, and so cannot have all their channels doubled."""

TAKE_ALL = {"mlp"}
"""Networks without convolutions, which take inputs of any shape."""

HEAVY = 44_000_000
"""Parameters above which a network only meets every function where time is no matter."""

HEAVY_ARE_SLOW = quick_first([name for name in QUICK if PARAMETERS.get(name, 0) <= HEAVY], NAMES)
WITH_WIDTH = [name for name in NAMES if "width" in inspect.signature(networks.registry.get(name)).parameters]


def leaves(net: nn.Module) -> list[nn.Module]:
    return [module for module in net.modules() if not list(module.children())]


@pytest.mark.parametrize("name", NAMES)
def test_published_number_of_parameters(name: str) -> None:
    if name in MILLIONS:
        assert round(published_count(name) / 1e6, 2) == MILLIONS[name]
    else:
        assert published_count(name) == PARAMETERS[name]


@pytest.mark.parametrize("name", HEAVY_ARE_SLOW)
def test_forward_and_backward(name: str) -> None:
    spec = spec_of(name)
    # Of large images a quarter is enough: the weights are the same.
    side = min(spec.shape[-1], 64)
    shape = spec.shape if len(spec.shape) == 2 else (spec.shape[0], side, side)
    net = build(name, shape=shape)
    logits = net(torch.rand(2, *shape))
    assert logits.shape == ((2, 1, side, side) if name == "unet" else (2, spec.classes))
    assert logits.isfinite().all()
    logits.square().sum().backward()
    gradients = [parameter.grad for parameter in net.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    assert any(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)


@pytest.mark.parametrize("name", HEAVY_ARE_SLOW)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_takes_functions_that_keep_the_channels(name: str, function: str) -> None:
    made: list[nn.Module] = []

    def act(channels: int) -> nn.Module:
        made.append(FUNCTIONS[function](channels))
        return made[-1]

    net = build_meta(name, act)
    logits = net(inputs_of(name))
    assert logits.shape == output_shape(name)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    # The network is the same but for what its activations brought.
    assert count(net) == published_count(name) + sum(map(count, made))


@pytest.mark.parametrize("name", HEAVY_ARE_SLOW)
def test_takes_crelu_where_channels_may_double(name: str) -> None:
    if name in ADDS:
        with pytest.raises(ShapeError, match=r"CReLU makes \d+ channels out of \d+, but .*; place a function here"):
            build_meta(name, crelu)
        return
    net = build_meta(name, crelu)
    logits = net(inputs_of(name))
    assert logits.shape == output_shape(name)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_asks_for_activations_once_each_and_in_forward_order(name: str) -> None:
    made: list[tuple[nn.Module, int]] = []
    used: list[tuple[nn.Module, int]] = []

    def note(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        used.append((module, arguments[0].shape[1]))

    def act(channels: int) -> nn.Module:
        function = nn.ReLU()
        function.register_forward_pre_hook(note)
        made.append((function, channels))
        return function

    build_meta(name, act)(inputs_of(name))
    assert made
    assert used == made


@pytest.mark.parametrize("name", NAMES)
def test_names_no_activation(name: str) -> None:
    class Mark(nn.Identity):
        pass

    fixed = {"Sigmoid"} if name == "se-resnet-18" else set()
    named = {
        type(module).__name__
        for module in leaves(build_meta(name, lambda channels: Mark()))
        if type(module).__module__ == "torch.nn.modules.activation"
    }
    # The gate of squeeze and excitation is a fraction, not an activation of the network.
    assert named == fixed


@pytest.mark.parametrize("name", [name for name in NAMES if name not in TAKE_ALL])
def test_convolutions_are_plain_modules(name: str) -> None:
    convolutions = [module for module in leaves(build_meta(name)) if isinstance(module, nn.modules.conv._ConvNd)]
    assert convolutions
    assert {type(module) for module in convolutions} <= {nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in TAKE_ALL])
def test_refuses_other_shapes(name: str) -> None:
    spec = spec_of(name)
    with pytest.raises(ShapeError, match="takes"):
        build_meta(name, shape=(*spec.shape[:-1], 1))
    with pytest.raises(ShapeError, match="takes"):
        build_meta(name, shape=(*spec.shape, 3))


@pytest.mark.parametrize("name", WITH_WIDTH)
def test_width_scales_the_network(name: str) -> None:
    half = build_meta(name, width=0.5)
    assert half(inputs_of(name)).shape == output_shape(name)
    assert count(half) < 0.6 * published_count(name)


@pytest.mark.parametrize("name", [name for name in NAMES if spec_of(name).shape == (3, 32, 32)])
def test_networks_for_cifar_take_tiny_imagenet(name: str) -> None:
    net = build_meta(name, shape=(3, 64, 64), classes=200)
    assert net(torch.empty(2, 3, 64, 64, device="meta")).shape == (2, 200)


def test_training_step_lowers_the_loss() -> None:
    net = build("densenet-convrelu", blocks=(1, 1), growth=4)
    images, labels = torch.rand(8, 3, 32, 32), torch.arange(8)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    for _ in range(5):
        loss = F.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
