"""ReLUs folded into the convolutions that read them, and why others stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from rectifiers.activations import ConvReLU2d
from rectifiers.core.errors import ConfigError
from rectifiers.surgery import NothingToSwapError, swap
from rectifiers.watching.sites import Site

from ..samples import run, structure


class DenseLayer(nn.Module):
    """Bottleneck BN-ReLU-1×1(48)-BN-ReLU-3×3(12), joined to its input."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, 4 * growth, 1, bias=False),
            nn.BatchNorm2d(4 * growth),
            nn.ReLU(),
            nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.net(x), x], 1)


def densenet(classes: int = 100) -> nn.Sequential:
    """The DenseNet of the ConvReLU paper's Table 6: growth 12, blocks of 6, 12, 24, 16, reduction by half."""
    growth, channels = 12, 24
    parts: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1, bias=False)]
    for number, depth in enumerate((6, 12, 24, 16)):
        if number:
            half = channels // 2
            parts.append(
                nn.Sequential(
                    nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, half, 1, bias=False), nn.AvgPool2d(2)
                )
            )
            channels = half
        parts.append(nn.Sequential(*(DenseLayer(channels + growth * layer, growth) for layer in range(depth))))
        channels += growth * depth
    parts += [nn.BatchNorm2d(channels), nn.ReLU(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(channels, classes)]
    return nn.Sequential(*parts)


FIRST_BLOCK, X = "1", (2, 3, 32, 32)


def before_convolution(site: Site) -> bool:
    return "Conv2d" in site.after


def test_the_densenet_is_the_published_one() -> None:
    assert sum(parameter.numel() for parameter in densenet().parameters()) == 1_035_268


@pytest.mark.parametrize(
    ("to", "where", "parameters"),
    [
        ("convrelu", FIRST_BLOCK, 2_916),
        ("prelu", FIRST_BLOCK, 12),
        ("prelu", before_convolution, 119),
        ("convrelu", "7", 11_424),
    ],
)
def test_the_parameters_that_the_paper_counts(to: str, where: Any, parameters: int) -> None:
    model = densenet()
    before = sum(parameter.numel() for parameter in model.parameters())
    report = swap(model, to, example=X, where=where)
    assert report.plan.parameters == parameters
    assert sum(parameter.numel() for parameter in model.parameters()) - before == parameters
    assert report.check.difference < 1e-6


def test_the_densenet_in_float64_keeps_its_outputs_up_to_the_order_of_summation() -> None:
    model = densenet().double()
    parts = structure(model)
    report = swap(model, "convrelu", example=X)
    assert len(report.plan.changes) == 119
    assert report.check.difference < 1e-12
    report.revert()
    assert structure(model) == parts


def relu_before(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), *layers)


@pytest.mark.parametrize(
    "between",
    [
        [],
        [nn.MaxPool2d(2)],
        [nn.MaxPool2d(3, stride=2, padding=1), nn.Dropout2d()],
        [nn.Dropout()],
        [nn.Identity()],
    ],
)
def test_a_relu_moves_through_what_it_commutes_with(between: list[nn.Module]) -> None:
    model = relu_before(*between, nn.Conv2d(4, 5, 3)).double()
    conv, weight = model[-1], model[-1].weight
    report = swap(model, "convrelu", example=(2, 3, 12, 12))
    assert report.check.difference < 1e-12
    assert model[-1] is conv
    assert isinstance(conv, ConvReLU2d)
    assert conv.weight is weight
    assert not conv.threshold.any()
    assert report.plan.parameters == 4 * 9
    report.revert()
    assert type(conv) is nn.Conv2d
    assert "threshold" not in dict(conv.named_parameters())


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (relu_before(nn.AvgPool2d(2), nn.Conv2d(4, 5, 3)), "2 (AvgPool2d) reads it, and is not a plain convolution"),
        (relu_before(nn.BatchNorm2d(4), nn.Conv2d(4, 5, 3)), "2 (BatchNorm2d) reads it"),
        (relu_before(nn.ConvTranspose2d(4, 5, 3)), "2 (ConvTranspose2d) reads it"),
        (relu_before(nn.Flatten(), nn.Linear(400, 2)), "2 (Flatten) reads it"),
        (relu_before(nn.MaxPool2d(2)), "the model returns its values"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU6(), nn.Conv2d(4, 5, 3)), "its cap at 6 does not fit"),
    ],
)
def test_what_cannot_move_stays_and_says_why(model: nn.Module, reason: str) -> None:
    before = structure(model)
    with pytest.raises(NothingToSwapError) as error:
        swap(model, "convrelu", example=(2, 3, 12, 12))
    assert f"1: {reason}" in str(error.value)
    assert structure(model) == before


class Overwritten(nn.Module):
    """The input of an in-place ReLU is read again behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.relu, self.head = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head(self.relu(x)) + x


class Auxiliary(nn.Module):
    """A head of its own for training."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.relu, self.head = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return x + self.head(self.relu(x)) if self.training else x


@pytest.mark.parametrize(
    ("make", "settings", "reason"),
    [
        (Overwritten, {}, "relu: something reads what it writes over"),
        (Auxiliary, {}, "relu: it is called in training mode only"),
        (
            lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.Conv2d(4, 5, 3)),
            {"from_": "gelu"},
            "1: only a ReLU can become thresholds of zero",
        ),
    ],
)
def test_what_is_no_plain_relu_stays(make: Callable[[], nn.Module], settings: dict[str, str], reason: str) -> None:
    model = make()
    before = structure(model)
    with pytest.raises(NothingToSwapError) as error:
        swap(model, "convrelu", example=(2, 3, 12, 12), **settings)
    assert reason in str(error.value)
    assert structure(model) == before


class Fork(nn.Module):
    """One ReLU, two readers."""

    def __init__(self, second: nn.Module) -> None:
        super().__init__()
        self.stem, self.relu = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()
        self.first, self.second = nn.Conv2d(4, 4, 3, padding=1), second

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.stem(x))
        return self.first(x) + self.second(x)


def test_a_relu_with_several_readers_moves_if_all_are_convolutions() -> None:
    model = Fork(nn.Conv2d(4, 4, 1)).double()
    report = swap(model, "convrelu", example=(2, 3, 8, 8))
    assert report.plan.parameters == 4 * 9 + 4
    assert report.check.difference < 1e-12


def test_a_relu_with_a_reader_that_is_no_convolution_stays() -> None:
    with pytest.raises(NothingToSwapError, match=r"relu: add reads it|relu: .*add.* reads it"):
        swap(Fork(nn.Identity()), "convrelu", example=(2, 3, 8, 8))


class Shared(nn.Module):
    """One convolution, called behind a ReLU and without one."""

    def __init__(self, both: bool) -> None:
        super().__init__()
        self.conv, self.relu, self.both = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), both

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.relu(self.conv(self.relu(x - 0.5) if self.both else x)))


def test_a_convolution_that_also_reads_without_relu_stays() -> None:
    with pytest.raises(NothingToSwapError, match="reads values without this ReLU in another of its calls"):
        swap(Shared(both=False), "convrelu", example=(2, 3, 8, 8))


class TwoHeaded(nn.Module):
    """A head that training mode alone calls reads the ReLU too."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.a, self.b, self.act, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3), nn.ReLU(), head

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.a(x))
        y: Tensor = self.b(x)
        return y + self.head(x).mean() if self.training else y


def test_a_reader_that_training_mode_alone_calls_counts() -> None:
    with pytest.raises(NothingToSwapError, match=r"head\.0 .* reads it, and is not a plain"):
        swap(TwoHeaded(nn.Sequential(nn.AvgPool2d(2))), "convrelu", example=X)
    model, x = TwoHeaded(nn.Conv2d(4, 2, 1)), torch.randn(X)
    before = model(x)
    report = swap(model, "convrelu", example=x)
    assert [change.becomes for change in report.plan.changes] == ["ConvReLU in b, head"]
    assert torch.allclose(model(x), before, atol=1e-6)


def test_a_convolution_called_behind_relus_alone_takes_them_all() -> None:
    model = Shared(both=True).double()
    report = swap(model, "convrelu", example=(2, 3, 8, 8))
    assert report.plan.parameters == 3 * 9
    assert report.check.difference < 1e-12


def test_only_part_of_the_calls_of_a_shared_convolution_does_not_fit() -> None:
    with pytest.raises(NothingToSwapError, match="without this ReLU in another of its calls"):
        swap(Shared(both=True), "convrelu", example=(2, 3, 8, 8), where="first")


def test_a_parametrized_weight_stays_parametrized() -> None:
    model = relu_before(parametrizations.weight_norm(nn.Conv2d(4, 5, 3))).double()
    keys = [*model.state_dict()]
    report = swap(model, "convrelu", example=(2, 3, 12, 12))
    assert report.check.difference < 1e-12
    assert set(model.state_dict()) - set(keys) == {"2.threshold"}
    model(torch.randn(2, 3, 12, 12).double()).sum().backward()
    assert model[2].threshold.grad is not None
    report.revert()
    assert [*model.state_dict()] == keys


def test_a_cap_can_be_given_up() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU6(), nn.Conv2d(4, 5, 3)).double()
    report = swap(model, "convrelu", example=(2, 3, 12, 12), cap="drop")
    (change,) = report.plan.changes
    assert change.start == "near"


@pytest.mark.parametrize(
    "conv", [nn.Conv2d(4, 8, 3, groups=4), nn.Conv2d(4, 8, 3, stride=2, dilation=2, padding=2, bias=False)]
)
def test_groups_strides_and_dilations(conv: nn.Conv2d) -> None:
    model = relu_before(conv).double().to(memory_format=torch.channels_last)
    report = swap(model, "convrelu", example=(2, 3, 12, 12))
    assert report.check.difference < 1e-12
    assert conv.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("rank", "conv"), [(1, nn.Conv1d), (3, nn.Conv3d)])
def test_other_ranks(rank: int, conv: type[nn.Conv1d] | type[nn.Conv3d]) -> None:
    model = nn.Sequential(conv(2, 3, 3), nn.ReLU(), conv(3, 4, 3)).double()
    report = swap(model, "convrelu", example=(2, 2, *(7,) * rank))
    assert report.check.difference < 1e-12
    report.revert()
    with pytest.raises(NothingToSwapError, match="not of the rank of convrelu2d"):
        swap(model, "convrelu2d", example=(2, 2, *(7,) * rank))


def test_other_starts_are_given_to_the_thresholds() -> None:
    model = relu_before(nn.Conv2d(4, 5, 3))
    report = swap(model, "convrelu", example=(2, 3, 12, 12), threshold_init=-0.5)
    assert model[2].threshold.eq(-0.5).all()
    assert report.plan.changes[0].start == "other"
    with pytest.raises(ConfigError, match="takes threshold_init alone, got 'share'"):
        swap(relu_before(nn.Conv2d(4, 5, 3)), "convrelu", example=(2, 3, 12, 12), share="layer")


def test_hooks_and_flags_of_the_convolution_stay() -> None:
    model = relu_before(nn.Conv2d(4, 5, 3))
    seen = []
    model[1].register_forward_hook(lambda *_: seen.append("relu"))
    model[2].register_forward_hook(lambda *_: seen.append("conv"))
    model[2].weight.requires_grad_(False)
    swap(model, "convrelu", example=(2, 3, 12, 12))
    seen.clear()
    run(model, torch.randn(2, 3, 12, 12))
    assert seen == ["relu", "conv"]
    assert not model[2].weight.requires_grad


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.parametrize(
    ("norm", "hook"),
    [
        (nn.utils.weight_norm, "WeightNorm"),
        (nn.utils.spectral_norm, "SpectralNorm"),
        (lambda conv: prune.l1_unstructured(conv, "weight", 0.5), "L1Unstructured"),
    ],
)
def test_a_weight_that_a_hook_computes_is_named(norm: Any, hook: str) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), norm(nn.Conv2d(4, 5, 3)))
    with pytest.raises(NothingToSwapError, match=rf"the weight of 2 \(Conv2d\) is computed by a hook \({hook}\)"):
        swap(net, "convrelu", example=(1, 3, 9, 9))
