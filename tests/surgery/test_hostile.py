"""Models that fight back: each gives a right result or a refusal that says what to do."""

from __future__ import annotations

import copy
import io
import pickle
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from rectifiers.activations import PVLU
from rectifiers.core.errors import ConfigError, UnsupportedError
from rectifiers.surgery import NothingToSwapError, find_sites, plan_swap, swap

from .samples import assert_round_trip, run, structure, waves


class Reused(nn.Module):
    """One ReLU, three calls."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.relu = nn.ReLU(inplace)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = self.relu(layer(x))
        return x


class Functional(nn.Module):
    """ReLU as a function, in every spelling."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(6))

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d, e, f = self.layers
        x = F.relu(a(x), inplace=True)
        x = torch.relu(b(x))
        x = c(x).relu()
        x = d(x).relu_()
        x = e(x).clamp_min(0)
        return torch.clamp(f(x), min=0)


def pvlus(model: nn.Module) -> list[PVLU]:
    return [module for module in model.modules() if isinstance(module, PVLU)]


@pytest.mark.parametrize("inplace", [False, True])
def test_each_call_of_a_reused_relu_gets_its_own_parameters(inplace: bool) -> None:
    model, x = Reused(inplace), torch.randn(2, 4)
    assert [site.name for site in find_sites(model, x)] == ["relu#1", "relu#2", "relu#3"]
    assert_round_trip(model, x)
    swap(model, "pvlu", example=x)
    assert len(pvlus(model)) == 3
    model(x).sum().backward()
    assert all(module.alpha.grad is not None for module in pvlus(model))


def test_the_calls_of_a_reused_relu_share_parameters_on_request() -> None:
    model, x = Reused(), torch.randn(2, 4)
    assert_round_trip(model, x, share_calls=True)
    report = swap(model, "pvlu", example=x, share_calls=True)
    assert len(pvlus(model)) == 1
    assert report.plan.parameters == sum(p.numel() for p in pvlus(model)[0].parameters())


def test_one_call_of_a_reused_relu_alone() -> None:
    model, x = Reused(), torch.randn(2, 4)
    a, b, c = model.layers
    (site,) = waves(model, x, where="relu#2").plan.changes
    assert site.site == "relu#2"
    with torch.no_grad():
        expected = c(pvlus(model)[0](b(a(x).relu()))).relu()
    assert torch.equal(run(model, x), expected)


def test_a_reused_relu_called_from_outside_its_scope_says_what_to_do() -> None:
    model, x = Reused(), torch.randn(2, 4)
    swap(model, "pvlu", example=x)
    with pytest.raises(UnsupportedError, match=r"relu is called several times.*share_calls=True"):
        model.relu(x)


def test_a_relu_under_several_names() -> None:
    relu = nn.ReLU()
    model = nn.Sequential(OrderedDict(a=nn.Linear(4, 4), b=relu, c=nn.Sequential(nn.Linear(4, 4)), d=nn.Linear(4, 2)))
    model.c.also = nn.Identity()
    model.alias = model.c.other = relu
    model.forward = lambda x: model.d(model.c[0](model.b(model.a(x))))
    x = torch.randn(2, 4)
    (site,) = find_sites(model, x)
    assert site.paths == ("b", "c.other", "alias")
    assert_round_trip(model, x)
    swap(model, "pvlu", example=x)
    assert model.b is model.alias is model.c.other
    assert isinstance(model.b, PVLU)


def test_hooks_stay_where_relu_writes_over_batch_norm() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 3))
    seen: list[str] = []
    handles = [
        model[1].register_forward_hook(lambda *_: seen.append("norm")),
        model[2].register_forward_pre_hook(lambda *_: seen.append("before")),
        model[2].register_forward_hook(lambda *_: seen.append("after")),
        model[2].register_full_backward_hook(lambda *_: seen.append("back")),
    ]
    report = swap(model, "pvlu", example=(1, 3, 8, 8))
    seen.clear()
    model.train()(torch.randn(2, 3, 8, 8, requires_grad=True)).sum().backward()
    assert seen == ["norm", "before", "after", "back"]
    handles[2].remove()
    seen.clear()
    report.revert()
    run(model, torch.randn(2, 3, 8, 8))
    assert seen == ["norm", "before"]


@pytest.mark.filterwarnings("ignore:.*weight_norm")
def test_what_is_put_in_keeps_hooks_of_its_own() -> None:
    # One computes the weight before every call.
    seen: list[str] = []

    def make(channels: int) -> nn.Module:
        act = torch.nn.utils.weight_norm(nn.PReLU(channels))
        act.register_forward_hook(lambda *_: seen.append("own"))
        return act

    model, x = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(3, 4)
    handle = model[1].register_forward_hook(lambda *_: seen.append("old"))
    report = swap(model, make, example=x)
    act: Any = model[1]
    with torch.no_grad():
        act.weight_g.mul_(2)
    seen.clear()
    expected = model[2](nn.functional.prelu(model[0](x), act.weight_g * act.weight_v.sign()))
    torch.testing.assert_close(model(x), expected)
    assert seen == ["own", "old"]
    report.revert()
    seen.clear()
    model(x)
    assert seen == ["old"]
    handle.remove()
    seen.clear()
    model(x)
    act(x)
    assert seen == ["own"]


def test_hooks_of_a_reused_relu_fire_once_a_call() -> None:
    model, x = Reused(), torch.randn(2, 4)
    seen: list[Tensor] = []
    model.relu.register_forward_hook(lambda module, inputs, output: seen.append(output))
    report = swap(model, "pvlu", example=x, where="relu#2")
    for _ in range(2):
        seen.clear()
        model(x)
        assert len(seen) == 3
        report.revert()


class Aliased(nn.Module):
    """Reads through an old name what ReLU wrote over."""

    def __init__(self, style: str) -> None:
        super().__init__()
        self.layer, self.relu, self.style = nn.Linear(4, 4), nn.ReLU(inplace=True), style

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        if self.style == "module":
            self.relu(y)
        elif self.style == "function":
            F.relu_(y)
        elif self.style == "residual":
            return self.relu(y) + y
        else:
            F.relu(y[:, :2], inplace=True)
        return y


@pytest.mark.parametrize("style", ["module", "function", "residual", "view"])
def test_what_reads_the_overwritten_input_still_reads_the_result(style: str) -> None:
    model, x = Aliased(style), torch.randn(3, 4)
    (site,) = find_sites(model, x)
    assert site.aliased
    assert_round_trip(model, x)
    waves(model, x)
    y = model.layer(x)
    wave = pvlus(model)[0]
    expected = {
        "module": lambda: wave(y),
        "function": lambda: wave(y),
        "residual": lambda: wave(y) * 2,
        "view": lambda: torch.cat([wave(y[:, :2]), y[:, 2:]], 1),
    }[style]()
    torch.testing.assert_close(model(x), expected)
    model(x).sum().backward()
    assert wave.alpha.grad is not None


def test_tied_weights_stay_tied() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    model[4].weight = model[0].weight
    assert_round_trip(model, torch.randn(2, 4))
    swap(model, "pvlu", example=(1, 4))
    assert model[4].weight is model[0].weight


def test_parametrized_weights_and_their_buffers_stay() -> None:
    model = nn.Sequential(parametrizations.spectral_norm(nn.Linear(4, 4)), nn.ReLU(), nn.Linear(4, 2))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert_round_trip(model.eval(), torch.randn(2, 4))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_data_parallel_is_operated_on_inside() -> None:
    inner = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    model, x = nn.DataParallel(inner), torch.randn(2, 4)
    before = run(model, x)
    report = swap(model, "pvlu", example=x)
    assert isinstance(inner[1], PVLU)
    assert torch.equal(run(model, x), before)
    report.revert()
    assert isinstance(inner[1], nn.ReLU)


def compiled() -> nn.Module:
    return torch.compile(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), backend="eager")


def compiled_in_place() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    model.compile(backend="eager")
    return model


def scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))


def exported() -> nn.Module:
    return torch.export.export(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), (torch.randn(1, 4),)).module()


def quantised() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), {nn.Linear})


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyLinear(4), nn.ReLU())


@pytest.mark.parametrize(
    ("build", "advice"),
    [
        (compiled, "is compiled: .*compile it afterwards"),
        (compiled_in_place, "is compiled: .*compile it afterwards"),
        (scripted, "is scripted: .*export or trace it"),
        (exported, "is exported: .*export that"),
        (quantised, "0 is quantised.*quantise that"),
        (lazy, "0 is lazy.*one batch first"),
    ],
)
def test_refused_with_advice(build: Callable[[], nn.Module], advice: str) -> None:
    model = build()
    before = repr(model)
    with pytest.raises(UnsupportedError, match=advice):
        swap(model, "pvlu", example=(1, 4))
    assert repr(model) == before


def fused() -> nn.Module:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU())
    return torch.ao.quantization.fuse_modules(net.eval(), [["0", "1"]])


def fused_for_training() -> nn.Module:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU())
    net = torch.ao.quantization.fuse_modules_qat(net.train(), [["0", "1"]])
    net.qconfig = torch.ao.quantization.get_default_qat_qconfig("x86")
    return torch.ao.quantization.prepare_qat(net)


@pytest.mark.parametrize("fuse", [fused, fused_for_training])
@pytest.mark.filterwarnings("ignore:.*torch.ao.quantization", "ignore:.*reduce_range")
def test_layers_that_are_fused_for_quantisation_stay(fuse: Callable[[], nn.Module]) -> None:
    # They become integer layers with a ReLU, whatever stands in its place.
    x = torch.randn(2, 3, 8, 8)
    plan = swap(fuse(), "prelu", example=x).plan
    assert [change.site for change in plan.changes] == ["3"]
    assert [left.reason for left in plan.left] == [
        "0 is fused: quantisation takes it for one layer with its ReLU; swap before layers are fused"
    ]


def test_what_was_compiled_after_a_swap_can_still_be_reverted() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    report = swap(model, "pvlu", example=(1, 4))
    model.compile(backend="eager")
    report.revert()
    assert isinstance(model[1], nn.ReLU)


def test_a_lazy_model_that_has_run_is_a_model_like_others() -> None:
    model = lazy()
    model(torch.randn(1, 4))
    assert_round_trip(model, torch.randn(2, 4))


def test_a_model_on_meta_is_operated_on_without_numbers() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), Functional())
    model[3] = nn.Identity()
    report = swap(model, "pvlu", example=(1, 3, 8, 8), share="channel")
    assert report.check is None
    assert model[2].alpha.is_meta
    assert model[2].alpha.shape == (4,)
    report.revert()
    assert isinstance(model[2], nn.ReLU)


class Branching(nn.Module):
    """Takes a path by the numbers it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.positive, self.negative = nn.Linear(4, 4), nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.positive(self.layer(x)) if x.sum() > 0 else self.negative(self.layer(x))


def test_a_path_that_the_example_does_not_take_is_named_and_stays() -> None:
    model, x = Branching(), torch.ones(1, 4)
    other = run(model, -x)
    report = swap(model, "pvlu", example=x)
    assert isinstance(model.positive, PVLU)
    assert isinstance(model.negative, nn.ReLU)
    assert "not reached by the example, and left unchanged: negative" in str(report)
    assert torch.equal(run(model, -x), other)


class Attribute(nn.Module):
    """Keeps its activation as a function."""

    def __init__(self, act: Any = F.relu) -> None:
        super().__init__()
        self.first, self.second, self.act = nn.Linear(4, 4), nn.Linear(4, 4), act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.second(self.act(self.first(x))))


def helper(x: Tensor) -> Tensor:
    return deeper(x)


def deeper(x: Tensor) -> Tensor:
    return torch.clamp(x, min=0.0)


@pytest.mark.parametrize("act", [F.relu, torch.relu, Tensor.relu, helper, lambda x: x.clamp(min=0)])
def test_functions_in_attributes_and_helpers(act: Callable[[Tensor], Tensor]) -> None:
    model, x = Attribute(act), torch.randn(2, 4)
    assert [site.call for site in find_sites(model, x)] == ["function", "function"]
    assert_round_trip(model, x)
    waves(model, x, where="last")
    with torch.no_grad():
        expected = pvlus(model)[0](model.second(model.first(x).relu()))
    assert torch.equal(run(model, x), expected)


def test_every_spelling_of_relu() -> None:
    model, x = Functional(), torch.randn(2, 4)
    assert len(find_sites(model, x)) == 6
    assert_round_trip(model, x)
    waves(model, x, where=3)
    a, b, c, d, e, f = model.layers
    with torch.no_grad():
        expected = f(e(pvlus(model)[0](d(c(b(a(x).relu()).relu()).relu()))).relu()).relu()
    assert torch.equal(run(model, x), expected)


class Unregistered(nn.Module):
    """Keeps its ReLU where PyTorch does not see it, beside a module that calls functions itself."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.layer = Attribute(), nn.Linear(4, 4)
        self.acts = [nn.ReLU(), nn.ReLU()]

    def forward(self, x: Tensor) -> Tensor:
        return self.acts[1](self.layer(self.acts[0](self.inner(x))))


def test_a_relu_in_a_plain_list() -> None:
    model, x = Unregistered(), torch.randn(2, 4)
    assert [site.name for site in find_sites(model, x)] == ["inner:relu#1", "inner:relu#2", ":relu#1", ":relu#2"]
    assert_round_trip(model, x)
    waves(model, x, where=":relu#2")
    with torch.no_grad():
        expected = pvlus(model)[0](model.layer(model.inner(x)))
    assert torch.equal(run(model, x), expected)


class Containers(nn.Module):
    """Activations in every container."""

    def __init__(self) -> None:
        super().__init__()
        self.list = nn.ModuleList([nn.Linear(4, 4), nn.ReLU()])
        self.dict = nn.ModuleDict({"layer": nn.Linear(4, 4), "act": nn.ReLU()})
        self.scales = nn.ParameterList([torch.ones(4), torch.ones(4)])
        self.nested = nn.ModuleList([nn.ModuleDict({"act": nn.Sequential(nn.ReLU())})])

    def forward(self, x: Tensor) -> Tensor:
        x = self.list[1](self.list[0](x) * self.scales[0])
        x = self.dict["act"](self.dict["layer"](x))
        return self.nested[0]["act"](x * self.scales[1] - 0.1)


def test_containers_of_any_kind() -> None:
    model, x = Containers(), torch.randn(2, 4)
    assert [site.name for site in find_sites(model, x)] == ["list.1", "dict.act", "nested.0.act.0"]
    assert_round_trip(model, x)


def test_a_relu_alone_is_a_model() -> None:
    model, x = nn.ReLU(), torch.randn(2, 4)
    assert_round_trip(model, x)
    waves(model, x)
    assert torch.equal(run(model, x), pvlus(model)[0](x))


def encoder_layer(activation: Any) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, activation=activation, batch_first=True)


@pytest.mark.parametrize("activation", ["relu", F.relu, torch.relu, nn.ReLU()])
def test_a_transformer_layer_does_not_take_the_fused_path_past_a_swap(
    activation: str | Callable[[Tensor], Tensor],
) -> None:
    model, x = encoder_layer(activation).eval(), torch.randn(2, 5, 8)
    (site,) = find_sites(model, x)
    assert site.channel_dim == -1
    assert site.channels == 16
    fused = run(model, x)
    report = swap(model, "pvlu", example=x, share="channel")
    assert report.check.difference < 1e-6
    assert "fused path" in str(report)
    torch.testing.assert_close(run(model, x), fused)
    with torch.no_grad():
        pvlus(model)[0].alpha.fill_(0.5)
    assert not torch.allclose(run(model, x), fused, atol=1e-3)
    report.revert()
    assert torch.equal(run(model, x), fused)


@pytest.mark.parametrize("activation", ["relu", nn.ReLU()])
def test_a_transformer_encoder_takes_padded_batches_after_a_swap(activation: str | Callable[[Tensor], Tensor]) -> None:
    model = nn.TransformerEncoder(encoder_layer(activation), 2).eval()
    x, padding = torch.randn(2, 5, 8), torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The PyTorch API of nested tensors")
        fused = run(model, x, src_key_padding_mask=padding)
    report = swap(model, "pvlu", example={"src": x, "src_key_padding_mask": padding})
    assert "zeros where a batch is padded" in str(report)
    torch.testing.assert_close(run(model, x, src_key_padding_mask=padding)[~padding], fused[~padding])
    report.revert()
    assert model.use_nested_tensor
    assert torch.equal(run(model, x, src_key_padding_mask=padding), fused)


def test_gelu_in_a_transformer_stays_unless_asked_for() -> None:
    model, x = encoder_layer("gelu"), torch.randn(2, 5, 8)
    with pytest.raises(NothingToSwapError, match="it has gelu"):
        swap(model, "pvlu", example=x)
    assert len(swap(model, "pvlu", example=x, from_="gelu").plan.changes) == 1


class Keywords(nn.Module):
    """Takes keywords, returns a dictionary with a tuple in it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))

    def forward(self, *, pixels: Tensor, flags: dict[str, Any]) -> dict[str, Any]:
        hidden = self.net(pixels) * flags["scale"]
        return {"logits": hidden, "parts": (hidden[:1], None), "name": "x"}


def test_keywords_and_nested_outputs() -> None:
    model = Keywords()
    example = {"pixels": torch.randn(2, 4), "flags": {"scale": 2.0}}
    before = run(model, **example)
    report = swap(model, "pvlu", example=example)
    assert report.check.identical
    assert torch.equal(run(model, **example)["logits"], before["logits"])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("to", ["pvlu", "adarelu", "prelu", "comb", "apl"])
def test_other_precisions(dtype: torch.dtype, to: str) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)).to(dtype)
    report = swap(model, to, example=torch.randn(2, 4))
    assert report.check.identical
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}


class HardGates(nn.Module):
    """Hard sigmoid and hard swish by hand, beside a ReLU6 that is one."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.cap = nn.Linear(4, 4), nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        x = self.cap(self.layer(x))
        x = x * F.relu6(x + 3) / 6
        x = x * (self.cap_of(3 + x) / 6)
        return x * x.add(3.0).clamp_(0.0, 6.0).div_(6.0)

    @staticmethod
    def cap_of(x: Tensor) -> Tensor:
        return F.hardtanh(x, 0, 6)


def test_hard_sigmoids_by_hand_are_gates() -> None:
    model, x = HardGates(), torch.randn(2, 4)
    kinds = [site.kind for site in find_sites(model, x)]
    assert kinds == ["relu6", "hardsigmoid", "hardsigmoid", "hardsigmoid"]
    assert [change.site for change in plan_swap(model, "pvlu", example=x).changes] == ["cap"]
    assert_round_trip(model, x)


class SqueezeExcite(nn.Module):
    """A gate with a ReLU inside."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.down, self.act = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1), nn.ReLU()
        self.up, self.gate = nn.Conv2d(2, 4, 1), nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        return x * self.gate(self.up(self.act(self.down(x.mean((2, 3), keepdim=True)))))


def test_a_gate_keeps_its_sigmoid() -> None:
    model, x = SqueezeExcite(), torch.randn(2, 3, 6, 6)
    assert [change.site for change in plan_swap(model, "pvlu", example=x).changes] == ["act"]
    assert_round_trip(model, x)
    assert isinstance(model.gate, nn.Sigmoid)


@pytest.mark.parametrize("build", [Reused, Functional, Attribute])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_swapped_model_can_be_copied_and_pickled(
    build: Callable[[], nn.Module], copied: Callable[[nn.Module], nn.Module]
) -> None:
    model, x = build(), torch.randn(2, 4)
    waves(model, x)
    twin = copied(model)
    assert torch.equal(run(twin, x), run(model, x))
    with torch.no_grad():
        pvlus(twin)[0].alpha.fill_(0.9)
    assert not torch.equal(run(twin, x), run(model, x))
    assert isinstance(twin, build)


def test_a_swapped_model_can_be_saved_whole_and_by_state() -> None:
    model, x = Reused(), torch.randn(2, 4)
    waves(model, x)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = Reused()
    plan_swap(other, "pvlu", example=x, relu_like=False).apply(other)
    other.load_state_dict(torch.load(file))
    assert torch.equal(run(other, x), run(model, x))


@pytest.mark.parametrize("build", [Reused, Functional])
def test_a_swapped_model_serves_several_threads(build: Callable[[], nn.Module]) -> None:
    model = build()
    waves(model, torch.randn(2, 4))
    inputs = [torch.randn(8, 4) for _ in range(4)]
    expected = [run(model, x) for x in inputs]
    same = []

    def serve(x: Tensor, y: Tensor) -> None:
        same.append(all(torch.equal(run(model, x), y) for _ in range(50)))

    threads = [threading.Thread(target=serve, args=pair) for pair in zip(inputs, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same == [True] * 4


@pytest.mark.parametrize("build", [Reused, Functional, Attribute])
def test_a_swapped_model_compiles(build: Callable[[], nn.Module]) -> None:
    model, x = build().eval(), torch.randn(2, 4)
    waves(model, x)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(model, backend="eager", fullgraph=True)(x), model(x))


class Nested(nn.Module):
    """Calls ReLU itself, around a module that does so too."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.inner = nn.Linear(4, 4), Attribute()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.inner(F.relu(self.layer(x))) - 0.1)


@pytest.mark.parametrize("where", ["all", ":relu#2", "inner"])
def test_functions_around_functions_compile_in_parts(where: Any) -> None:
    model, x = Nested().eval(), torch.randn(2, 4)
    waves(model, x, where=where)
    torch._dynamo.reset()
    with warnings.catch_warnings():
        # Dynamo warns that it leaves part of the model uncompiled, and stumbles over its own tensors there.
        warnings.simplefilter("ignore")
        torch.testing.assert_close(torch.compile(model, backend="eager")(x), model(x))


@pytest.mark.parametrize("build", [Reused, Functional, Attribute, Nested])
def test_a_swapped_model_is_exported(build: Callable[[], nn.Module]) -> None:
    model, x = build().eval(), torch.randn(2, 4)
    waves(model, x)
    exported = torch.export.export(model, (x,)).module()
    torch.testing.assert_close(exported(x), model(x))


class Checkpointed(nn.Module):
    """Recomputes a block on the way back."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(self.block, x, use_reentrant=False) if self.training else self.block(x)


@pytest.mark.parametrize("build", [Reused, Functional, Attribute])
def test_checkpointed_blocks_give_the_same_gradients(build: Callable[[], nn.Module]) -> None:
    block, x = build(), torch.randn(2, 4)
    model = Checkpointed(block)
    waves(model, x)
    block.train()(x).sum().backward()
    expected = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    model.train()(x).sum().backward()
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


class Counting(nn.Module):
    """Changes its buffers at every call."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.relu = nn.Linear(4, 4), nn.ReLU()
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
        return self.relu(self.layer(x)) + self.mean


def test_buffers_that_forward_changes_are_put_back() -> None:
    model, x = Counting(), torch.randn(2, 4)
    mean, state = model.mean, torch.get_rng_state()
    report = swap(model, "pvlu", example=x)
    assert report.check.identical
    assert model.calls == 0
    assert model.mean is mean
    assert torch.equal(mean, torch.zeros(4))
    assert torch.equal(torch.get_rng_state(), state)


def test_modes_and_flags_stay() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Dropout(), nn.Sequential(nn.Linear(4, 4), nn.ReLU())).train()
    model[3].eval()
    model[0].weight.requires_grad_(False)
    swap(model, "pvlu", example=(1, 4))
    assert [module.training for module in model] == [True, True, True, False]
    assert not model[3][1].training
    assert not model[0].weight.requires_grad


def test_a_model_that_returns_what_its_relu_gives() -> None:
    model, x = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True)), torch.randn(2, 3, 8, 8)
    assert_round_trip(model, x)
    with pytest.raises(NothingToSwapError, match="1: the model returns its values"):
        swap(model, "convrelu", example=x)


def test_a_model_that_fails_on_the_example_is_left_alone() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    before = structure(model)
    with pytest.raises(ConfigError, match="Sequential fails on the example: RuntimeError"):
        swap(model, "pvlu", example=(1, 3))
    assert structure(model) == before


class Particular(nn.Module):
    """Runs with a ReLU and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.relu = nn.Linear(4, 4), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        if not isinstance(self.relu, nn.ReLU):
            raise TypeError("expected a ReLU")
        return self.relu(self.layer(x))


def test_a_function_that_fails_is_taken_out_again() -> None:
    model = Particular()
    before = structure(model)
    with pytest.raises(UnsupportedError, match=r"fails with PVLU in it, which was taken out again: TypeError"):
        swap(model, "pvlu", example=(1, 4))
    assert structure(model) == before


def test_a_swap_in_inference_mode_makes_parameters_that_can_be_trained() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU())
    with torch.inference_mode():
        swap(model, "convrelu", example=(1, 3, 8, 8), where="first")
        swap(model, "pvlu", example=(1, 3, 8, 8))
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    assert model[2].threshold.grad is not None
    assert pvlus(model)[0].alpha.grad is not None


def test_a_traced_graph_is_a_model_like_others() -> None:
    graph = torch.fx.symbolic_trace(Functional())
    assert len(find_sites(graph, (1, 4))) == 6
    assert_round_trip(graph.eval(), torch.randn(2, 4))


def test_an_empty_batch_shows_the_sites_too() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2))
    report = swap(model, "pvlu", example=torch.empty(0, 3, 8, 8), share="channel")
    assert [change.channels for change in report.plan.changes] == [4]
    assert report.check.identical


class Auxiliary(nn.Module):
    """A second head in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.aux = nn.Sequential(nn.Flatten(), nn.Linear(4 * 36, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 36, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, x: Tensor) -> Any:
        x = self.stem(x)
        return (self.head(x), F.relu(self.aux(x))) if self.training else self.head(x)


def test_sites_of_training_mode_come_last_and_do_not_shift_the_others() -> None:
    model, x = Auxiliary(), torch.randn(1, 3, 8, 8)
    sites = find_sites(model, x)
    assert [(site.name, site.training_only) for site in sites] == [
        ("stem.2", False),
        ("head.2", False),
        ("aux.3", True),
        (":relu", True),
    ]
    assert [change.site for change in plan_swap(model, "pvlu", example=x, where="last").changes] == ["head.2"]
    assert [change.site for change in plan_swap(model, "pvlu", example=x, where="aux").changes] == ["aux.3"]
    report = swap(model, "pvlu", example=x)
    assert report.check.identical
    assert len(pvlus(model)) == 4
    main, aux = model.train()(torch.randn(4, 3, 8, 8))
    (main.sum() + aux.sum()).backward()
    assert all(module.alpha.grad is not None for module in pvlus(model))


class Reordered(nn.Module):
    """Calls its ReLU once more in training mode, before the other calls."""

    def __init__(self) -> None:
        super().__init__()
        self.relu, self.aux, self.head = nn.ReLU(), nn.Linear(4, 3), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Any:
        relu = self.relu
        aux = relu(self.aux(x)) if self.training else None
        x = relu(self.head(relu(x)))
        return x if aux is None else (x, aux)


def test_another_order_in_training_mode_is_said() -> None:
    report = swap(Reordered(), "pvlu", example=(2, 4))
    assert "relu calls its activations in another order in training mode" in str(report)
    assert "another order" not in str(swap(Auxiliary(), "pvlu", example=(1, 3, 8, 8)))


def test_what_fails_in_training_mode_is_said() -> None:
    class EvaluationOnly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                raise RuntimeError("needs labels")
            return self.net(x)

    model = EvaluationOnly()
    report = swap(model, "pvlu", example=(1, 4))
    assert "sites that only training mode reaches are unknown" in str(report)
    assert "fails on the example in training mode: RuntimeError: needs labels" in str(report)


@pytest.mark.parametrize("build", [Reused, Functional, lambda: nn.Sequential(nn.Linear(4, 4), nn.ReLU())])
def test_a_swapped_model_is_swapped_again(build: Callable[[], nn.Module]) -> None:
    model, x = build(), torch.randn(2, 4)
    before, parts = run(model, x), structure(model)
    first = swap(model, "pvlu", example=x)
    names = [site.name for site in find_sites(model, x)]
    assert {site.kind for site in find_sites(model, x)} == {"pvlu"}
    second = swap(model, "prelu", example=x, from_="pvlu")
    assert [change.site for change in second.plan.changes] == names
    assert not pvlus(model)
    assert torch.equal(run(model, x), before)
    with pytest.raises(ConfigError, match="later swap"):
        first.revert()
    second.revert()
    assert len(pvlus(model)) == len(names)
    first.revert()
    assert structure(model) == parts


@pytest.mark.parametrize(("build", "calls"), [(Reused, 3), (Functional, 6)])
def test_what_a_swap_left_is_swapped_by_the_next(build: Callable[[], nn.Module], calls: int) -> None:
    model, x = build(), torch.randn(2, 4)
    before, parts = run(model, x), structure(model)
    reports = [swap(model, "pvlu", example=x, where=1), swap(model, "prelu", example=x)]
    assert len(reports[1].plan.changes) == calls - 1
    assert torch.equal(run(model, x), before)
    kinds = sorted(site.kind for site in find_sites(model, x))
    assert kinds == ["prelu"] * (calls - 1) + ["pvlu"]
    for report in reversed(reports):
        report.revert()
    assert structure(model) == parts


class Locked(nn.Module):
    """Holds a lock, of which pickles have no copy."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.lock = nn.Linear(4, 4), threading.Lock()

    def forward(self, x: Tensor) -> Tensor:
        with self.lock:
            return F.relu(self.linear(x))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.lock = threading.Lock()


def test_a_class_says_itself_what_of_it_is_copied() -> None:
    model, x = Locked(), torch.randn(3, 4)
    waves(model, x)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(run(twin, x), run(model, x))
        assert twin.lock is not model.lock


def test_a_compiled_call_is_not_copied() -> None:
    model, x = Functional(), torch.randn(3, 4)
    waves(model, x)
    expected = run(model, x)
    model.compile(backend="eager")
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(run(twin, x), expected)


class Gridded(nn.Module):
    """Moves a tensor of its own along, as modules did before PyTorch said whether to go into their parts."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.grid = nn.Linear(4, 4), torch.linspace(0, 1, 4)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.linear(x)) + self.grid

    def _apply(self, fn: Any) -> Any:  # type: ignore[override]
        self.grid = fn(self.grid)
        return super()._apply(fn)  # type: ignore[no-untyped-call, unused-ignore]


def test_a_class_that_moves_its_tensors_itself() -> None:
    model = Gridded()
    waves(model, torch.randn(3, 4))
    assert run(model.double(), torch.randn(3, 4).double()).dtype is torch.float64
    assert model.grid.dtype is torch.float64


class Flagged(nn.Module):
    """Has something by the name under which a swap keeps activations."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        if kind == "flag":
            self.rectified = False
        if kind == "buffer":
            self.register_buffer("rectified", torch.ones(4))
        if kind == "child":
            self.rectified = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.linear(x))


class Method(nn.Module):
    """The same as a method."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.rectified(F.relu(self.linear(x)))

    def rectified(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize(
    "model", [*map(Flagged, ("flag", "buffer", "child")), Method()], ids=["flag", "buffer", "child", "method"]
)
def test_a_name_that_is_taken_is_told_of(model: nn.Module) -> None:
    parts = structure(model)
    with pytest.raises(ConfigError, match="the model has an attribute 'rectified' already, where the activations of"):
        swap(model, "pvlu", example=(2, 4))
    assert structure(model) == parts
