"""The doctor's numbers on units whose health is known."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rectifiers
from rectifiers import activations, kernels
from rectifiers.analysis.doctor.diagnosis import SiteHealth
from rectifiers.core.errors import ConfigError, DataError, UnsupportedError
from rectifiers.surgery import swap

from ..models import Scoring

VALUES = torch.arange(1.0, 201.0)[:, None]
"""One input, 1 to 200."""


def shifted(*biases: float) -> nn.Sequential:
    """A net whose pre-activations are its input plus these biases."""
    net = nn.Sequential(nn.Linear(1, len(biases)), nn.ReLU(), nn.Linear(len(biases), 2))
    with torch.no_grad():
        net[0].weight.fill_(1.0)
        net[0].bias.copy_(torch.tensor(biases))
    return net


def only(model: nn.Module, loader: Any, **options: Any) -> SiteHealth:
    (site,) = rectifiers.diagnose(model, loader, **options).sites
    return site


def test_units_of_known_health() -> None:
    """Dead, on for 1 of 200, on for half, always on."""
    site = only(shifted(-200, -199, -100, 0), VALUES.split(64))
    assert (site.units, site.values, site.not_finite) == (4, 800, 0)
    assert (site.dead, site.nearly_dead, site.always_on) == (0.25, 0.25, 0.25)
    assert site.dead_units == (0,)
    assert site.never_above == (0,)
    assert site.off == (200 + 199 + 100) / 800
    assert site.sparsity == pytest.approx((200 + 199 + 100) / 800)
    assert (site.sparsity_low, site.sparsity_high) == (0.25, 0.75)
    assert (site.slope_low, site.slope_high) == (0, 1)


def test_moments_of_pre_activations() -> None:
    site = only(shifted(-3, 10), VALUES.split(7))
    assert site.unit_means == pytest.approx((97.5, 110.5))
    assert site.unit_variances == pytest.approx((3333.25, 3333.25))
    assert site.mean == pytest.approx(104.0)
    assert site.variance == pytest.approx(3333.25 + 42.25)


def test_a_unit_of_a_convolution_is_a_channel() -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU())
    with torch.no_grad():
        net[0].weight.fill_(1.0)
        net[0].bias.copy_(torch.tensor([-10.0, 0.0, 10.0]))
    site = only(net, [torch.tensor([-1.0, 2.0, -3.0, 4.0]).reshape(1, 1, 2, 2)])
    assert (site.units, site.values) == (3, 12)
    assert (site.dead, site.always_on) == (1 / 3, 1 / 3)
    assert site.off == 0.5


def test_the_last_dimension_of_tokens_holds_the_units() -> None:
    net = nn.Sequential(nn.Linear(2, 5), nn.GELU(), nn.Linear(5, 2))
    assert only(net, [torch.randn(3, 7, 2)]).units == 5


def test_tokens_are_no_units_after_a_batch_of_rows() -> None:
    # As many tokens as units: nothing else would notice.
    net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].bias.copy_(torch.tensor([-1.0] * 4 + [1.0] * 4))
    site = only(net, [torch.randn(16, 2), torch.randn(2, 8, 2)])
    assert (site.units, site.dead, site.always_on) == (8, 0.5, 0.5)


def test_gradient_norms_are_those_of_autograd() -> None:
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 4))
    batches = [(torch.randn(6, 3), torch.randint(4, (6,))) for _ in range(3)]
    before, behind = [], []
    for inputs, labels in batches:
        x = net[0](inputs)
        y = F.relu(x)
        g_x, g_y = torch.autograd.grad(F.cross_entropy(net[2](y), labels), (x, y))
        before.append(float(g_x.double().norm() ** 2))
        behind.append(float(g_y.double().norm() ** 2))
    diagnosis = rectifiers.diagnose(net, batches)
    assert diagnosis.loss == "mean cross-entropy of the labels"
    (site,) = diagnosis.sites
    assert site.gradient_in == pytest.approx(math.sqrt(sum(before) / 3), rel=1e-5)
    assert site.gradient_out == pytest.approx(math.sqrt(sum(behind) / 3), rel=1e-5)
    assert site.gain == pytest.approx(math.sqrt(sum(before) / sum(behind)), rel=1e-5)


def test_a_gradient_that_never_comes_is_seen_unit_by_unit() -> None:
    net = shifted(0, 0, -500)
    with torch.no_grad():
        net[2].weight[:, 1] = 0
    assert only(net, [VALUES]).no_gradient == pytest.approx(2 / 3)


class Mixed(nn.Module):
    """A reused in-place module, two functions, and a branch."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(4, 4, 3, padding=1) for _ in range(3))
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.first(x))
        x = x + F.relu(self.second(x), inplace=True)
        x = self.act(self.third(x))
        return torch.relu(x.mean((2, 3)) - 0.1)


def figures(site: SiteHealth) -> tuple[float, ...]:
    return (site.units, site.values, site.dead, site.nearly_dead, site.always_on, site.off, site.mean, site.variance)


def test_functions_reused_and_inplace_sites() -> None:
    net, batch = Mixed(), torch.randn(5, 4, 6, 6)
    diagnosis = rectifiers.diagnose(net, [batch, batch])
    assert [site.name for site in diagnosis.sites] == ["act#1", ":relu#1", "act#2", ":relu#2"]
    with torch.no_grad():
        one = net.first(batch)
        two = net.second(one.relu())
        three = net.third(one.relu() + two.relu())
        four = three.relu().mean((2, 3)) - 0.1
    for site, x in zip(diagnosis.sites, (one, two, three, four), strict=True):
        assert site.values == 2 * x.numel()
        assert site.mean == pytest.approx(float(x.double().mean()), abs=1e-6)
        assert site.off == pytest.approx(float((x <= 0).double().mean()))
        assert site.gradient_in is not None


def test_a_swap_that_keeps_the_outputs_keeps_the_figures() -> None:
    net, batch = Mixed(), torch.randn(5, 4, 6, 6)
    before = rectifiers.diagnose(net, [batch])
    swap(net, "pvlu", example=batch, where=[0, 1, 3])
    after = rectifiers.diagnose(net, [batch])
    assert [site.kind for site in after.sites] == ["pvlu", "pvlu", "relu", "pvlu"]
    for old, new in zip(before.sites, after.sites, strict=True):
        assert figures(new) == pytest.approx(figures(old))
        assert new.gradient_out == pytest.approx(old.gradient_out)


@pytest.mark.parametrize("name", activations.registry.names())
def test_every_function_of_this_library_is_a_site(name: str) -> None:
    channels = 4
    act = activations.registry.get(name)
    module = act(channels, channels, 1) if name.startswith("convrelu") else act()
    if act.spec.ranks[1] is not None and act.spec.ranks[1] < 4:
        batch = torch.randn(6, 3, 5)
        net: nn.Module = nn.Sequential(nn.Conv1d(3, channels, 1), module)
    elif name == "convrelu3d":
        batch = torch.randn(6, 3, 5, 2, 2)
        net = nn.Sequential(nn.Conv3d(3, channels, 1), module)
    else:
        batch = torch.randn(6, 3, 5, 5)
        net = nn.Sequential(nn.Conv2d(3, channels, 1), module)
    with torch.no_grad():
        net(batch)
    site = only(net, [batch])
    assert (site.name, site.kind, site.units) == ("1", name, channels)
    assert math.isfinite(site.slope_low)
    assert site.gradient_out is not None
    assert (site.curve is not None) == (act.spec.kind == "elementwise")


@pytest.mark.parametrize("provider", ["auto", "reference"])
def test_crelu_is_judged_by_both_its_halves(provider: str) -> None:
    """Composed of PyTorch's operations, it holds a ReLU, which is no site of its own."""
    net = nn.Sequential(nn.Linear(1, 2), rectifiers.CReLU(), nn.Linear(4, 1))
    with torch.no_grad():
        net[0].weight.fill_(1.0)
        net[0].bias.copy_(torch.tensor([-500.0, -100.0]))
    with kernels.using(provider):
        assert not rectifiers.find_sites(net, VALUES[:2])
        site = only(net, [VALUES])
    assert (site.dead, site.always_on) == (0, 0.5)
    assert site.sparsity == pytest.approx(0.5 + 1 / 800)


def test_convrelu_is_dead_where_no_input_passes_its_thresholds() -> None:
    net = nn.Sequential(nn.Conv1d(1, 2, 1), rectifiers.ConvReLU1d(2, 3, 1))
    with torch.no_grad():
        net[0].weight.fill_(1.0)
        net[0].bias.zero_()
        net[1].threshold.copy_(torch.tensor([[1000.0], [100.0]]))
    site = only(net, [VALUES[None, :, 0:1].movedim(1, 2)])
    assert (site.dead_units, site.off) == ((0,), 0.75)


def test_saturation_of_bounded_functions() -> None:
    values = torch.tensor([-9.0, -1.0, 0.5, 9.0])[:, None]
    assert only(nn.Sequential(nn.Identity(), nn.Tanh()), [values]).saturated == 0.5
    assert only(nn.Sequential(nn.Identity(), nn.ReLU6()), [values]).saturated == 0.25
    assert only(nn.Sequential(nn.Identity(), nn.ReLU()), [values]).saturated is None


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (rectifiers.AReLU(alpha=1.5), "alpha"),
        (rectifiers.ELSA(alpha=-0.5), "alpha"),
        (rectifiers.PVLU(alpha=2.0, beta=1.0, channels=1), "alpha·beta"),
    ],
)
def test_parameters_at_their_bounds(module: nn.Module, name: str) -> None:
    diagnosis = rectifiers.diagnose(nn.Sequential(nn.Identity(), module), [torch.randn(8, 1)])
    assert [(bound.name, bound.share) for bound in diagnosis.sites[0].bounds] == [(name, 1.0)]
    assert any(name in finding.what for finding in diagnosis.findings)


def test_parameters_inside_their_bounds() -> None:
    for module in (rectifiers.AReLU(alpha=0.01), rectifiers.PVLU(alpha=1.0, beta=-1.0, channels=1)):
        assert only(nn.Sequential(nn.Identity(), module), [torch.randn(8, 1)]).bounds == ()


def test_a_rational_that_has_become_steep() -> None:
    module = rectifiers.PAU()
    with torch.no_grad():
        module.numerator[1] = 50.0
    diagnosis = rectifiers.diagnose(nn.Sequential(nn.Identity(), module), [torch.randn(64, 1)])
    assert any("steep" in finding.what for finding in diagnosis.findings)


def test_the_model_is_left_as_it_was() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(), nn.ReLU(inplace=True), nn.Flatten())
    net[1].eval()
    net[0].weight.grad = torch.ones_like(net[0].weight)
    before, state = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    batch = torch.randn(4, 1, 5, 5, generator=torch.Generator().manual_seed(1))
    kept = batch.clone()
    rectifiers.diagnose(net, [batch])
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in before.items())
    assert [module.training for module in net] == [True, False, True, True, True]
    assert torch.equal(net[0].weight.grad, torch.ones_like(net[0].weight))
    assert net[0].bias.grad is None
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(batch, kept)
    assert not batch.requires_grad
    assert not net._forward_hooks
    assert not net._forward_pre_hooks


def test_frozen_layers_have_gradients_too() -> None:
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(inplace=True), nn.Linear(4, 2)).requires_grad_(False)
    assert only(net, [torch.randn(8, 2)]).gradient_out


def test_without_gradients() -> None:
    diagnosis = rectifiers.diagnose(shifted(0), [VALUES], gradients=False)
    assert diagnosis.loss == ""
    assert diagnosis.sites[0].gain is None
    assert diagnosis.sites[0].no_gradient is None


def test_nan_is_reported_and_not_passed_on() -> None:
    batch = torch.cat([VALUES, torch.tensor([[math.nan], [math.inf]])])
    diagnosis = rectifiers.diagnose(shifted(-200, 0), [batch])
    (site,) = diagnosis.sites
    assert site.not_finite == 4
    assert (site.values, site.dead_units) == (400, (0,))
    assert site.unit_means == pytest.approx((-99.5, 100.5))
    assert "NaN" in diagnosis.findings[0].what
    json.loads(diagnosis.to_json())


def test_half_precision() -> None:
    diagnosis = rectifiers.diagnose(shifted(-200, 0).to(torch.bfloat16), [(VALUES, torch.zeros(200, dtype=torch.long))])
    assert diagnosis.sites[0].dead_units == (0,)
    assert any("half precision" in note for note in diagnosis.notes)


class Asks(nn.Module):
    """Needs a mask, and takes a scale by keyword alone."""

    def __init__(self) -> None:
        super().__init__()
        self.act, self.weight = nn.ReLU(), nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor, mask: Tensor, *, scale: Tensor | None = None) -> Tensor:
        return self.act(x * mask * self.weight) * (1 if scale is None else scale)


X, MASK, LABELS = torch.ones(6, 3), torch.ones(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
ENTROPY, SUM = "mean cross-entropy of the labels", "sum of the outputs"


@pytest.mark.parametrize(
    ("batch", "loss"),
    [
        ((X, MASK), SUM),
        ([X, MASK, LABELS], ENTROPY),
        ({"x": X, "mask": MASK}, SUM),
        ({"x": X, "mask": MASK, "scale": X, "labels": LABELS, "path": ["a"] * 6}, ENTROPY),
    ],
)
def test_batches_of_a_model_of_several_arguments(batch: Any, loss: str) -> None:
    diagnosis = rectifiers.diagnose(Asks(), [batch])
    assert (diagnosis.samples, diagnosis.sites[0].values, diagnosis.loss) == (6, 18, loss)


@pytest.mark.parametrize(
    ("batch", "loss"),
    [
        (X, SUM),
        ((X,), SUM),
        ((X, LABELS), ENTROPY),
        ((X, LABELS, ["a"] * 6), ENTROPY),
        ((X, LABELS + 1), SUM),
        ((X, torch.rand(6)), SUM),
        ({"image": X, "label": LABELS}, ENTROPY),
    ],
)
def test_batches_of_a_model_of_one_argument(batch: Any, loss: str) -> None:
    assert rectifiers.diagnose(nn.Sequential(nn.ReLU()), [batch]).loss == loss


def test_a_call_and_a_loss_of_ones_own() -> None:
    def call(model: nn.Module, batch: Any) -> Tensor:
        answer: Tensor = model(batch["deep"]["x"], mask=MASK)
        return answer

    loss = lambda outputs, batch: (outputs - batch["deep"]["x"]).square().mean()  # noqa: E731
    diagnosis = rectifiers.diagnose(Asks(), [{"deep": {"x": X}}], call=call, loss=loss)
    assert diagnosis.loss == "the loss given"
    assert diagnosis.sites[0].values == 18


def test_a_loss_that_the_model_returns() -> None:
    class Own(nn.Module):
        def forward(self, x: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
            y = torch.relu(x)
            return {"logits": y, "loss": y.sum()}

    assert rectifiers.diagnose(Own(), [{"x": X}]).loss == "the model's own loss"


@pytest.mark.parametrize(
    ("model", "loader", "options", "error", "message"),
    [
        (nn.Linear(3, 2), [X], {}, ConfigError, "calls no activation"),
        (nn.Sequential(nn.ReLU()), [], {}, DataError, "no batch"),
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU()), [X], {}, ConfigError, "batch 1 of shape 6×3: RuntimeError"),
        (nn.Sequential(nn.ReLU()), X, {}, ConfigError, r"give \[batch\]"),
        (nn.Sequential(nn.ReLU()), 3, {}, ConfigError, "expected a loader, an iterable of batches, got int"),
        (nn.Sequential(nn.ReLU()), ["a"], {}, ConfigError, "batch 1 is of type str; expected a tensor"),
        (nn.Sequential(nn.ReLU()), [X], {"batches": 0}, ConfigError, "batches must be at least 1"),
        (nn.Sequential(nn.ReLU()), [{"a": X, "b": X}], {}, ConfigError, "takes input, but a batch has a, b"),
        (nn.Sequential(nn.ReLU()), [X], {"loss": lambda y, batch: y}, ConfigError, "one number as a tensor, got shape"),
        (nn.Sequential(nn.ReLU()), [X], {"loss": lambda y, batch: 1.0}, ConfigError, "got float"),
        (nn.Sequential(nn.ReLU()), [X], {"call": lambda model, batch: batch}, ConfigError, "does not call Sequential"),
        ("net", [X], {}, UnsupportedError, "expected an nn.Module, got str"),
        (nn.Sequential(nn.LazyLinear(2), nn.ReLU()), [X], {}, UnsupportedError, "is lazy"),
    ],
)
def test_refusals(model: Any, loader: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        rectifiers.diagnose(model, loader, **options)


def test_a_backward_pass_that_fails() -> None:
    class Overwrites(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = x.exp()
            return y.relu_() + y.add_(1)

    net, batch = nn.Sequential(nn.Linear(3, 3), Overwrites()), torch.randn(2, 3)
    with pytest.raises(ConfigError, match="no gradient on batch 1"):
        rectifiers.diagnose(net, [batch])
    assert only(net, [batch], gradients=False).always_on == 1


def test_a_generator_is_gone_through_once() -> None:
    batches = (part for part in VALUES.split(50))
    diagnosis = rectifiers.diagnose(shifted(0), batches, batches=3)
    assert (diagnosis.batches, diagnosis.samples) == (3, 150)
    assert len(list(batches)) == 1


def test_calls_that_the_first_batch_did_not_show() -> None:
    class Sometimes(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = F.relu(x)
            return F.relu(y) if float(x.detach().sum()) > 0 else y

    diagnosis = rectifiers.diagnose(Sometimes(), [-X, X])
    assert len(diagnosis.sites) == 1
    assert diagnosis.sites[0].values == 36
    assert "Sometimes (1)" in diagnosis.notes[0]


def test_forms() -> None:
    diagnosis = rectifiers.diagnose(shifted(-200, -199, -100, 0), [VALUES])
    document = json.loads(diagnosis.to_json())
    assert document["sites"][0]["dead"] == 0.25
    assert document["findings"][0]["python"].startswith("rectifiers.surgery.swap(model, 'arelu'")
    heading, row = diagnosis.to_csv().splitlines()
    assert dict(zip(heading.split(","), row.split(","), strict=True))["always_on"] == "0.25"
    text = str(diagnosis)
    assert "Sequential: 1 activation site, 200 samples" in text
    assert "problem: 1 of 4 units at 1 (25 %) are dead" in text


def test_a_healthy_model_is_said_to_be_healthy() -> None:
    batch = torch.cat([VALUES, -VALUES])
    assert "Nothing is wrong: few units are dead or always on, and the gradient passes." in str(
        rectifiers.diagnose(shifted(0, 1), [batch])
    )
    assert "gradients were not looked at" in str(rectifiers.diagnose(shifted(0, 1), [batch], gradients=False))


def test_a_model_without_gradients_is_not_said_to_pass_them() -> None:
    class Predicts(nn.Sequential):
        @torch.inference_mode()
        def forward(self, input: Tensor) -> Tensor:
            output: Tensor = super().forward(input)
            return output

    found = rectifiers.diagnose(Predicts(*shifted(0, 1)), [torch.cat([VALUES, -VALUES])])
    assert "gradients were not looked at" in str(found)
    assert found.notes[0].startswith("there are no gradients: what the model returns has none")


def test_memory_does_not_grow_with_the_batches() -> None:
    """Of a batch, nothing is kept once the next one is asked for."""
    alive = weakref.WeakSet[Tensor]()

    class Marks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            alive.add(x)
            y = F.relu(x)
            alive.add(y)
            return y

    counts = []

    def loader() -> Iterator[Tensor]:
        for _ in range(5):
            counts.append(len(alive))
            yield torch.randn(4, 3)

    rectifiers.diagnose(nn.Sequential(nn.Linear(3, 3), Marks(), nn.ReLU()), loader())
    assert max(counts[1:]) == counts[1]


def test_element_wise_parameters_have_a_curve() -> None:
    module = rectifiers.PReLU(share="element", channels=(3, 2))
    curve = only(nn.Sequential(nn.Identity(), module), [torch.randn(8, 3, 2)]).curve
    assert curve is not None
    assert curve.mean == pytest.approx(curve.low)


class Language(nn.Module):
    """A model of Hugging Face's kind: computes its own loss if it gets labels, and may need them to run."""

    def __init__(self, needs_labels: bool) -> None:
        super().__init__()
        self.embed, self.linear, self.act, self.head = nn.Embedding(9, 4), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 9)
        self.needs_labels = needs_labels

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        if labels is None and self.needs_labels:
            raise ValueError("give decoder_input_ids or labels")
        logits = self.head(self.act(self.linear(self.embed(input_ids))))
        if labels is None:
            return {"logits": logits}
        return {"loss": F.cross_entropy(logits.flatten(0, 1), labels.flatten()), "logits": logits}


@pytest.mark.parametrize("needs_labels", [False, True])
def test_labels_go_to_models_that_name_them(needs_labels: bool) -> None:
    ids = torch.randint(0, 9, (2, 7))
    assert rectifiers.diagnose(Language(needs_labels), [{"input_ids": ids, "labels": ids}]).loss == (
        "the model's own loss"
    )


def test_labels_do_not_go_to_models_that_take_anything() -> None:
    class Open(Language):
        def forward(self, input_ids: Tensor, **others: Any) -> dict[str, Tensor]:  # type: ignore[override]
            assert not others
            return super().forward(input_ids)

    ids = torch.randint(0, 9, (2, 7))
    assert rectifiers.diagnose(Open(False), [{"input_ids": ids, "labels": ids}]).loss == "sum of the outputs"


def test_a_site_that_gets_no_values() -> None:
    """As the head of a detector on images in which it finds nothing."""

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.score, self.box = nn.Linear(2, 4), nn.Linear(4, 3), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            h = torch.relu(self.inner(x))
            return self.score(h), torch.sigmoid(self.box(h[h.sum(-1) > math.inf]))

    diagnosis = rectifiers.diagnose(Head(), [torch.randn(5, 2)])
    assert [site.values for site in diagnosis.sites] == [20, 0]
    assert diagnosis.sites[1].no_gradient == 1
    assert json.loads(diagnosis.to_json())["sites"][1]["mean"] is None


def test_dormant_units_ranks_and_lengths() -> None:
    net = nn.Sequential(nn.Linear(1, 3, bias=False), nn.ReLU(), nn.Linear(3, 1, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0], [0.001], [-1.0]]))
        net[2].weight.copy_(torch.tensor([[2.0, 0.0, 0.0]]))
    data = [torch.full((4, 1), value) for value in (1.0, 3.0)]
    found = rectifiers.diagnose(net, data, ranks=True)
    (site,) = found.sites
    assert (site.dead, site.dormant) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert site.effective_rank == pytest.approx(1.0)
    assert site.stable_rank == pytest.approx(1.0)
    assert found.weight_norm == pytest.approx(6**0.5, rel=1e-5)
    # With respect to what makes the first unit 8·x, and to what reads the first two 4·x and 0.004·x.
    lengths = [80**0.5, 3 * 80**0.5]
    assert found.gradient_norm == pytest.approx(math.sqrt(sum(one**2 for one in lengths) / 2), rel=1e-5)
    assert "66.7 %" in str(found)


def test_ranks_are_taken_on_request_alone() -> None:
    found = rectifiers.diagnose(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), [torch.ones(2, 2)], gradients=False)
    assert (found.sites[0].effective_rank, found.sites[0].stable_rank, found.gradient_norm) == (None, None, None)


def test_twice_as_many_outputs_as_units() -> None:
    net = nn.Sequential(nn.Linear(1, 1, bias=False), activations.create("crelu", channels=1))
    net[0].weight.data.fill_(1.0)
    site = rectifiers.diagnose(net, [torch.ones(3, 1)]).sites[0]
    assert (site.dead, site.dormant) == (0.0, 0.5)


def test_a_view_that_was_written_over_is_looked_at() -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.boxes, self.points = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            boxes = self.boxes(x)
            boxes[..., :2] += self.points(x)
            return torch.sigmoid(boxes)

    model, x = Shifted(), torch.randn(2, 3, 4)
    (site,) = rectifiers.diagnose(model, [x]).sites
    y = model(x).detach()
    slope = y * (1 - y)
    assert site.gain == pytest.approx(float(slope.norm() / torch.ones_like(y).norm()), rel=1e-4)


def test_a_model_may_write_over_its_input() -> None:
    class Shifting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x.add_(1.0))

    x = torch.tensor([[-1.5, 0.5]])
    for gradients in (True, False):
        for call in (None, lambda model, batch: model(batch)):
            (site,) = rectifiers.diagnose(Shifting(), [x], call=call, gradients=gradients).sites
            assert site.mean == pytest.approx((-0.5 + 1.5) / 2)
            assert x.tolist() == [[-1.5, 0.5]]


def test_outputs_in_objects_are_summed() -> None:
    @dataclasses.dataclass
    class Answer:
        y: Tensor
        length: int

    class Slotted:
        __slots__ = "y"

        def __init__(self, y: Tensor) -> None:
            self.y = y

    class Wrapping(nn.Module):
        def __init__(self, wrap: Any) -> None:
            super().__init__()
            self.layer, self.wrap = nn.Linear(2, 2), wrap

        def forward(self, x: Tensor) -> Any:
            return self.wrap(F.relu(self.layer(x)))

    x = torch.randn(8, 2)
    for wrap in (lambda y: Answer(y, 8), Slotted):
        found = rectifiers.diagnose(Wrapping(wrap), [x])
        assert found.loss == "sum of the outputs"
        assert found.gradient_norm


class Finder(nn.Module):
    """Reads on only where it finds something, as a detector does."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Linear(4, 8), nn.ReLU()), nn.Sequential(nn.Linear(8, 2), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        found = self.body(x)
        return torch.cat([found.sum(1), self.head(found[x.sum(1) > 100]).sum(1)])


def test_sites_without_values_are_named() -> None:
    assert (
        "no values reached head.1, of which nothing is known"
        in rectifiers.diagnose(Finder(), [torch.randn(3, 4)]).notes
    )


def test_batches_without_samples_show_nothing() -> None:
    with pytest.raises(DataError, match="no values reach the activations on these batches; give batches with samples"):
        rectifiers.diagnose(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), [torch.randn(0, 4)])


@pytest.mark.parametrize(("loss", "said"), [(F.cross_entropy, "not tuple"), ("ce", "'str' object is not callable")])
def test_a_loss_that_fails_is_told_what_it_is_called_with(loss: Any, said: str) -> None:
    batch = torch.randn(3, 4), torch.tensor([0, 1, 1])
    with pytest.raises(ConfigError, match=rf"loss failed on batch 1: TypeError: .*{said}.*the outputs and the batch"):
        rectifiers.diagnose(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), [batch], loss=loss)


def test_sites_with_other_numbers_of_units_count_them_as_one() -> None:
    """A length that differs from batch to batch is no number of channels; a shared block has no number of its own."""
    net, batches = Scoring().eval(), [torch.randn(3, steps, 1) for steps in (5, 7, 5)]
    found = rectifiers.diagnose(net, batches, ranks=True)
    block, score = found.sites
    inputs: dict[str, list[Tensor]] = {"block": [], "score": []}
    with torch.no_grad():
        for x in batches:
            one = net.first(x)
            other = net.second(one.relu())
            inputs["block"] += [one, other]
            inputs["score"].append(net.score(other.relu()))
    for site, name in ((block, "block"), (score, "score")):
        values = torch.cat([one.flatten().double() for one in inputs[name]])
        assert (site.units, site.values, site.dead) == (1, len(values), 0)
        assert site.mean == pytest.approx(float(values.mean()))
        assert site.unit_variances == pytest.approx((float(values.var(correction=0)),))
        assert site.effective_rank == pytest.approx(1)
        assert site.no_gradient == 0
    below = torch.cat([one.flatten() <= 0 for one in inputs["block"]])
    assert block.off == pytest.approx(float(below.double().mean()))
    assert any("block.0 and :sigmoid, or their number changes" in note for note in found.notes)


def test_a_single_logit_has_no_cross_entropy() -> None:
    """It would be 0 where all labels of a batch are 0, and the gradient with it."""
    found = rectifiers.diagnose(shifted(0.0)[:2], [(VALUES, torch.zeros(200, dtype=torch.int64))])
    assert found.loss == "sum of the outputs"
    assert found.gradient_norm


def test_models_that_run_in_inference_mode() -> None:
    class Serving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(1, 4), nn.GELU())

        @torch.inference_mode()
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.inner(x)
            return y

    net = Serving()
    expected = only(net.inner, [VALUES], gradients=False)
    found = only(net, [VALUES])
    assert (found.dead, found.slope_high, found.mean) == (expected.dead, expected.slope_high, expected.mean)
    with torch.inference_mode():
        assert only(net.inner, [VALUES]).slope_high == expected.slope_high


def test_conv_relu_without_a_batch() -> None:
    net = rectifiers.ConvReLU2d(3, 2, 1)
    x = torch.randn(3, 4, 5)
    x[1] = -x[1].abs()
    found, batched = only(net, [x], gradients=False), only(net, [x[None]], gradients=False)
    assert found.dead_units == batched.dead_units == (1,)
    assert (found.units, found.off, found.unit_means) == (3, batched.off, batched.unit_means)


def test_units_with_few_values_are_noted() -> None:
    note = "fewer than 100 values reach each unit of 1: some may seem dead or always on by chance"
    net = shifted(-5.0, 0.0)
    assert note in rectifiers.diagnose(net, [VALUES[:99]], gradients=False).notes
    assert rectifiers.diagnose(net, [VALUES[:100]], gradients=False).notes == ()
