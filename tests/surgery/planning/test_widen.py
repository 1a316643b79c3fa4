"""Layers widened for functions that double the channels: same outputs, and refusals with their reason."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from rectifiers import CReLU, create
from rectifiers.core.errors import ConfigError, UnsupportedError
from rectifiers.surgery import NothingToSwapError, plan_swap, swap
from rectifiers.surgery.edits.channel_map import ChannelMap
from rectifiers.surgery.edits.widen import Widen
from rectifiers.surgery.plan import SwapPlan

IMAGES = (2, 3, 9, 9)


class Residual(nn.Module):
    """Adds a convolution's values to `x`, rectified on both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.conv, self.head = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        return self.head(F.relu(x + self.conv(x)))


class Branches(nn.Module):
    """Two readers of one ReLU, concatenated with the ReLU itself; batch norm and a grouped convolution behind."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.act = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True)
        self.one, self.two = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.last = nn.BatchNorm2d(12), nn.Conv2d(12, 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.stem(x))
        x = torch.cat([self.one(x), x, self.act(self.two(x))], 1)
        return self.last(F.leaky_relu(self.norm(x), 0.1)).mean((2, 3))


class Gated(nn.Module):
    """Squeeze and excitation: multiplies `x` by a gate computed from it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.down, self.up, self.head = (nn.Conv2d(*sizes, 1) for sizes in ((3, 4), (4, 2), (2, 4), (4, 5)))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        gate = self.up(self.down(F.adaptive_avg_pool2d(x, 1)).relu()).sigmoid()
        return self.head(x * gate)


class Function(nn.Module):
    """A convolution, a ReLU, and a function of its values and a layer."""

    def __init__(self, after: Callable[[nn.Module, Tensor], Tensor], head: nn.Module | None = None) -> None:
        super().__init__()
        self.stem, self.after = nn.Conv2d(3, 4, 3), after
        self.head = head or nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.head, F.relu(self.stem(x)))


class Overwritten(nn.Module):
    """Reads what a ReLU wrote over."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        F.relu_(x)
        return self.head(x)


class Auxiliary(nn.Module):
    """In training mode a second head reads the ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1), nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        return self.head(x) + self.second(x) if self.training else self.head(x)


def sequence(*behind: nn.Module, images: bool = True) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3) if images else nn.Linear(3, 4), nn.ReLU(), *behind)


NETS = {
    "convolution": lambda: sequence(nn.Conv2d(4, 5, 3)),
    "transposed": lambda: sequence(nn.ConvTranspose2d(4, 5, 3, stride=2)),
    "depthwise": lambda: sequence(nn.Conv2d(4, 8, 3, groups=4), nn.ReLU(), nn.Conv2d(8, 2, 1)),
    "grouped": lambda: sequence(nn.Conv2d(4, 6, 3, groups=2)),
    "grouped transposed": lambda: sequence(nn.ConvTranspose2d(4, 6, 3, groups=2)),
    "flatten": lambda: sequence(nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(), nn.Linear(36, 5)),
    "view": lambda: Function(lambda head, x: head(x.view(x.size(0), -1)), nn.Linear(196, 5)),
    "pooling": lambda: sequence(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)),
    "mean": lambda: Function(lambda head, x: head(x.mean((2, 3), keepdim=True))),
    "mean without its dimensions": lambda: Function(lambda head, x: head(x.mean([-2, -1])), nn.Linear(4, 5)),
    "padding": lambda: Function(lambda head, x: head(F.pad(x, (1, 2, 0, 1)))),
    "arithmetic": lambda: Function(lambda head, x: head(1 - 2 * x * torch.full((7, 7), 3.0) + x / 2)),
    "batch norm": lambda: sequence(nn.BatchNorm2d(4), nn.Conv2d(4, 5, 3)),
    "instance norm": lambda: sequence(nn.InstanceNorm2d(4, affine=True), nn.Conv2d(4, 5, 3)),
    "prelu": lambda: sequence(nn.AvgPool2d(2), nn.PReLU(4), nn.PReLU(), nn.Conv2d(4, 5, 3)),
    "pvlu": lambda: sequence(create("pvlu", share="channel", channels=4), create("arelu"), nn.Conv2d(4, 5, 3)),
    "two in a row": lambda: sequence(nn.ReLU(), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 5, 3)),
    "branches": Branches,
    "linear": lambda: sequence(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2), images=False),
}
EXAMPLES = {"linear": (2, 7, 3)}


def build(name: str) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    net = NETS[name]().double()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for spread in (module.weight, module.running_var):
                nn.init.uniform_(spread, 0.5, 1.5)
            for shift in (module.bias, module.running_mean):
                nn.init.normal_(shift, std=0.1)
    return net, torch.randn(EXAMPLES.get(name, IMAGES), dtype=torch.float64)


def agree(result: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool((result - expected).abs().max() < 1e-12 * expected.abs().max())


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("training", [False, True])
def test_widened_readers_keep_the_outputs(name: str, training: bool) -> None:
    net, x = build(name)
    net.train(training)
    torch.manual_seed(1)
    before = copy.deepcopy(net)(x)
    report = swap(net, "crelu", example=x)
    assert not report.plan.left
    assert {change.start for change in report.plan.changes} == {"equal"}
    assert any(isinstance(module, CReLU) for module in net.modules())
    assert net.training is training
    if not (training and name == "flatten"):  # Dropout draws for more values than before.
        assert agree(net(x), before)


@pytest.mark.parametrize("name", NETS)
def test_plans_are_data_and_undone_bit_by_bit(name: str) -> None:
    net, x = build(name)
    other = copy.deepcopy(net)
    parameters, state = dict(net.named_parameters()), copy.deepcopy(net.state_dict())
    plan = plan_swap(net, "crelu", example=x)
    applied = plan.apply(net)
    assert sum(p.numel() for p in net.parameters()) - sum(p.numel() for p in parameters.values()) == plan.parameters
    SwapPlan.from_json(plan.to_json()).apply(other)
    assert torch.equal(net.eval()(x), other.eval()(x))
    applied.revert()
    assert [*net.state_dict()] == [*state]
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    assert all(parameter is parameters[key] for key, parameter in net.named_parameters())
    assert [type(module) for module in net.modules()] == [type(module) for module in build(name)[0].modules()]


@pytest.mark.parametrize("name", ["convolution", "depthwise", "grouped", "batch norm", "linear"])
def test_the_new_channels_are_learned(name: str) -> None:
    net, x = build(name)
    reader = next(module for module in [*net][2:] if hasattr(module, "in_channels") or hasattr(module, "in_features"))
    zeros = int((reader.weight == 0).sum())
    swap(net, "crelu", example=x, where="first")
    added = reader.weight == 0
    assert int(added.sum()) == reader.weight.numel() // 2 + zeros
    net(x).square().sum().backward()
    assert bool(reader.weight.grad[added].any())


def test_the_negative_phase_reaches_the_next_layer() -> None:
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
    nn.init.ones_(net[0].weight)
    swap(net, "crelu", example=torch.ones(2, 1))
    net[2].weight = nn.Parameter(torch.tensor([[1.0, 10.0]]))
    assert net(torch.tensor([[3.0], [-2.0]])).flatten().tolist() == [3.0, 20.0]


def test_a_grouped_convolution_reads_both_phases_of_its_own_channels() -> None:
    net = nn.Sequential(nn.Identity(), nn.ReLU(), nn.Conv1d(2, 2, 1, groups=2, bias=False))
    swap(net, "crelu", example=torch.randn(2, 2, 3))
    assert net[2].weight.shape == (2, 2, 1)
    net[2].weight = nn.Parameter(torch.tensor([[[1.0], [10.0]], [[100.0], [1000.0]]]))
    assert net(torch.tensor([[[3.0], [-2.0]]])).flatten().tolist() == [3.0, 2000.0]


def test_the_new_channels_of_batch_norm_are_like_those_that_they_belong_to() -> None:
    net, x = build("batch norm")
    old = copy.deepcopy(net[2])
    swap(net, "crelu", example=x)
    for name in ("weight", "bias", "running_mean", "running_var"):
        assert torch.equal(getattr(net[2], name), getattr(old, name).repeat(2))
    assert net[2].num_features == 8


def test_a_grouped_convolution_is_still_itself() -> None:
    net, x = build("depthwise")
    conv = net[2]
    calls = []
    conv.register_forward_hook(lambda *_: calls.append(1))
    report = swap(net, "crelu", example=x, where="first")
    calls.clear()
    assert net[2] is conv
    assert isinstance(conv, nn.Conv2d)
    assert "gather" not in conv.state_dict()
    assert torch.equal(pickle.loads(pickle.dumps(net[:2]))(x), net[:2](x))
    assert torch.equal(copy.deepcopy(conv)(net[:2](x)), conv(net[:2](x)))
    assert calls == [1, 1]
    assert type(pickle.loads(pickle.dumps(copy.deepcopy(net)[4]))) is nn.Conv2d
    report.revert()
    assert type(conv) is nn.Conv2d


def test_a_widened_grouped_convolution_can_be_pickled() -> None:
    net, x = build("grouped")
    swap(net, "crelu", example=x)
    assert torch.equal(pickle.loads(pickle.dumps(net))(x), net(x))


def test_flags_dtype_and_memory_format_stay() -> None:
    net = sequence(nn.Conv2d(4, 5, 3)).half().to(memory_format=torch.channels_last)
    net[2].weight.requires_grad_(False)
    net[2].weight.no_decay = True
    swap(net.float(), "crelu", example=IMAGES)
    weight = net[2].weight
    assert weight.shape == (5, 8, 3, 3)
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.requires_grad
    assert weight.no_decay
    assert net[2].in_channels == 8


def test_layers_of_training_mode_are_widened_too() -> None:
    net = Auxiliary()
    swap(net, "crelu", example=IMAGES)
    assert net.train()(torch.randn(IMAGES)).shape == (2, 2, 7, 7)
    assert net.second.in_channels == 8


def test_a_training_mode_that_does_not_run_is_told() -> None:
    class Evaluated(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                raise RuntimeError("only for evaluation")
            return super().forward(x)

    plan = plan_swap(sequence(Evaluated(4, 5, 1)), "crelu", example=IMAGES)
    assert len(plan.changes) == 1
    assert "training mode" in str(plan)
    assert "only for evaluation" in str(plan)


def test_a_sum_of_values_widened_alike_passes() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.head = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(F.relu(self.one(x)) + F.relu(self.two(x)))

    net, x = Sum().double(), torch.randn(IMAGES, dtype=torch.float64)
    expected = net(x)
    swap(net, "crelu", example=x)
    assert agree(net(x), expected)
    assert net.head.in_channels == 8


def refusals(net: nn.Module, example: Any = IMAGES, **settings: Any) -> dict[str, str]:
    return {left.site: left.reason for left in plan_swap(net, "crelu", example=example, **settings).left}


def test_residual_sums_are_refused_and_other_sites_go_on() -> None:
    net = Residual().double()
    x = torch.randn(IMAGES, dtype=torch.float64)
    expected = net(x)
    report = swap(net, "crelu", example=x)
    assert [left.reason for left in report.plan.left] == [
        "a residual sum in the model needs the same channels on both sides"
    ]
    assert [change.site for change in report.plan.changes] == [":relu#2"]
    assert agree(net(x), expected)


def test_gated_values_are_refused_and_the_gate_itself_is_widened() -> None:
    net = Gated()
    report = swap(net, "crelu", example=IMAGES)
    assert ["a product in the model" in left.reason for left in report.plan.left] == [True]
    assert net.up.in_channels == 4
    assert net.down.in_channels == 4


def tied() -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    net[2].weight = net[0].weight
    return net


def reused() -> nn.Module:
    conv = nn.Conv2d(4, 4, 1)
    return nn.Sequential(nn.Conv2d(3, 4, 1), conv, nn.ReLU(), conv)


def sharing() -> nn.Module:
    """Two functions that have one amplitude in common."""
    first, second = (create("pvlu", share="channel", channels=4) for _ in range(2))
    second.alpha = first.alpha
    return sequence(first, nn.Conv2d(4, 4, 1), second, nn.Conv2d(4, 2, 1))


def preallocated(head: nn.Module, x: Tensor) -> Tensor:
    whole = torch.zeros(len(x), 4, *x.shape[2:])
    whole[:, :4] = x
    return head(whole)


def cut(head: nn.Module, x: Tensor) -> Tensor:
    x[:, 0] = 0
    return head(x)


REFUSED = {
    "the model returns its values": sequence,
    "normalises over groups": lambda: sequence(nn.GroupNorm(2, 4), nn.Conv2d(4, 2, 1)),
    "normalises over all channels": lambda: sequence(nn.LayerNorm([4, 7, 7]), nn.Conv2d(4, 2, 1)),
    "normalises over neighbouring": lambda: sequence(nn.LocalResponseNorm(2), nn.Conv2d(4, 2, 1)),
    "chunk in the model reads its channels": lambda: Function(lambda head, x: head(torch.cat(x.chunk(2, 1), 1))),
    "not one of PyTorch's own layers": lambda: Function(lambda _, x: F.conv2d(x, torch.ones(2, 4, 1, 1))),
    "prelu in the model is not one of PyTorch's own layers": lambda: Function(
        lambda head, x: head(F.prelu(x, torch.ones(4)))
    ),
    "is not a batch norm over these channels": lambda: Function(
        lambda head, x: head(F.batch_norm(x, torch.zeros(4), torch.ones(4)))
    ),
    "shares its parameters with other layers": sharing,
    "computes its weights": lambda: sequence(parametrizations.weight_norm(nn.Conv2d(4, 2, 1))),
    "asks for a fixed number of channels": lambda: Function(lambda head, x: head(x.view(2, 4, 7, 7))),
    "does not keep the channels together": lambda: Function(lambda head, x: head(x.view(-1, 2, 7, 7).view(x.shape))),
    "takes the mean over the channels": lambda: Function(lambda _, x: x.mean(1)),
    "with and without additional": lambda: Function(lambda head, x: head(torch.cat([x, torch.ones(1, 4, 7, 7)]))),
    "setitem in the model": lambda: Function(preallocated),
    "writes into a part of a tensor": lambda: Function(cut),
    "is called with other values too": reused,
    "different numbers of channels": lambda: Function(
        lambda head, x: head(torch.cat([x, torch.ones(2, 4, 7, 7)], 1)), nn.Conv2d(8, 2, 1, groups=2)
    ),
    "has thresholds": lambda: sequence(create("convrelu2d", in_channels=4, out_channels=2, kernel_size=1)),
    "mixes channels": lambda: sequence(create("maxout"), nn.Conv2d(2, 2, 1)),
    "other units": lambda: sequence(create("pvlu", share="element", channels=(4, 7, 7)), nn.Conv2d(4, 2, 1)),
    "something reads what it writes over": Overwritten,
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_widened_is_refused_with_the_reason(reason: str) -> None:
    net = REFUSED[reason]()
    before = repr(net)
    [refused] = refusals(net, where="first").values()
    assert reason in refused
    with pytest.raises(NothingToSwapError, match="keeps all its activations"):
        swap(net, "crelu", example=IMAGES, where="first")
    assert repr(net) == before


def test_tied_weights_are_refused() -> None:
    assert refusals(tied(), (2, 4)) == {"1": "2 (Linear) shares its weights with 0"}


def test_a_cap_is_kept_or_dropped() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU6(), nn.Conv2d(4, 2, 1)).double()
    with torch.no_grad():
        net[0].weight.mul_(10)
    [change] = plan_swap(net, "crelu", example=IMAGES, cap="drop").changes
    assert change.start == "near"
    report = swap(net, "crelu", example=IMAGES)
    assert (report.plan.changes[0].start, net[1].cap) == ("equal", 6)
    assert report.check.difference < 1e-12


def test_functions_that_make_fewer_channels_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="makes fewer channels"):
        swap(sequence(nn.Conv2d(4, 2, 1)), "maxout", example=IMAGES)


def test_a_plan_for_other_sizes_changes_nothing() -> None:
    plan = plan_swap(sequence(nn.Conv2d(4, 5, 3)), "crelu", example=IMAGES)
    other = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 5, 3))
    before = repr(other)
    with pytest.raises(ConfigError, match="'2' has 6 channels, and the plan expects 4"):
        plan.apply(other)
    assert repr(other) == before


def test_models_without_memory_can_be_widened() -> None:
    with torch.device("meta"):
        net = sequence(nn.Conv2d(4, 4, 3, groups=4), nn.Flatten(), nn.Linear(100, 2))
    swap(net, "crelu", example=IMAGES)
    assert net[2].weight.shape == (4, 2, 3, 3)
    assert net[2].weight.is_meta


def test_a_layer_that_is_no_reader_is_an_error() -> None:
    with pytest.raises(ConfigError, match="'0' has 0 channels"):
        Widen("0", ChannelMap.identity(4).double()).apply(nn.Sequential(nn.Flatten()))


def agrees_after_swap(name: str, changes: int, left: int, **settings: Any) -> None:
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    extra = {"init_weights": True} if name == "googlenet" else {}
    net = models.get_model(name, weights=None, **extra).double()
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    with torch.no_grad():
        net.train()(x)
        net.eval()
    state = copy.deepcopy(net.state_dict())
    with torch.no_grad():
        uncapped = copy.deepcopy(net)
        swap(uncapped, "relu", example=x, **settings)
        expected = uncapped(x)
        assert not torch.allclose(expected[0], expected[1])
        report = swap(net, "crelu", example=x, **settings)
        evaluated = [change for change in report.plan.changes if "training mode only" not in change.note]
        assert (len(evaluated), len(report.plan.left)) == (changes, left)
        assert agree(net(x), expected)
    report.revert()
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())


@pytest.mark.parametrize(
    ("name", "changes", "left"), [("resnet18", 12, 5), ("squeezenet1_1", 25, 1), ("mobilenet_v2", 35, 0)]
)
def test_models_of_torchvision(name: str, changes: int, left: int) -> None:
    agrees_after_swap(name, changes, left, cap="drop")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes", "left"), [("vgg11_bn", 10, 0), ("densenet121", 121, 0), ("googlenet", 57, 0)]
)
def test_larger_models_of_torchvision(name: str, changes: int, left: int) -> None:
    agrees_after_swap(name, changes, left)


def test_the_phases_of_leaky_relu_do_not_start_where_relu_was() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3))
    plan = plan_swap(net, "crelu", example=torch.randn(2, 3, 8, 8), negative_slope=0.1)
    assert [change.start for change in plan.changes] == ["other"]
    report = swap(net, "crelu", example=torch.randn(2, 3, 8, 8), negative_slope=0.1)
    assert net(torch.randn(2, 3, 8, 8)).shape == (2, 4, 4, 4)
    assert report.check.difference > 0


@pytest.mark.parametrize("register", [Tensor.register_hook, Tensor.register_post_accumulate_grad_hook])
def test_weights_with_hooks_are_not_replaced(register: Callable[..., Any]) -> None:
    model, x = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(3, 4)
    weight, seen = model[2].weight, list[Tensor]()
    handle = register(weight, seen.append)
    with pytest.raises(ConfigError, match=r"the weight of Linear\(in_features=4.*has hooks of its own"):
        swap(model, "crelu", example=x)
    assert model[2].weight is weight
    model(x).sum().backward()
    assert len(seen) == 1
    handle.remove()
    swap(model, "crelu", example=x)


class WithHead(nn.Module):
    """Calls more activations in training mode, for a head of its own."""

    def __init__(self, act: nn.Module | None) -> None:
        super().__init__()
        self.a, self.b, self.head, self.last = nn.Linear(3, 4), nn.Linear(4, 2), nn.Linear(4, 4), nn.Linear(4, 2)
        self.act = act

    def forward(self, x: Tensor) -> Any:
        x = F.relu(self.a(x)) if self.act is None else self.act(self.a(x))
        if not self.training:
            return self.b(x)
        return self.b(x), self.last(F.relu(self.head(x)) if self.act is None else self.act(self.head(x)))


@pytest.mark.parametrize("act", [None, nn.ReLU()])
def test_what_training_mode_calls_besides_is_widened_too(act: nn.Module | None) -> None:
    net, x = WithHead(act), torch.randn(5, 3)
    before = net(x)
    report = swap(net, "crelu", example=x)
    assert {left.site for left in report.plan.left} == set()
    assert all(torch.allclose(now, then, atol=1e-6) for now, then in zip(net(x), before, strict=True))
