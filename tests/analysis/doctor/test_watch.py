"""Watching a training: its bits stay, and what fell silent is told."""

from __future__ import annotations

import copy
import json
import math
import pickle

import pytest
import torch
from torch import Tensor, nn

import rectifiers
from rectifiers.analysis import Watch
from rectifiers.core.errors import ConfigError, UnsupportedError

from ..models import Scoring


def steps(net: nn.Module, count: int) -> list[Tensor]:
    """A few steps of a training that draws random numbers, and its weights."""
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for _ in range(count):
        optimizer.zero_grad()
        net(torch.randn(8, 3, 6, 6)).square().mean().backward()
        optimizer.step()
    return [tensor.clone() for tensor in net.state_dict().values()]


def test_a_watched_training_keeps_its_bits() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        nn.RReLU(),
        rectifiers.RReLU(),
        nn.Conv2d(4, 4, 1),
        rectifiers.AReLU(),
    )
    twin = copy.deepcopy(net)
    with Watch(net, every=2) as watch:
        watched = steps(net, 5)
    assert all(map(torch.equal, watched, steps(twin, 5)))
    assert watch.history.steps == (0, 2, 4)
    assert [site.kind for site in watch.history.sites] == ["relu", "rrelu", "rrelu", "arelu"]


def test_when_units_fell_silent() -> None:
    net = nn.Sequential(nn.Linear(1, 3), nn.ReLU())
    with torch.no_grad():
        net[0].weight.zero_()
    with Watch(net, every=1) as watch:
        for biases in ([1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [1.0, -1.0, 1.0], [1.0, -1.0, -1.0]):
            with torch.no_grad():
                net[0].bias.copy_(torch.tensor(biases))
            net(torch.zeros(4, 1))
    (site,) = watch.history.sites
    assert site.silent == pytest.approx((0, 2 / 3, 1 / 3, 2 / 3))
    assert site.off == pytest.approx(site.silent)
    assert site.mean == pytest.approx((1, -1 / 3, 1 / 3, -1 / 3))
    assert site.std[0] == 0
    assert site.died == (None, 1, 3)
    assert "2 of 3 units silent at the end; the first from step 1, half of them by step 1, the last by step 3" in str(
        watch.history
    )


def test_a_reused_site_is_on_if_any_of_its_runs_is() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Identity(), nn.ReLU())

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x) + self.inner(-x)

    net = Twice()
    with Watch(net) as watch:
        net(torch.ones(2, 1))
    assert [(site.name, site.silent) for site in watch.history.sites] == [("inner.1", (0.0,))]


def test_parameters_over_time() -> None:
    net = nn.Sequential(nn.Identity(), rectifiers.AReLU(alpha=0.5), rectifiers.AdaReLU(channels=2))
    with Watch(net, every=1) as watch:
        for alpha in (0.5, 0.25):
            net[1].alpha.data.fill_(alpha)
            net(torch.randn(2, 2))
    assert watch.history.parameters == {"1.alpha": (0.5, 0.25), "1.beta": (2.0, 2.0), "2.theta": (0.0, 0.0)}


def test_evaluation_does_not_count_and_closing_ends_it() -> None:
    net = nn.Sequential(nn.Identity(), nn.ReLU())
    watch = Watch(net, every=2)
    for training in (False, True, False, True, True):
        net.train(training)(torch.ones(1, 1))
    watch.close()
    net(torch.ones(1, 1))
    assert watch.history.steps == (0, 2)
    assert not net._forward_hooks
    assert not net._forward_pre_hooks


def test_copies_are_not_watched() -> None:
    net, x = nn.Sequential(nn.Linear(2, 3), nn.ReLU()), torch.randn(4, 2)
    with Watch(net, every=1) as watch:
        net(x)
        for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
            hooks = (*twin._forward_pre_hooks.values(), *twin._forward_hooks.values())
            assert not any(hook.function for hook in hooks)
            twin(x)
    assert watch.history.steps == (0,)


def test_a_forward_pass_that_fails_ends_its_watching() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    with Watch(net, every=1) as watch:
        net(torch.ones(1, 2))
        with pytest.raises(RuntimeError):
            net(torch.ones(1, 3))
        net(torch.ones(1, 2))
    assert watch.history.steps == (0, 1, 2)
    assert torch.isnan(torch.tensor(watch.history.sites[0].off)).tolist() == [False, True, False]


def test_forms() -> None:
    net = nn.Sequential(nn.Identity(), nn.ReLU())
    with Watch(net, every=1) as watch:
        assert "not called in training mode" in str(watch.history)
        net(torch.tensor([[-1.0], [1.0]]))
    assert "No unit is silent" in str(watch.history)
    assert json.loads(watch.history.to_json())["sites"][0]["off"] == [0.5]
    assert watch.history.to_csv().splitlines()[1] == "0,1,relu,1,0.0,0.5,0.0,1.0,0.0"


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="every must be a whole number"):
        Watch(nn.ReLU(), every=0)
    with pytest.raises(UnsupportedError, match=r"expected an nn.Module"):
        Watch("net")  # type: ignore[arg-type]


def test_dormant_units_ranks_and_lengths() -> None:
    net = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0], [0.001]]))
        net[2].weight.copy_(torch.tensor([[2.0, 0.0]]))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
    with Watch(net, every=2, ranks=True) as watch:
        for value in (1.0, 5.0, 3.0):
            optimizer.zero_grad()
            net(torch.full((4, 1), value)).sum().backward()
            optimizer.step()
    history = watch.history
    (site,) = history.sites
    assert (site.silent, site.dormant) == ((0.0, 0.0), (0.5, 0.5))
    assert site.effective_rank == pytest.approx((1.0, 1.0))
    assert site.stable_rank == pytest.approx((1.0, 1.0))
    assert history.weight_norm == pytest.approx((5**0.5, 5**0.5), rel=1e-5)
    # Of the loss Σ w·relu(v·x) over 4 examples: 4·2·x and 0 with respect to v, 4·x and 0.004·x with respect to w.
    assert history.gradient_norm == pytest.approx((80**0.5, 3 * 80**0.5), rel=1e-5)
    assert history.to_csv().splitlines()[0].endswith("dormant,effective_rank,stable_rank")


def test_no_backward_pass_has_no_length() -> None:
    net = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
    with Watch(net, every=1) as watch:
        net(torch.ones(1, 1))
    assert math.isnan(watch.history.gradient_norm[0])
    assert watch.history.sites[0].effective_rank == ()
    assert not any(parameter._post_accumulate_grad_hooks for parameter in net.parameters())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_lengths_in_all_dtypes(dtype: torch.dtype) -> None:
    net = nn.Sequential(nn.Linear(300, 400), nn.ReLU(), nn.Linear(400, 1)).to(dtype)
    with Watch(net, every=1) as watch:
        net(torch.randn(5, 300, dtype=dtype)).sum().backward()
    for found, tensors in (
        (watch.history.weight_norm, list(net.parameters())),
        (watch.history.gradient_norm, [one.grad for one in net.parameters() if one.grad is not None]),
    ):
        expected = math.sqrt(sum(float(one.detach().double().square().sum()) for one in tensors))
        assert found == pytest.approx((expected,), rel=1e-4)


def test_lengths_beyond_the_largest_number_of_half_precision() -> None:
    net = nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU())
    net[0].weight.data.fill_(6e4)
    with Watch(net.half(), every=1) as watch:
        net(torch.zeros(1, 4).half())
    assert watch.history.weight_norm == pytest.approx((2.4e5,), rel=1e-3)


class Bank(nn.Module):
    """A table with sparse gradients, and a complex filter."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.act = nn.Embedding(5, 4, sparse=True), nn.ReLU()
        self.filter = nn.Parameter(torch.randn(4, dtype=torch.complex64))

    def forward(self, index: Tensor) -> Tensor:
        y: Tensor = self.act(torch.fft.ifft(torch.fft.fft(self.table(index)) * self.filter).real)
        return y


def test_lengths_of_sparse_gradients_and_of_complex_parameters() -> None:
    net, index = Bank(), torch.tensor([1, 2, 2])
    with Watch(net, every=1) as watch:
        net(index).sum().backward()
    assert net.table.weight.grad is not None
    assert net.filter.grad is not None
    parts = (net.table.weight, net.filter), (net.table.weight.grad.to_dense(), net.filter.grad)
    expected = [math.hypot(*(float(one.detach().abs().norm()) for one in both)) for both in parts]
    assert watch.history.weight_norm == pytest.approx((expected[0],))
    assert watch.history.gradient_norm == pytest.approx((expected[1],))
    found = rectifiers.diagnose(net, [index], loss=lambda outputs, batch: outputs.sum())
    assert (found.weight_norm, found.gradient_norm) == pytest.approx(tuple(expected))


class Skipping(nn.Module):
    """Leaves its activation out of some calls, as stochastic depth does."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.act, self.skips = nn.Linear(1, 2), nn.ReLU(), False
        self.layer.weight.data.zero_()

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(x)
        return x if self.skips else self.act(x)


def test_units_of_a_site_that_is_left_out_have_not_died() -> None:
    net = Skipping()
    with Watch(net, every=1) as watch:
        for skips, bias in ((False, 1.0), (True, 1.0), (False, -1.0), (True, -1.0)):
            net.skips = skips
            net.layer.bias.data.copy_(torch.tensor([1.0, bias]))
            net(torch.ones(3, 1))
    assert watch.history.sites[0].died == (None, 2)


def test_units_of_which_there_are_more_or_fewer_are_one() -> None:
    net = Scoring()
    with Watch(net, every=1, ranks=True) as watch:
        for steps in (5, 7, 5):
            net(torch.randn(3, steps, 1))
    block, score = watch.history.sites
    assert (block.name, block.units, block.silent, block.died) == ("block.0", 1, (0.0,) * 3, (None,))
    assert (score.name, score.units, score.died) == (":sigmoid", 1, (None,))
