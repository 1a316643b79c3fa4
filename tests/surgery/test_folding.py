"""Folding: plain rectifiers remain, and the outputs stay what they were."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune

import rectifiers
from rectifiers import AdaReLU, create
from rectifiers.core.errors import ConfigError, UnsupportedError
from rectifiers.surgery import fold, plan_fold
from rectifiers.surgery.plan import SwapPlan

CHANNELS = 8


class Net(nn.Module):
    """Layers for a function to be folded into; `how` says which of them are called in which order."""

    def __init__(self, how: Callable[[Net, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.how = how
        self.same, self.each = AdaReLU(0.3, share="layer"), AdaReLU(share="channel", channels=CHANNELS)
        self.steep = create("arelu", share="layer")
        self.first, self.second = nn.Conv2d(3, CHANNELS, 3), nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False)
        self.plain = nn.Conv2d(CHANNELS, CHANNELS, 3, bias=False, groups=2)
        self.padded = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=(1, 2), groups=4)
        self.kept = nn.Conv2d(CHANNELS, CHANNELS, 3, padding="same")
        self.mirrored = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, padding_mode="reflect")
        self.twice = nn.Conv2d(3, 2 * CHANNELS, 3)
        self.grown, self.grouped = (
            nn.ConvTranspose2d(3, CHANNELS, 3),
            nn.ConvTranspose2d(CHANNELS, CHANNELS, 3, groups=4),
        )
        self.border = nn.ZeroPad2d((1, 2, 0, 1))
        self.norm, self.wide = nn.BatchNorm2d(CHANNELS), nn.Conv2d(2 * CHANNELS, CHANNELS, 1)
        self.rows = nn.Linear(6, 2)
        self.linear, self.head = nn.Linear(CHANNELS, CHANNELS), nn.Linear(CHANNELS, 2)
        self.flat = nn.Linear(CHANNELS * 36, 2)
        with torch.no_grad():
            self.each.theta.normal_()
            for tensor in (self.norm.weight, self.norm.bias, self.norm.running_mean):
                assert tensor is not None
                tensor.normal_()

    def forward(self, x: Tensor) -> Tensor:
        return self.how(self, x)


def mean(x: Tensor) -> Tensor:
    return x.mean((2, 3))


FOLDED: dict[str, Callable[[Net, Tensor], Tensor]] = {
    "without padding": lambda n, x: n.plain(n.each(n.first(x))),
    "zero padding, one threshold": lambda n, x: n.padded(n.same(n.first(x))),
    "same padding, one threshold": lambda n, x: n.kept(n.same(n.first(x))),
    "reflecting padding": lambda n, x: n.mirrored(n.each(n.first(x))),
    "padding by itself": lambda n, x: n.plain(F.pad(n.each(n.first(x)), (1, 1, 1, 1), mode="reflect")),
    "padding by a module": lambda n, x: n.plain(n.border(n.same(n.first(x)))),
    "norm in front": lambda n, x: n.plain(n.each(n.norm(n.first(x)))),
    "norm behind": lambda n, x: n.plain(n.norm(n.each(n.first(x)))),
    "linear": lambda n, x: n.head(n.each(n.linear(mean(n.first(x))))),
    "mean": lambda n, x: n.head(n.each(n.first(x)).mean((2, 3))),
    "pooled": lambda n, x: n.head(F.adaptive_avg_pool2d(n.each(n.first(x)), 1).flatten(1)),
    "flattened": lambda n, x: n.flat(n.each(n.first(x)).flatten(1)),
    "viewed": lambda n, x: n.flat(n.each(n.first(x)).view(len(x), -1)),
    "channels last": lambda n, x: n.head(n.each(n.first(x)).permute(0, 2, 3, 1)),
    "tokens": lambda n, x: n.head(n.each(n.first(x)).flatten(2).transpose(1, 2)),
    "channels mixed with pixels": lambda n, x: n.flat(n.each(n.first(x)).permute(0, 2, 3, 1).reshape(len(x), -1)),
    "channels mixed with pixels and flattened": lambda n, x: n.flat(F.pixel_shuffle(n.each(n.first(x)), 2).flatten(1)),
    "shuffled": lambda n, x: n.plain(
        n.each(n.first(x)).view(-1, 2, 4, 6, 6).transpose(1, 2).contiguous().view(-1, 8, 6, 6)
    ),
    "parts": lambda n, x: (lambda a, b: n.plain(torch.cat([b, a], 1)))(*n.each(n.first(x)).chunk(2, 1)),
    "unlike parts of channels": lambda n, x: n.plain(torch.cat(n.each(n.first(x)).split([1, 4, 3], dim=1)[::-1], 1)),
    "parts of pixels": lambda n, x: (lambda a, b: n.head(mean(a)) + n.linear(mean(b)).mean())(
        *n.each(n.first(x)).tensor_split(2, -1)
    ),
    "sliced": lambda n, x: n.head(n.each(n.first(x))[:, :, 0].mean(-1)),
    "some channels": lambda n, x: n.plain(n.each(n.first(x))[:, [1, 0, 2, 3, 4, 5, 6, 7]].flip(1)),
    "attribute": lambda n, x: n.head(n.each(n.linear(mean(n.first(x)))).T.T),
    "attribute of pixels": lambda n, x: n.plain(n.each(n.first(x)).mT),
    "one threshold in any place": lambda n, x: n.plain(F.pixel_unshuffle(F.pixel_shuffle(n.same(n.first(x)), 2), 2)),
    "one threshold along pixels": lambda n, x: n.rows(n.same(n.first(x))),
    "part in front": lambda n, x: (lambda a, b: n.plain(n.each(a)) + b.mean())(*n.twice(x).chunk(2, 1)),
    "both parts in front": lambda n, x: (lambda a, b: n.plain(n.each(a)) + n.padded(n.same(b)).mean())(
        *n.twice(x).chunk(2, 1)
    ),
    "gain of a gated part": lambda n, x: (lambda a, b: a * n.steep(b))(*n.twice(x).split(CHANNELS, 1)),
    "viewed in front, channels last": lambda n, x: n.head(
        n.each(n.first(x).contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1).view(-1, CHANNELS))
    ),
    "viewed behind, channels last": lambda n, x: n.head(
        n.each(n.first(x).contiguous(memory_format=torch.channels_last)).permute(0, 2, 3, 1).view(-1, CHANNELS)
    ),
    "reshaped in front": lambda n, x: n.head(n.each(n.first(x).permute(0, 2, 3, 1).reshape(-1, CHANNELS))),
    "turned": lambda n, x: n.plain(n.each(n.first(x)).swapaxes(2, 3)),
    "max pool with padding": lambda n, x: n.plain(F.max_pool2d(n.each(n.first(x)), 3, 1, 1)),
    "mean pool without counting": lambda n, x: n.plain(
        F.avg_pool2d(n.each(n.first(x)), 2, 1, 1, count_include_pad=False)
    ),
    "interpolated": lambda n, x: n.plain(F.interpolate(n.each(n.first(x)), scale_factor=2.0, mode="bilinear")),
    "numbers": lambda n, x: n.plain((n.each(n.first(x)) * 2 - 1) / 3),
    "sum with others": lambda n, x: n.plain(n.each(n.first(x)) + mean(x).mean() * torch.ones(len(x), 8, 6, 6).to(x)),
    "difference": lambda n, x: n.plain(torch.ones(len(x), 8, 6, 6).to(x) - n.each(n.first(x))),
    "joined": lambda n, x: (lambda h: n.wide(torch.cat([h, n.each(n.norm(h))], 1)))(n.first(x)),
    "dropout": lambda n, x: n.plain(F.dropout(n.each(n.first(x)), 0.5, n.training)),
    "transposed in front": lambda n, x: n.plain(n.each(n.grown(x))),
    "transposed in groups": lambda n, x: n.plain(n.each(n.grouped(n.first(x)))),
    "gain": lambda n, x: n.padded(n.steep(n.first(x))),
    "gain before a gate": lambda n, x: n.steep(n.first(x)) * x.mean(),
    "gain into a norm": lambda n, x: n.steep(n.norm(n.first(x))),
    "gain in groups": lambda n, x: n.steep(n.grouped(n.first(x))),
    "several": lambda n, x: n.plain(n.same(n.mirrored(n.each(n.first(x))))),
}


@pytest.mark.parametrize("name", FOLDED)
def test_what_folds_keeps_its_outputs(name: str) -> None:
    net, x = Net(FOLDED[name]).eval(), torch.randn(2, 3, 8, 8)
    before = copy.deepcopy(net)
    report = fold(net, x)
    unreached = {left.site for left in report.plan.left if "does not reach" in left.reason}
    assert report.plan.changes
    assert {left.site for left in report.plan.left} == unreached
    assert report.check is not None
    assert report.check.difference < 1e-6
    # Float32 may hide what float64 does not; a batch of another length sees the whole batch.
    y = torch.randn(3, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(net.double()(y), before.double()(y), rtol=1e-6, atol=1e-6)
    report.revert()
    torch.testing.assert_close(net(y), before(y), rtol=1e-6, atol=1e-6)
    assert net.state_dict().keys() == before.state_dict().keys()


LEFT: dict[str, tuple[Callable[[Net, Tensor], Tensor], str]] = {
    "zero padding": (lambda n, x: n.padded(n.each(n.first(x))), "pads with zeros, and the constants"),
    "zeros around by a module": (lambda n, x: n.plain(n.border(n.each(n.first(x)))), "pads with zeros, and the"),
    "gate": (lambda n, x: n.plain(n.each(n.first(x)) * torch.sigmoid(x.mean())), "multiplies its values by others"),
    "quotient": (lambda n, x: n.plain(2 / n.each(n.first(x))), "divides by its values"),
    "sum in front": (lambda n, x: n.plain(n.each(n.first(x) + 1)), "add in the model before it cannot"),
    "input in front": (lambda n, x: n.first(n.same(x)), "reads the input of the model"),
    "read by others": (lambda n, x: (lambda h: n.plain(n.each(h)).sum() + h)(n.first(x)), "something else reads"),
    "returned": (lambda n, x: n.each(n.first(x)), "the model returns its values"),
    "transposed behind": (lambda n, x: n.grouped(n.each(n.first(x))), "grouped (ConvTranspose2d) spreads its values"),
    "mean pool that counts": (lambda n, x: n.plain(F.avg_pool2d(n.each(n.first(x)), 2, 1, 1)), "cannot take over"),
    "zeros around": (lambda n, x: n.plain(F.pad(n.each(n.first(x)), (1, 1))), "cannot take over a constant"),
    "channels mixed with pixels": (
        lambda n, x: F.pixel_shuffle(n.each(n.first(x)), 2).mean((2, 3)),
        "does not keep the channels together",
    ),
    "picked samples": (
        lambda n, x: n.plain(n.each(n.first(x))[[0, 1, 0, 1, 0]]),
        "getitem in the model moves its values in a way that cannot be followed",
    ),
    "channels as pixels": (
        lambda n, x: n.plain(F.max_pool2d(n.each(n.first(x)).permute(0, 2, 1, 3), 1).permute(0, 2, 1, 3)),
        "reads its channels as dimension 2, not as channels",
    ),
    "part written over": (
        lambda n, x: (lambda h: (h[:, :4].mul_(2), n.plain(h))[1])(n.each(n.first(x))),
        "writes over values of which others see a part",
    ),
    "part written over and read": (
        lambda n, x: (lambda h: (lambda part: part.mul_(2).mean() + n.plain(h))(h[:, :4]))(n.each(n.first(x))),
        "writes over values of which others see a part",
    ),
    "whole written over": (
        lambda n, x: (lambda h: (lambda part: n.plain(h.mul_(2)) + part.mean())(h[:, :4]))(n.each(n.first(x))),
        "writes over values of which others see a part",
    ),
    "parts of the batch": (
        lambda n, x: (lambda a, b: n.plain(n.each(a)) + b.mean())(*n.first(x).chunk(2)),
        "something else reads the channels that first (Conv2d) makes",
    ),
    "sum": (lambda n, x: n.head(n.each(n.first(x)).sum((2, 3))), "cannot take over a constant"),
    "mean of channels": (lambda n, x: n.each(n.first(x)).mean(1), "takes the mean over the channels"),
    "another activation": (lambda n, x: n.plain(F.relu(n.each(n.first(x)))), "cannot take over a constant"),
    "layer called twice": (lambda n, x: n.second(n.second(n.each(n.first(x)))), "is called with other values too"),
    "layer in front twice": (lambda n, x: n.plain(n.each(n.second(n.second(n.first(x))))), "is called several times"),
    "called twice": (lambda n, x: n.plain(n.same(n.mirrored(n.same(n.first(x))))), "it is called several times"),
    "unlike parts": (
        lambda n, x: n.plain(torch.cat([n.each(n.first(x)), n.grown(x)[:, :, 2:-2, 2:-2]])),
        "with and without an offset",
    ),
    "other shape": (
        lambda n, x: n.plain(n.each(n.first(x[:1])) + n.grown(x)[:, :, 2:-2, 2:-2]),
        "of different shapes",
    ),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_does_not_fold_stays_with_its_reason(name: str) -> None:
    how, reason = LEFT[name]
    net, x = Net(how).eval(), torch.randn(2, 3, 8, 8)
    y = net(x)
    report = fold(net, x)
    assert not report.plan.changes
    assert any(reason in left.reason for left in report.plan.left)
    assert torch.equal(net(x), y)


class Block(nn.Module):
    """A function, a capped one, and layers without biases."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)
        self.act, self.second, self.last = nn.ReLU6(), nn.Conv2d(4, 4, 3, bias=False), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(F.relu(self.second(self.act(self.norm(self.first(x))))).mean((2, 3)))
        return y


def swapped(to: str, **options: object) -> Block:
    torch.manual_seed(0)
    net = Block().eval()
    rectifiers.swap(net, to, example=(1, 3, 8, 8), **options)  # type: ignore[arg-type]
    return net


@pytest.mark.parametrize(
    ("to", "options", "plain"),
    [
        ("pvlu", {}, ["ReLU6()", "ReLU()"]),
        ("prelu", {"a": 0.0}, ["ReLU6()", "ReLU()"]),
        ("adarelu", {"share": "layer", "init": 0.5}, ["Hardtanh(min_val=0.0, max_val=5.5)", "ReLU()"]),
        ("arelu", {"cap": "drop", "alpha": 0.3, "beta": 0.0}, ["LeakyReLU(negative_slope=0.2)"] * 2),
    ],
)
def test_swaps_fold_away_and_are_saved(to: str, options: dict[str, object], plain: list[str], tmp_path: Path) -> None:
    net, x = swapped(to, **options), torch.randn(4, 3, 8, 8)
    before, keys = net(x), set(net.state_dict())
    report = fold(net, x)
    assert [
        re.sub(r"(0\.2)0*\d+", r"\1", str(module)) for module in (net.act, net.rectified.get_submodule("0"))
    ] == plain
    torch.testing.assert_close(net(x), before)
    rectifiers.save(net, tmp_path)
    assert torch.equal(rectifiers.load(tmp_path, Block).eval()(x), net(x))
    assert torch.equal(pickle.loads(pickle.dumps(net))(x), net(x))
    assert SwapPlan.from_json(report.plan.to_json()) == report.plan
    report.revert()
    assert set(net.state_dict()) == keys
    torch.testing.assert_close(net(x), before)


class Head(nn.Module):
    """A function between two layers, called on several sizes, as heads of detectors are."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), AdaReLU(0.3, channels=4, share="channel"), nn.Conv2d(4, 2, 3))
        self.elsewhere = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        large, small = self.body(x), self.body(x[:, :, ::2, ::2])
        y: Tensor = large.mean((2, 3)) + small.mean((2, 3)) + self.elsewhere(x[:, :, :3, :3]).mean()
        return y


def test_a_function_folds_into_layers_that_are_called_as_often() -> None:
    torch.manual_seed(0)
    net, x = Head().eval(), torch.randn(2, 3, 12, 12)
    with torch.no_grad():
        net.body[1].theta.normal_()
    before = copy.deepcopy(net)
    report = fold(net, x)
    assert [change.note for change in report.plan.changes] == ["threshold into body.0, offset into body.2"]
    y = torch.randn(3, 3, 14, 14, dtype=torch.float64)
    torch.testing.assert_close(net.double()(y), before.double()(y), rtol=1e-6, atol=1e-6)


def test_a_layer_that_is_called_more_often_than_the_function_stays() -> None:
    net, x = Head().eval(), torch.randn(2, 3, 12, 12)
    net.elsewhere = net.body[0]
    (left,) = fold(net, x).plan.left
    assert left.reason == "body.0 (Conv2d) is called several times"


def test_new_biases_are_counted() -> None:
    net = swapped("adarelu", share="layer", init=0.5)
    count = sum(parameter.numel() for parameter in net.parameters())
    report = fold(net, torch.randn(2, 3, 8, 8))
    assert sum(parameter.numel() for parameter in net.parameters()) - count == report.plan.parameters


def test_a_padded_convolution_says_what_it_pads_with() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), AdaReLU(0.5, share="layer"), nn.Conv2d(4, 2, 3, padding=1)).eval()
    x = torch.randn(2, 3, 6, 6)
    report = fold(net, x)
    assert "padding_value=-0.5" in str(net[2])
    assert torch.equal(pickle.loads(pickle.dumps(net))(x), net(x))
    exported = torch.export.export(net, (x,)).module()
    torch.testing.assert_close(exported(x), net(x))
    report.revert()
    assert type(net[2]) is nn.Conv2d
    assert net[2].padding == (1, 1)


def test_folded_weights_are_not_those_of_the_unswapped_model() -> None:
    net = swapped("arelu", cap="drop")
    fold(net, torch.randn(2, 3, 8, 8))
    with pytest.raises(UnsupportedError, match="fit its folded form alone"):
        rectifiers.base_state_dict(net)
    assert set(rectifiers.base_state_dict(net, drop_learned=True)) == set(Block().state_dict())


@pytest.mark.parametrize(
    ("to", "where", "reason"),
    [
        ("crelu", "last", "it makes another number of channels"),
        ("convrelu", "all", "its thresholds are zero, which the swap"),
        ("pau", "all", "PAU is not made of two straight pieces"),
    ],
)
def test_functions_that_never_fold_say_why(to: str, where: str, reason: str) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3))
    rectifiers.swap(net, to, example=(1, 3, 8, 8), where=where)
    assert [reason in left.reason for left in plan_fold(net, (1, 3, 8, 8)).left] == [True]


def test_learned_thresholds_of_taps_are_their_own_reason() -> None:
    net = nn.Sequential(rectifiers.ConvReLU2d(3, 4, 3, threshold_init="random"), nn.ReLU())
    assert "each tap" in plan_fold(net, (1, 3, 8, 8)).left[0].reason


def test_a_model_without_functions_of_this_library_is_an_error() -> None:
    with pytest.raises(ConfigError, match="none of this library's functions"):
        fold(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), (1, 4))


def test_functions_that_write_over_or_keep_copies_stay() -> None:
    class Pre(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.act, self.second = nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            x += self.second(self.act(x))
            return x

    net = Pre()
    rectifiers.swap(net, "prelu", example=(1, 3, 4, 4))
    (left,) = plan_fold(net, (1, 3, 4, 4)).left
    assert "keeps copies" in left.reason


@pytest.mark.parametrize("options", [{"to": "adarelu", "share": "layer"}, {"to": "adarelu"}, {"to": "elsa"}])
def test_gpt_2_folds_into_the_linear_layers_of_its_own(options: dict[str, str]) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"n_embd": 16, "n_head": 2, "n_layer": 2, "n_positions": 12, "vocab_size": 20}
    net, x = transformers.GPT2Model(transformers.GPT2Config(**sizes)).eval(), torch.arange(12).reshape(2, 6)
    rectifiers.swap(net, example=x, from_="gelu", **options)  # type: ignore[arg-type]
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.rpartition(".")[2] in ("theta", "bias", "alpha", "beta"):
                parameter.add_(0.3 * torch.randn_like(parameter))
    before = copy.deepcopy(net)
    report = fold(net, x)
    assert len(report.plan.changes) == 2
    assert not report.plan.left
    torch.testing.assert_close(
        net.double()(x).last_hidden_state, before.double()(x).last_hidden_state, rtol=1e-6, atol=1e-6
    )


def test_outputs_that_would_change_take_the_fold_back(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = Net(FOLDED["linear"]).eval(), torch.randn(2, 3, 8, 8)
    before = net(x)
    for bound in ("FAR", "FARTHEST"):
        with monkeypatch.context() as patch:
            patch.setattr(f"rectifiers.surgery.folding.{bound}", 0.0)
            with pytest.raises(UnsupportedError, match="the fold was taken back"):
                fold(net, x)
        assert torch.equal(net(x), before)


def test_functions_without_numbers_are_an_error() -> None:
    net = nn.Sequential(nn.Linear(4, 4), AdaReLU(0.5, share="layer"), nn.Linear(4, 2)).to("meta")
    with pytest.raises(UnsupportedError, match=r"0\.weight is on the meta device.*load the weights first"):
        fold(net, torch.empty(2, 4, device="meta"))


@pytest.mark.parametrize(
    ("wrap", "cure"),
    [
        (nn.utils.parametrizations.weight_norm, "remove_parametrizations makes them plain"),
        (lambda layer: prune.l1_unstructured(layer, "weight", 0.5), "or prune.remove of torch.nn.utils makes them"),
    ],
)
def test_computed_weights_stay_until_they_are_plain(wrap: Callable[[nn.Module], nn.Module], cure: str) -> None:
    net = nn.Sequential(wrap(nn.Linear(4, 4)), AdaReLU(0.5, share="layer"), nn.Linear(4, 2)).eval()
    (left,) = plan_fold(net, torch.randn(2, 4)).left
    assert "computes its weights" in left.reason
    assert cure in left.reason


class Auxiliary(nn.Module):
    """Has a second head that only training calls."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.act = nn.Linear(4, 4), rectifiers.AdaReLU(share="channel", channels=4)
        self.head, self.spare = nn.Linear(4, 2), nn.Linear(4, 2)
        nn.init.uniform_(self.act.theta, -0.5, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.act(self.body(x))
        return torch.cat([self.head(h), self.spare(h)]) if self.training else self.head(h)


def test_heads_that_only_training_calls_take_over_the_offset_too() -> None:
    net, x = Auxiliary(), torch.randn(8, 4)
    before = net.train()(x)
    assert fold(net, x).plan.changes[0].note == "threshold into body, offset into head and spare"
    torch.testing.assert_close(net(x), before)


def test_what_was_trained_since_stays_when_it_is_undone() -> None:
    net = nn.Sequential(nn.Linear(3, 4), AdaReLU(0.5, share="layer"), nn.Linear(4, 4), create("arelu"), nn.Linear(4, 2))
    net, x = net.double(), torch.randn(5, 3, dtype=torch.float64)
    report = fold(net, x)
    assert len(report.plan.changes) == 2
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.rand_like(parameter))
    expected = net(x)
    report.revert()
    torch.testing.assert_close(net(x), expected, rtol=1e-9, atol=1e-9)


def test_compiled_parts_stay_and_are_told_of() -> None:
    part: Any = torch.compile(nn.Sequential(AdaReLU(0.5, share="layer")), backend="eager")
    net = nn.Sequential(nn.Linear(4, 4), part, nn.Linear(4, 4), AdaReLU(0.5, share="layer"), nn.Linear(4, 2))
    plan = fold(net, torch.randn(3, 4)).plan
    assert [change.site for change in plan.changes] == ["3"]
    assert [left.reason.partition(":")[0] for left in plan.left] == ["1 is compiled"]


class Outside(nn.Module):
    """Computes in half precision, and returns single precision, as language models do."""

    def __init__(self, autocast: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        steps = (
            nn.Linear(6, 64),
            AdaReLU(0.3, share="layer"),
            nn.Linear(64, 64),
            AdaReLU(-0.2, share="layer"),
            nn.Linear(64, 2),
        )
        self.inside, self.autocast = nn.Sequential(*steps), autocast
        if not autocast:
            self.inside.to(torch.bfloat16)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            y: Tensor = self.inside(x if self.autocast else x.bfloat16())
        return y.float()


@pytest.mark.parametrize("autocast", [True, False])
def test_roundings_are_those_of_what_computes_not_of_what_comes_out(autocast: bool) -> None:
    report = fold(Outside(autocast), torch.randn(64, 6))
    assert len(report.plan.changes) == 2
    assert report.check is not None
    assert 0 < report.check.difference < 0.05


def test_models_that_were_made_in_inference_mode_fold_too() -> None:
    with torch.inference_mode():
        net = nn.Sequential(nn.Linear(4, 4), AdaReLU(0.5, share="layer"), nn.Linear(4, 2))
        x = torch.randn(3, 4)
        before = net(x)
    report = fold(net, x)
    with torch.inference_mode():
        torch.testing.assert_close(net(x), before)
    report.revert()
    with torch.inference_mode():
        assert torch.equal(net(x), before)


class Kept(nn.Module):
    """Calls its function through a closure, which goes on having it after a fold."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.act, self.b = nn.Linear(4, 8), AdaReLU(0.5, share="layer"), nn.Linear(8, 2)
        act = self.act
        self.apply_it = lambda x: act(x)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.b(self.apply_it(self.a(x)))
        return y


def test_a_function_that_is_kept_elsewhere_is_said_to_be() -> None:
    net = Kept()
    weights = copy.deepcopy(net.state_dict())
    with pytest.raises(UnsupportedError, match="act: the module that was there is still called"):
        fold(net, torch.randn(3, 4))
    assert all(torch.equal(value, weights[name]) for name, value in net.state_dict().items())
