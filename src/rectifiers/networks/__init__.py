"""Networks, one file per family, as the papers used them. The table below is their registry.

A network is a class `Net(act, *, shape, classes, **options)`: `act` makes an activation for a number of channels and is
called once per site, in forward order; `shape` is that of one input, (channels, height, width) for an image. It returns
logits. No network names an activation; `placement` tells the sites and puts different activations at different ones.

A new network is one file, or one class in its family's file, and one line in `TABLE`. Names with a colon are those of
networks from `outside`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError
from ..core.registry import Registry

if TYPE_CHECKING:
    from torch import nn

TABLE = {
    "alexnet": "alexnet:AlexNet",
    "all-cnn-b": "all_convolutional:AllCNNB",
    "char-cnn": "char_cnn:CharCNN",
    "convpool-cnn-c": "all_convolutional:ConvPoolCNNC",
    "densenet-40": "densenet:DenseNet40",
    "densenet-convrelu": "densenet:DenseNetConvReLU",
    "digits-conv": "digits_conv:DigitsConv",
    "mlp": "mlp:MLP",
    "mnist-conv": "mnist_conv:MNISTConv",
    "mobilenet": "mobilenet:MobileNet",
    "resnet-10-imagenet": "resnet:ResNet10ImageNet",
    "resnet-101-v2": "resnet_v2:ResNet101V2",
    "resnet-152-v2": "resnet_v2:ResNet152V2",
    "resnet-18": "resnet:ResNet18",
    "resnet-34": "resnet:ResNet34",
    "resnet-50": "resnet:ResNet50",
    "resnet-50-imagenet": "resnet:ResNet50ImageNet",
    "se-resnet-18": "se_resnet:SEResNet18",
    "shufflenet-v2": "shufflenet_v2:ShuffleNetV2",
    "six-conv": "six_conv:SixConv",
    "squeezenet": "squeezenet:SqueezeNet",
    "unet": "unet:UNet",
    "vgg-11": "vgg:VGG11",
    "vgg-13": "vgg:VGG13",
    "vgg-16": "vgg:VGG16",
    "vgg-16-imagenet": "vgg_imagenet:VGG16ImageNet",
    "vgg-19": "vgg:VGG19",
    "vgg-19-imagenet": "vgg_imagenet:VGG19ImageNet",
    "vgg-dropout": "vgg_dropout:VGGDropout",
}

registry: Registry[Any] = Registry("network", __name__, TABLE)


def is_outside(name: str) -> bool:
    """Whether a name is that of a network from outside the registry: of the user's own, or of a library.

    Example:
        >>> is_outside("timm:resnet26d"), is_outside("resnet-18")
        (True, False)
    """
    return ":" in name


def check(name: str) -> None:
    """Make sure that there is a network of this name, registered or from outside.

    Raises:
        UnknownNameError: with the nearest names.
        ConfigError: what makes it cannot be imported, or makes no networks.
    """
    if is_outside(name):
        # Needs torch, which listing names does not.
        from . import outside

        outside.get(name)
    else:
        registry.get(name)


def create(
    name: str, act: Callable[[int], nn.Module], *, shape: tuple[int, ...], classes: int, **options: Any
) -> nn.Module:
    """Make a new network, initialised from the global generator.

    Args:
        name: a registered name, or `package.module:factory` of a factory that takes `act`, `shape` and `classes`.
        act: makes an activation module for a number of channels.
        shape: shape of one input: channels, height and width of an image.
        classes: number of logits.
        **options: further options of the network's class.

    Raises:
        UnknownNameError: with the nearest names.
        ShapeError: the network does not take inputs of this shape, or the channels that this activation leaves.
        ConfigError: the network has no such option, or an option is outside its domain.
    """
    if is_outside(name):
        from . import outside

        return outside.get(name).make_around(act, shape, classes, options)
    network = registry.get(name)
    known = set(inspect.signature(network).parameters) - {"act", "shape", "classes"}
    if unknown := sorted(set(options) - known):
        raise ConfigError(f"{name} has no option {unknown[0]!r}; it takes {', '.join(sorted(known)) or 'none'}")
    module: nn.Module = network(act, shape=shape, classes=classes, **options)
    return module
