"""The residual networks against torchvision's, and where their channels may change."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn

from rectifiers import activations
from rectifiers.core.errors import ShapeError
from rectifiers.networks import create
from rectifiers.networks.placement import list_sites, place
from rectifiers.networks.resnet_v2 import PreActivation
from rectifiers.networks.shufflenet_v2 import ShuffleBlock
from rectifiers.networks.squeezenet import Fire

from .samples import build_meta, count, crelu, relu

SHAPE = (3, 32, 32)


def test_outputs_are_torchvisions() -> None:
    theirs = torchvision.models.resnet50(num_classes=5).eval()
    ours = create("resnet-50-imagenet", relu, shape=(3, 64, 64), classes=5).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(ours(images), theirs(images))


def test_basic_blocks_are_torchvisions() -> None:
    theirs = torchvision.models.resnet18(num_classes=5).eval()
    theirs.conv1, theirs.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    ours = create("resnet-18", relu, shape=SHAPE, classes=5).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.rand(2, *SHAPE)
    torch.testing.assert_close(ours(images), theirs(images))


@pytest.mark.parametrize("name", ["resnet-18", pytest.param("resnet-50", marks=pytest.mark.slow)])
def test_channels_may_double_inside_a_block_only(name: str) -> None:
    sites = list_sites(name, shape=SHAPE, classes=10)
    last = "act2" if name == "resnet-18" else "act3"
    inside = [site.index for site in sites if site.name.count(".") == 2 and not site.name.endswith(last)]
    net = build_meta(name, place(inside, crelu, relu))
    assert net(torch.empty(2, *SHAPE, device="meta")).shape == (2, 10)
    assert count(net) > count(build_meta(name))
    behind = next(site.index for site in sites if site.name.endswith(last))
    with pytest.raises(ShapeError, match="a residual block adds its input to what it computes"):
        build_meta(name, place([behind], crelu, relu))


def test_pre_activation_adds_its_input_itself() -> None:
    block = PreActivation(relu, 8, 2, 1, project=False)
    nn.init.zeros_(block.conv3.weight)
    nn.init.zeros_(block.conv3.bias)
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(block(x), x)
    assert torch.equal(_silent(PreActivation(relu, 8, 2, 2, project=False))(x), x[:, :, ::2, ::2])


def _silent(block: PreActivation) -> PreActivation:
    nn.init.zeros_(block.conv3.weight)
    assert block.conv3.bias is not None
    nn.init.zeros_(block.conv3.bias)
    return block


def test_stride_of_keras_is_in_the_last_block_of_a_stage() -> None:
    net = build_meta("resnet-101-v2")
    sides: list[int] = []

    def note(_: nn.Module, __: object, output: Tensor) -> None:
        sides.append(output.shape[-1])

    for part in ("maxpool", "layer1", "layer2", "layer3", "layer4"):
        net.get_submodule(part).register_forward_hook(note)
    net.get_submodule("layer2.0").register_forward_hook(note)
    net(torch.empty(1, 3, 224, 224, device="meta").expand(2, -1, -1, -1))
    assert sides == [56, 28, 28, 14, 7, 7]


def test_shuffling_alternates_between_kept_and_changed_channels() -> None:
    unit = ShuffleBlock(relu, 6, 6, down=False).eval()
    x = torch.rand(1, 6, 4, 4)
    y = unit(x)
    assert torch.equal(y[:, ::2], x[:, :3])
    assert torch.equal(y[:, 1::2], unit.branch(x[:, 3:]))


def test_bypass_adds_the_input() -> None:
    fire = Fire(relu, 8, 8, 2, bypass=True).eval()
    x = torch.rand(1, 8, 4, 4)
    y = fire(x)
    fire.bypass = False
    torch.testing.assert_close(y - x, fire(x))


def test_bypass_refuses_one_doubled_side() -> None:
    with pytest.raises(ShapeError, match="SqueezeNet adds 128 channels of a fire's input to the 256 of its output"):
        create("squeezenet", place([5, 6], crelu, relu), shape=SHAPE, classes=10)


def test_gate_of_squeeze_and_excitation_is_a_fraction_per_channel() -> None:
    net = create("se-resnet-18", lambda channels: activations.create("arelu"), shape=(3, 8, 8), classes=4, width=0.25)
    gate = net.get_submodule("stage1.0.gate")(torch.randn(3, 16, 5, 5))
    assert gate.shape == (3, 16, 1, 1)
    assert ((gate > 0) & (gate < 1)).all()
