"""A forward pass that only looks: with sparse tensors, and in models that take gradients themselves."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rectifiers import diagnose, find_sites, swap
from rectifiers.analysis import compare_models, feature_maps
from rectifiers.watching.preserve import preserve, without_gradients

from ..analysis.models import Force

EYE, X = torch.eye(10), torch.randn(10, 8)
SPARSE: list[Callable[[Tensor], Tensor]] = [Tensor.to_sparse, Tensor.to_sparse_csr]
ignore_csr = pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta", "ignore:Sparse invariant checks")


class Graph(nn.Module):
    """A graph convolution, with its adjacency as a buffer or an argument."""

    def __init__(self, adjacency: Tensor | None = None) -> None:
        super().__init__()
        self.linear, self.act = nn.Linear(8, 16), nn.ReLU(inplace=True)
        self.register_buffer("adjacency", adjacency)

    def forward(self, x: Tensor, adjacency: Tensor | None = None) -> Tensor:
        given: Any = self.adjacency if adjacency is None else adjacency
        return torch.sparse.mm(given, self.act(self.linear(x)))


@ignore_csr
@pytest.mark.parametrize("sparse", SPARSE)
@pytest.mark.parametrize("buffer", [True, False])
def test_sparse_adjacencies(sparse: Callable[[Tensor], Tensor], buffer: bool) -> None:
    torch.manual_seed(0)
    dense = Graph()
    torch.manual_seed(0)
    net = Graph(sparse(EYE)) if buffer else Graph()
    example = (X,) if buffer else (X, sparse(EYE))
    expected = diagnose(dense, [(X, EYE)], call=lambda model, batch: model(*batch)).sites
    assert diagnose(net, [example], call=lambda model, batch: model(*batch)).sites == expected
    report = swap(net, "pvlu", example=example)
    assert str(report.check) == "outputs on the example: identical"
    report.revert()
    assert net.adjacency is None or net.adjacency.layout == sparse(EYE).layout


def test_a_sparse_buffer_that_is_written_is_put_back() -> None:
    net = nn.Module()
    net.register_buffer("adjacency", EYE.to_sparse())
    adjacency = net.get_buffer("adjacency")
    with preserve(net):
        adjacency.mul_(2)
    assert net.get_buffer("adjacency") is adjacency
    assert torch.equal(adjacency.to_dense(), EYE)


@pytest.mark.parametrize("gradients", [True, False])
def test_gradients_taken_in_forward(gradients: bool) -> None:
    net, x = Force(), torch.randn(5, 3)
    before = net(x.clone()).detach()
    report = swap(net, "pvlu", example=x)
    assert str(report.check) == "outputs on the example: identical"
    assert torch.equal(net(x.clone()).detach(), before)
    report.revert()
    (site,) = diagnose(net, [x], gradients=gradients).sites
    assert (site.name, site.values) == ("energy.1", 80)
    assert not x.requires_grad


def test_only_gradients_of_the_loss_are_counted() -> None:
    """A gradient that `forward` takes itself is none of the loss, which here has none at the activation."""

    class Odd(Force):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).detach() + self.energy[0](x)[:, :3]

    (site,) = diagnose(Odd(), [torch.randn(5, 3)]).sites
    assert site.gradient_in is None
    assert site.gradient_out is None


def test_other_failures_are_not_repeated() -> None:
    calls = []

    def fail() -> None:
        calls.append(torch.is_grad_enabled())
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        without_gradients(fail)
    assert calls == [False]


class Offload:
    """What accelerate does to a module: its parameters are on the meta device, but for the time of a call."""

    execution_device = "cpu"

    def __init__(self, module: nn.Module) -> None:
        self.values = dict(module.named_parameters(recurse=False))
        self.forward = module.forward
        self.leave(module)
        module._hf_hook = self  # type: ignore[assignment]

        def run(*args: Any, **kwargs: Any) -> Any:
            module._parameters.update(self.values)  # type: ignore[arg-type]
            try:
                return self.forward(*args, **kwargs)
            finally:
                self.leave(module)

        module.forward = run  # type: ignore[method-assign]

    def leave(self, module: nn.Module) -> None:
        for name, value in self.values.items():
            module._parameters[name] = nn.Parameter(value.detach().to("meta"))


def test_offloaded_models() -> None:
    net = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    expected, sites = net(X), diagnose(net, [X], gradients=False).sites
    for layer in (net[0], net[2]):
        Offload(layer)
    assert net[0].weight.is_meta
    found = diagnose(net, [X], gradients=False)
    assert (found.sites, math.isnan(found.weight_norm)) == (sites, True)
    report = swap(net, "pvlu", example=(1, 8))
    assert str(report.check) == "outputs on the example: identical"
    assert [(name, value.is_meta) for name, value in net[1].named_parameters()] == [("alpha", False), ("beta", False)]
    assert torch.equal(net(X), expected)


class Observed(nn.Module):
    """Takes the size of what it keeps from its first call, as the observers of quantisation do."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 4)
        self.register_buffer("least", torch.empty(0))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.linear(x))
        self.least.resize_(y.shape[1]).copy_(y.amin(0))
        return y


def test_a_buffer_that_the_first_call_sizes_is_put_back() -> None:
    model = Observed()
    buffer = model.least
    swap(model, "pvlu", example=X)
    assert model.least is buffer
    assert buffer.shape == (0,)


class Counting(nn.Module):
    """Counts its calls, keeps what it saw, and starts its shift from the first batch."""

    def __init__(self) -> None:
        super().__init__()
        self.act, self.shift = nn.ReLU(), nn.Parameter(torch.zeros(8))
        self.calls, self.started = 0, False
        self.seen: dict[str, list[int]] = {"sizes": []}
        self.total = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        if not self.started:
            self.shift.data.copy_(x.mean(0))
            self.started = True
        self.calls += 1
        self.seen["sizes"].append(len(x))
        self.total += x.sum()
        self.last = x
        return self.act(x - self.shift)  # type: ignore[no-any-return]


@pytest.mark.parametrize("look", [lambda net: swap(net, "pvlu", example=X), lambda net: diagnose(net, [X])])
def test_plain_attributes_are_as_they_were(look: Callable[[nn.Module], Any]) -> None:
    net = Counting()
    seen, total = net.seen, net.total
    look(net)
    assert (net.calls, net.started, net.seen, hasattr(net, "last")) == (0, False, {"sizes": []}, False)
    assert net.seen is seen
    assert net.total is total
    assert total == 0
    # What starts from the first batch does so in the first call of its user's own.
    batch = X + 3
    net(batch)
    assert torch.equal(net.shift, batch.mean(0))
    assert (net.calls, net.seen) == (1, {"sizes": [10]})


class Built(nn.Module):
    """Builds its layers in its first call."""

    def __init__(self, flag: bool) -> None:
        super().__init__()
        self.flag, self.built = flag, False

    def forward(self, x: Tensor) -> Tensor:
        if not (self.built if self.flag else hasattr(self, "layer")):
            self.layer, self.act, self.built = nn.Linear(x.shape[1], 4), nn.ReLU(), True
        return self.act(self.layer(x))  # type: ignore[no-any-return]


@pytest.mark.parametrize("flag", [True, False])
def test_what_is_built_by_the_first_call_stays_built(flag: bool) -> None:
    net = Built(flag)
    swap(net, "pvlu", example=X)
    layer, act = net.layer, net.act
    assert type(act).__name__ == "PVLU"
    net(X)
    assert net.layer is layer
    assert net.act is act


def test_lazy_layers_stay_as_their_first_call_made_them() -> None:
    net = nn.Sequential(nn.LazyLinear(4), nn.ReLU())
    with preserve(net):
        net(X)
    assert net[0].in_features == 8  # type: ignore[union-attr]
    assert net(X).shape == (10, 4)


class Drawing(nn.Module):
    """Draws from the generators of Python and of NumPy, and from one of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.act = nn.Linear(8, 4), nn.ReLU()
        self.generator = torch.Generator().manual_seed(1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.linear(x)) * (random.random() + np.random.rand())  # noqa: NPY002
        return y + torch.rand(1, generator=self.generator)


def test_all_generators_are_put_back() -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    expected = random.random(), np.random.rand()  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    model = Drawing()
    before = model.generator.get_state()
    report = swap(model, "pvlu", example=X)
    assert torch.equal(model.generator.get_state(), before)
    assert (random.random(), np.random.rand()) == expected  # noqa: NPY002
    assert report.check is not None
    assert report.check.identical


class Following(nn.Module):
    """Writes its parameters in its forward, as momentum encoders and code books do."""

    def __init__(self, write: Callable[[Any], Any]) -> None:
        super().__init__()
        self.a, self.act, self.codes, self.write = nn.Linear(8, 4), nn.ReLU(), nn.Parameter(torch.randn(4, 4)), write
        self.recurrent = nn.GRU(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.write(self)
        y: Tensor = self.recurrent(self.act(self.a(x)) @ self.codes)[0]
        return y


def replace_codes(net: Following) -> None:
    net.codes = nn.Parameter(net.codes * 0.9)


def give_other_memory(net: Following) -> None:
    net.codes.data = net.codes.data * 0.9


def write_a_row(net: Following) -> None:
    net.codes[1] = 0


@pytest.mark.parametrize(
    "write",
    [
        replace_codes,
        give_other_memory,
        write_a_row,
        lambda net: net.codes.data.copy_(torch.ones(4, 4)),
        lambda net: net.codes.lerp_(net.a.weight[:, :4], 0.1),
        lambda net: net.codes.view(-1).zero_(),
        lambda net: torch._foreach_mul_([*net.parameters()], 0.9),
        lambda net: torch.add(net.codes, 1, out=net.codes),
    ],
)
@pytest.mark.parametrize(
    "look",
    [
        lambda net: find_sites(net, X),
        lambda net: diagnose(net, [X, X], gradients=False),
        lambda net: compare_models(net, net, [X]),
        lambda net: feature_maps(net, X),
        lambda net: swap(net, "pvlu", example=X).revert(),
    ],
)
def test_parameters_that_a_forward_pass_writes_are_put_back(
    write: Callable[[Any], Any], look: Callable[[nn.Module], Any]
) -> None:
    net = Following(write)
    before = {name: (one, one.detach().clone()) for name, one in net.named_parameters()}
    look(net)
    for name, parameter in net.named_parameters():
        assert parameter is before[name][0]
        assert torch.equal(parameter, before[name][1])


def test_the_check_of_a_swap_is_not_misled_by_what_a_forward_pass_writes() -> None:
    net = Following(lambda net: net.codes.data.mul_(0.9))
    check = swap(net, "pvlu", example=X).check
    assert check is not None
    assert check.identical
