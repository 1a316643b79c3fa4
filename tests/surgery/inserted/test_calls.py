"""Calls are counted by their owner, anew in every forward pass, and in every thread by itself."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers import diagnose, kernels, swap
from rectifiers.core.errors import UnsupportedError
from rectifiers.surgery.inserted.interception import Interception, is_quiet
from rectifiers.surgery.inserted.per_call import PerCall
from rectifiers.surgery.inserted.scope import is_scope, open_scope
from rectifiers.watching.replaced import CHILD, Calls


class Twice(nn.Module):
    """Calls ReLU twice itself, and between them a module that calls it too."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.inner(F.relu(x)) - 1)


class Inner(nn.Module):
    """Calls ReLU once."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x)


class Plus(nn.Module):
    """An activation that can be seen: adds a number."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number

    def forward(self, x: Tensor) -> Tensor:
        return x + self.number


X = torch.tensor([1.0])


@pytest.mark.parametrize(
    ("activations", "expected"),
    [({}, 0.0), ({0: Plus(10)}, 10.0), ({1: Plus(100)}, 100.0), ({0: Plus(10), 1: Plus(100)}, 110.0)],
)
def test_only_the_owners_own_calls_are_counted(activations: dict[int, nn.Module], expected: float) -> None:
    model = Twice()
    with Interception(model, Calls(activations), nested=True):
        assert model(X).item() == expected


def test_what_is_no_activation_passes() -> None:
    with Interception(nn.Identity(), Calls({0: Plus(10)}), nested=False):
        assert X.clamp(-1, 1).item() == 1
        assert F.relu(X).item() == 11


def scope_of(model: nn.Module, activations: dict[int, nn.Module]) -> Callable[[], None]:
    model.add_module(CHILD, Calls(activations))
    return open_scope(model)


def test_a_scope_is_the_same_class_to_everybody_and_comes_off_again() -> None:
    model = Twice()
    close = scope_of(model, {1: Plus(100)})
    assert is_scope(model)
    assert isinstance(model, Twice)
    assert (type(model).__name__, type(model).__module__) == ("Twice", Twice.__module__)
    assert model(X).item() == 100
    close()
    assert type(model) is Twice
    assert not is_scope(model)
    del model._modules[CHILD]
    assert vars(model).keys() == vars(Twice()).keys()


def test_scopes_within_scopes() -> None:
    outer = Twice()
    scope_of(outer, {0: Plus(10)})
    scope_of(outer.inner, {0: Plus(1000)})
    assert outer(X).item() == 1010
    assert copy.deepcopy(outer)(X).item() == 1010


def test_a_scope_recovers_from_a_failure_within() -> None:
    model = Reused()
    with pytest.raises(RuntimeError):
        model(torch.randn(2, 2, 2), fail=True)
    assert model(X).item() == 111


class Reused(nn.Module):
    """Calls one module three times; each call adds another number."""

    def __init__(self) -> None:
        super().__init__()
        self.act = PerCall({0: Plus(10), 2: Plus(100)}, nn.ReLU(), "act", "")
        self.act.original = Plus(0)
        open_scope(self, reused="act")

    def forward(self, x: Tensor, fail: bool = False) -> Tensor:
        x = self.act(x)
        if fail:
            raise RuntimeError
        return self.act(self.act(x))


def test_calls_are_counted_anew_in_every_forward() -> None:
    model = Reused()
    assert [model(X).item() for _ in range(3)] == [111.0] * 3


def test_a_call_outside_of_the_scope_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="act is called several times in a forward pass of the model"):
        Reused().act(X)
    model = Reused()
    model(X)
    with pytest.raises(UnsupportedError, match="this call comes from outside it"):
        model.act(X)


def test_every_thread_counts_for_itself() -> None:
    model, ready, answers = Reused(), threading.Barrier(2), []
    model.act.original = Meet(ready)
    threads = [threading.Thread(target=lambda: answers.append(model(X).item())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [111.0, 111.0]


class Meet(nn.Module):
    """Waits until the other thread is in the middle of its forward too."""

    def __init__(self, ready: threading.Barrier) -> None:
        super().__init__()
        self.ready = ready

    def forward(self, x: Tensor) -> Tensor:
        self.ready.wait(timeout=30)
        return x


def test_a_forward_of_the_object_itself_cannot_be_counted() -> None:
    model = Twice()
    model.forward = lambda x: x
    with pytest.raises(UnsupportedError, match="forward set on the object itself"):
        open_scope(model)


def test_quiet_modules_call_no_activations() -> None:
    assert is_quiet(nn.Sequential(nn.Conv2d(1, 1, 1), nn.Sequential(nn.BatchNorm2d(1), nn.MaxPool2d(2))))
    assert not is_quiet(nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU()))
    assert not is_quiet(Twice())


class Coder(nn.Module):
    """One method that is called once, whose function is known by its place, and one that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(8, 8), nn.Linear(8, 8)

    def encode(self, x: Tensor) -> Tensor:
        return F.relu(self.inner(x))

    def decode(self, x: Tensor) -> Tensor:
        return F.relu(self.outer(x))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.encode(x)
        return self.decode(x), self.decode(2 * x)


@pytest.mark.parametrize("provider", ["auto", "reference"])
def test_an_activation_made_of_functions_that_are_counted_keeps_its_own(provider: str) -> None:
    torch.manual_seed(0)
    net, x = Coder(), torch.randn(4, 8)
    with kernels.using(provider):
        swap(net, "pvlu", example=x, share="layer")
        first, second, third = net.rectified.children()
        with torch.no_grad():
            for number, activation in enumerate((first, second, third), 1):
                activation.alpha.fill_(number)
        hidden = first(net.inner(x))
        for ours, theirs in zip(net(x), (second(net.outer(hidden)), third(net.outer(2 * hidden))), strict=True):
            torch.testing.assert_close(ours, theirs)


class Into(nn.Module):
    """Functions that write their results into tensors that they are given, between one that does not."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.register_buffer("kept", torch.zeros(5, 8))

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        torch.clamp(h, min=0, out=h)
        h = torch.relu(self.b(h))
        torch.sigmoid(h, out=self.kept)
        out: Tensor = self.c(self.kept)
        return out


def test_what_is_written_into_a_given_tensor_stays() -> None:
    net, x = Into(), torch.randn(5, 4)
    before = net(x)
    report = swap(net, "pvlu", example=x, from_=("relu", "sigmoid"))
    assert report.check.identical
    assert [change.site for change in report.plan.changes] == [":relu"]
    assert [left.site for left in report.plan.left] == [":clamp", ":sigmoid"]
    assert all("by out=…, which takes no gradient" in left.reason for left in report.plan.left)
    assert torch.equal(net(x), before)


def test_a_look_at_the_values_leaves_what_is_written_into_alone() -> None:
    net, x = Into(), torch.randn(5, 4)
    net(x)
    kept = net.kept.clone()
    assert len(diagnose(net, [torch.randn(5, 4)]).sites) == 3
    swap(net, "pau", example=torch.randn(5, 4), from_=("relu", "sigmoid"), start="was")
    assert torch.equal(net.kept, kept)


def test_calls_of_a_module_are_counted_without_the_functions_that_were_replaced() -> None:
    # Without its source, calls are told apart by their numbers.
    names: dict[str, Any] = {"F": F, "nn": nn, "__name__": "typed"}
    exec("def forward(self, x):\n    return self.act(self.act(F.relu(x) - 1) + 1)", names)
    model = type("Typed", (nn.Module,), {"forward": names["forward"]})()
    model.act = nn.ReLU()
    swap(model, Plus(10), example=X, where=":relu")
    report = swap(model, Plus(100), example=X, where="act#1")
    assert model(X).item() == 1 + 10 - 1 + 100 + 1
    report.revert()
    swap(model, Plus(100), example=X, where="act#2")
    assert model(X).item() == 1 + 10 - 1 + 1 + 100


class Again(nn.Module):
    """Calls its own forward within it, and a module and a function before and after that."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.act = nn.Linear(4, 4), nn.Linear(4, 4), nn.ReLU()

    def forward(self, x: Tensor, depth: int = 2) -> Tensor:
        x = F.relu(self.a(x)) + self.act(self.b(x)) - x
        if depth:
            x = self.again(x, depth - 1)
        return self.b(F.relu(x) - self.act(-x))

    def again(self, x: Tensor, depth: int) -> Tensor:
        raise NotImplementedError


class Onwards(Again):
    """Goes on in the same call."""

    def again(self, x: Tensor, depth: int) -> Tensor:
        return self.forward(x, depth)


class Anew(Again):
    """Calls itself once more."""

    def again(self, x: Tensor, depth: int) -> Tensor:
        y: Tensor = self(x, depth)
        return y


@pytest.mark.parametrize(("model", "count"), [(Onwards(), 12), (Anew(), 4)], ids=["forward", "call"])
def test_a_module_that_calls_itself_has_each_of_its_activations_in_use(model: Again, count: int) -> None:
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    report = swap(model, "prelu", example=x)
    assert len(report.plan.changes) == count
    model(x).square().sum().backward()
    slopes = [parameter for name, parameter in model.named_parameters() if name.endswith(".a")]
    assert len(slopes) == count
    assert all(slope.grad is not None for slope in slopes)
