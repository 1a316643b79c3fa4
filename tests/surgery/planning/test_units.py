"""Channels where the user says they are, and sites of which nobody knows where they are."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers import find_sites, load, plan_swap, save, swap
from rectifiers.core.errors import ConfigError
from rectifiers.surgery.swap import NothingToSwapError

SHAPE = (2, 5, 6)


class Scores(nn.Module):
    """Attention whose scores go through a ReLU: no layer says which of their dimensions has channels."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.outer(torch.relu(self.inner(x) @ x.mT) @ x)
        return out


def units(model: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(p.shape) for name, p in model.named_parameters() if "rectified" in name or ".alpha" in name]


def test_a_function_for_each_channel_is_refused_where_nobody_knows_the_channels() -> None:
    model = Scores()
    plan = plan_swap(model, "pvlu", example=SHAPE)
    assert not plan.changes
    assert "left as it is: :relu (relu): nothing in the model shows which dimension of its values" in str(plan)
    with pytest.raises(
        NothingToSwapError, match=r":relu: nothing .* shape 2×5×5 .* give channel_dim=… or share='layer'"
    ):
        swap(model, "pvlu", example=SHAPE)
    with pytest.raises(NothingToSwapError, match=r":relu: nothing .* give channel_dim=…$"):
        swap(model, "crelu", example=SHAPE)
    with pytest.raises(NothingToSwapError, match=":relu: nothing in the model"):
        swap(model, lambda channels: nn.PReLU(channels), example=SHAPE)


@pytest.mark.parametrize("compensate", [False, True])
@pytest.mark.parametrize(("to", "options"), [("arelu", {}), ("pvlu", {"share": "layer"}), ("apl", {})])
def test_what_needs_no_channels_goes_anywhere(to: str, options: dict[str, Any], compensate: bool) -> None:
    model = Scores()
    report = swap(model, to, example=SHAPE, compensate=compensate, **options)
    assert len(report.plan.changes) == 1
    if to != "apl":
        model(torch.randn(3, 8, 6))


@pytest.mark.parametrize(("dim", "channels"), [(-1, 5), (1, 5), (2, 5), (0, 2), (-3, 2)])
@pytest.mark.parametrize("compensate", [False, True])
def test_the_user_says_where_the_channels_are(dim: int, channels: int, compensate: bool) -> None:
    model = Scores()
    report = swap(model, "pvlu", example=SHAPE, channel_dim=dim, compensate=compensate)
    assert report.check.difference < 1e-6
    assert [change.channels for change in report.plan.changes] == [channels]
    (site,) = find_sites(model, SHAPE)
    assert (site.channel_dim, site.channels) == (dim, channels)
    assert {tuple(p.shape) for p in model.get_submodule("rectified").parameters()} == {(channels,)}


def test_what_the_user_says_goes_before_what_the_model_shows() -> None:
    model = nn.Sequential(nn.Conv1d(3, 4, 1), nn.ReLU(), nn.Conv1d(4, 4, 1), nn.ReLU(), nn.Conv1d(4, 2, 1))
    swap(model, "prelu", example=(2, 3, 8), share="channel", channel_dim=-1)
    assert [(tuple(model[n].a.shape), model[n].channel_dim) for n in (1, 3)] == [((8,), -1)] * 2
    sites = find_sites(model, (2, 3, 8))
    assert [(site.channel_dim, site.channels) for site in sites] == [(-1, 8)] * 2
    seen: list[int] = []

    def make(channels: int) -> nn.Module:
        seen.append(channels)
        return nn.ReLU()

    other = nn.Sequential(nn.Conv1d(3, 4, 1), nn.ReLU())
    swap(other, make, example=(2, 3, 8), channel_dim=-1)
    assert set(seen) == {8}
    plan = plan_swap(other, "pvlu", example=(2, 3, 8), channel_dim=2, where=lambda site: site.channels == 8)
    assert len(plan.changes) == 1


def test_a_dimension_that_the_values_have_not() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(16, 8), nn.ReLU())
    plan = plan_swap(model, "pvlu", example=(1, 3, 2, 2), channel_dim=3)
    assert [change.site for change in plan.changes] == ["1"]
    assert [left.reason for left in plan.left] == ["its values of shape 1×8 have no dimension 3 for channels"]
    with pytest.raises(ConfigError, match="PVLU: channel_dim must be a whole number, got 'last'"):
        plan_swap(model, "pvlu", example=(1, 3, 2, 2), channel_dim="last")


class Tokens(nn.Module):
    """Products with matrices of weights, which are not among PyTorch's layers."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.out = nn.Parameter(torch.randn(6, 8)), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(F.relu(x @ self.inner))
        return out


@pytest.mark.parametrize("options", [{}, {"channel_dim": -1}, {"channel_dim": 2}])
def test_features_of_tokens_are_doubled(options: dict[str, Any]) -> None:
    model, x = Tokens(), torch.randn(3, 9, 6)
    before = model(x)
    report = swap(model, "crelu", example=SHAPE, **options)
    assert report.plan.changes[0].channels == 8
    assert model.out.in_features == 16
    torch.testing.assert_close(model(x), before)


@pytest.mark.parametrize("options", [{}, {"channel_dim": -1}])
def test_layers_in_front_of_features_are_halved(options: dict[str, Any]) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    swap(model, "crelu", example=SHAPE, halve=True, **options)
    assert model[0].out_features == 4
    assert model(torch.randn(3, 9, 6)).shape == (3, 9, 2)


def test_halving_obeys_the_user_too() -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    plan = plan_swap(model, "crelu", example=SHAPE, halve=True, channel_dim=1)
    assert [left.reason for left in plan.left] == ["0 (Linear) does not make the channels in dimension 1"]


FUNCTIONS = ["pvlu", "prelu", "arelu", "adarelu", "elsa", "slaf", "apl", "pau", "comb"]


@pytest.mark.parametrize("to", FUNCTIONS)
def test_features_have_parameters_of_their_own_at_any_length(to: str, tmp_path: Any) -> None:
    model = Tokens()
    swap(model, to, example=SHAPE, share="channel")
    for shape in (SHAPE, (1, 1, 6), (4, 13, 6)):
        y = model(torch.randn(shape))
        assert y.shape == (*shape[:2], 2)
        y.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    save(model, tmp_path)
    x = torch.randn(3, 4, 6)
    assert torch.equal(load(tmp_path, Tokens)(x), model(x))


def test_images_without_a_batch_keep_their_channels_in_a_batch() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    report = swap(model, "pvlu", example=torch.randn(3, 5, 5), share="channel")
    assert report.check.identical
    assert (tuple(model[1].alpha.shape), model[1].channel_dim) == ((4,), -3)
    assert model(torch.randn(2, 3, 6, 6)).shape == (2, 2, 6, 6)


def test_a_vector_of_features() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    assert swap(model, "pvlu", example=torch.randn(3)).check.identical
    assert (tuple(model[1].alpha.shape), model[1].channel_dim) == ((4,), -1)
    assert model(torch.randn(2, 3)).shape == (2, 4)


class Twice(nn.Module):
    """One ReLU for values of two kinds."""

    def __init__(self, *, mean: bool) -> None:
        super().__init__()
        self.mean, self.act = mean, nn.ReLU()
        self.inner: nn.Module = nn.Linear(6, 8) if mean else nn.Conv1d(6, 8, 1)
        self.outer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.inner(x if self.mean else x.mT))
        out: Tensor = self.act(self.outer(y.mean(1) if self.mean else y.mT))
        return out


def test_calls_share_parameters_of_channels_in_the_same_dimension() -> None:
    model = Twice(mean=True)
    report = swap(model, "pvlu", example=(2, 8, 6), share_calls=True)
    assert report.check.identical
    assert model.act.channel_dim == -1
    assert model(torch.randn(3, 5, 6)).shape == (3, 8)


def test_calls_with_channels_in_other_dimensions_do_not_share_them() -> None:
    # As many tokens as channels: nothing else would notice.
    model = Twice(mean=False)
    plan = plan_swap(model, "pvlu", example=(2, 8, 6), share_calls=True)
    assert [change.site for change in plan.changes] == ["act#1"]
    assert [left.reason for left in plan.left] == [
        "it has 8 channels in dimension -1 and act#1 has 8 in dimension 1, so that share_calls=True cannot share them"
    ]
    assert len(plan_swap(model, "pvlu", example=(2, 8, 6)).changes) == 2
    assert len(plan_swap(model, "arelu", example=(2, 8, 6), share_calls=True).changes) == 2


class Holder(nn.Module):
    """Calls a layer, and an activation that it did not make itself."""

    def __init__(self, layer: nn.Module, act: nn.Module) -> None:
        super().__init__()
        self.layer, self.act = layer, act

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(self.layer(x))
        return out


@pytest.mark.parametrize("reused", [False, True])
def test_calls_share_parameters_of_channels_behind_convolutions_and_rows(reused: bool) -> None:
    act, pool = nn.ReLU(), (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    layers = nn.Conv2d(3, 4, 1), nn.Linear(4, 4)
    if reused:
        model = nn.Sequential(layers[0], act, *pool, layers[1], act)
    else:
        model = nn.Sequential(Holder(layers[0], act), *pool, Holder(layers[1], act))
    report = swap(model, "pvlu", example=(2, 3, 5, 5), share_calls=True)
    assert len(report.plan.changes) == 2
    assert report.check.identical
    assert sum("alpha" in name for name, _ in model.named_parameters()) == 1
    assert model(torch.randn(3, 3, 6, 6)).shape == (3, 4)


def rows() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


@pytest.mark.parametrize("to", ["pvlu", "crelu", "adarelu"])
def test_features_are_channels_whatever_is_in_front_of_them(to: str) -> None:
    model = rows()
    swap(model, to, example=(2, 4))
    with torch.no_grad():
        for parameter in model[1].parameters():
            parameter.copy_(torch.arange(8.0) / 10)
    for shape in ((4,), (2, 5, 4), (2, 8, 4), (2, 3, 8, 4)):
        x = torch.randn(shape)
        torch.testing.assert_close(model(x), model(x.reshape(-1, 4)).reshape(*shape[:-1], 3))


def test_a_swapped_model_of_rows_takes_single_examples_under_vmap() -> None:
    model, x = rows(), torch.randn(5, 4)
    swap(model, "pvlu", example=x)
    parameters = dict(model.named_parameters())

    def loss(parameters: dict[str, Tensor], row: Tensor) -> Tensor:
        return torch.func.functional_call(model, parameters, (row,)).sum()

    grads = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(parameters, x)
    assert grads["1.alpha"].shape == (5, 8)


@pytest.mark.parametrize("halve", [False, True])
def test_calls_with_channels_in_other_dimensions_are_not_doubled_together(halve: bool) -> None:
    plan = plan_swap(Twice(mean=False), "crelu", example=(2, 8, 6), share_calls=True, halve=halve)
    (left,) = [left for left in plan.left if left.site == "act#2"]
    assert "so that share_calls=True cannot share them" in left.reason


class Pyramid(nn.Module):
    """A detector's head: the same layers on every resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.act = nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU()), nn.ReLU()

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.act(self.head(x[..., ::step])) for step in (1, 2, 4)]


def test_calls_on_several_shapes_share_no_parameters_for_each_element() -> None:
    model = Pyramid()
    plan = plan_swap(model, "apl", example=(1, 2, 8, 8))
    # The head is one module with one activation; the model calls the other three times, each with its own parameters.
    assert [change.site for change in plan.changes] == ["act#1", "act#2", "act#3"]
    (left,) = plan.left
    assert left.site == "head.1"
    assert left.reason == (
        "it is called on values of shape 1×2×8×8 and of 1×2×8×2 and 1×2×8×4, which cannot share parameters for each "
        "element; give share='channel' or share='layer'"
    )
    shared = plan_swap(model, "apl", example=(1, 2, 8, 8), share_calls=True)
    assert not shared.changes
    assert len(shared.left) == 4
    for share in ("channel", "layer"):
        report = swap(model, "apl", example=(1, 2, 8, 8), share=share)
        assert len(report.plan.changes) == 4
        report.revert()


def test_calls_with_unequal_channels_share_no_parameters_for_each_channel() -> None:
    class Unequal(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.Sequential(nn.ReLU())
            self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.block(self.second(self.block(self.first(x))))
            return out

    with pytest.raises(NothingToSwapError, match=r"of shape 3×6 and of 3×2, .* for each channel; give share='layer'"):
        swap(Unequal(), "pvlu", example=(3, 4))
    assert len(swap(Unequal(), "pvlu", example=(3, 4), share="layer").plan.changes) == 1
