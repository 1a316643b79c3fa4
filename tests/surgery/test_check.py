"""The comparison of the outputs before and after a swap, for outputs and inputs of every kind."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers.surgery import swap
from rectifiers.surgery.check import Check, compare_outputs

INF, NAN = float("inf"), float("nan")
Both = namedtuple("Both", ("hidden", "logits"))


@dataclass
class Answer:
    """A dataclass as output."""

    logits: Tensor
    extras: dict[str, Any]


class Result(OrderedDict[str, Any]):
    """A dictionary with attributes, as Hugging Face returns it."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.__dict__.update(parts)


class Holder:
    """An object with tensors as attributes."""

    def __init__(self, logits: Tensor) -> None:
        self.parts = [logits]


WRAPS: list[Callable[[Tensor], Any]] = [
    lambda y: Answer(y, {"twice": [2 * y]}),
    lambda y: Result(logits=y, loss=y.mean()),
    lambda y: Both(y.abs(), y),
    lambda y: {"a": {"b": (y, None, "text")}},
    Holder,
    lambda y: [Holder(y), Answer(y, {})],
    lambda y: y.to_sparse(),
    lambda y: torch.nested.nested_tensor([y[0], y[1, :2]], layout=torch.jagged),
]


class Wrapping(nn.Module):
    """Returns its numbers in something."""

    def __init__(self, wrap: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.inner, self.act, self.outer, self.wrap = nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), wrap

    def forward(self, x: Tensor) -> Any:
        return self.wrap(self.outer(self.act(self.inner(x))))


@pytest.mark.parametrize("wrap", WRAPS)
def test_outputs_are_compared_wherever_they_are(wrap: Callable[[Tensor], Any]) -> None:
    x = torch.randn(2, 4)
    exact = swap(Wrapping(wrap), "pvlu", example=x)
    assert str(exact.check) == "outputs on the example: identical"
    other = swap(Wrapping(wrap), "pvlu", example=x, relu_like=False)
    assert other.check is not None
    assert other.check.difference > 0
    assert not other.check.incomparable


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_quantised_outputs_are_compared() -> None:
    def quantise(y: Tensor) -> Tensor:
        return torch.quantize_per_tensor(y, 0.01, 0, torch.qint32)

    y = torch.randn(3)
    assert compare_outputs(quantise(y), quantise(y)) == Check(True, 0.0)
    assert not compare_outputs(quantise(y), quantise(2 * y)).identical


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ([INF, -INF, NAN, 1.0], [INF, -INF, NAN, 1.0], 0.0),
        ([INF, 2.0], [INF, 3.0], 0.5),
        ([1.0, 2.0], [1.0, NAN], INF),
        ([INF, 2.0], [-INF, 2.0], INF),
        ([True, False], [True, True], 1.0),
        ([4, 2], [4, 3], 0.25),
        ([0.0], [0.5], 0.5),
        ([1j, 2.0], [1j, 3.0], 0.5),
    ],
)
def test_every_number_is_compared(before: list[Any], after: list[Any], difference: float) -> None:
    check = compare_outputs(torch.tensor(before), torch.tensor(after))
    assert check == Check(difference == 0, difference)


def test_outputs_of_other_shapes_are_not_comparable() -> None:
    check = compare_outputs({"boxes": torch.zeros(3, 4)}, {"boxes": torch.zeros(5, 4)})
    assert not check.identical
    assert math.isnan(check.difference)
    words = "outputs on the example: not comparable: output boxes has shape 3×4 before and 5×4 after"
    assert str(check) == words


def test_what_can_be_compared_is_where_other_outputs_are_not() -> None:
    one, two = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0])
    assert str(compare_outputs([one, one], [two])) == (
        "outputs on the example: differ by up to 1 of the largest output; not comparable: output 1 is there only before"
    )
    assert str(compare_outputs([one], [one, one])) == (
        "outputs on the example: not comparable: output 1 is there only after"
    )


class Detector(nn.Module):
    """Returns another number of boxes for other values."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.act, self.outer = nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> list[dict[str, Tensor]]:
        boxes = self.outer(self.act(self.inner(x)))
        return [{"boxes": boxes[boxes[:, 0] > 0]}]


def test_a_detector_is_swapped() -> None:
    torch.manual_seed(0)
    assert swap(Detector(), "pvlu", example=(50, 4)).check == Check(True, 0.0)
    check = swap(Detector(), "pvlu", example=(50, 4), relu_like=False, alpha=3.0).check
    assert "not comparable: output 0.boxes has shape" in str(check)


class WritesInput(nn.Module):
    """Normalises its input in place, and takes the labels out of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 8)

    def forward(self, batch: Any) -> Tensor:
        x = batch.pop("x") if isinstance(batch, dict) else batch if isinstance(batch, Tensor) else batch.x
        return F.relu(self.layer(x.sub_(1.0).div_(2.0)))


class Batch:
    """A batch with attributes; it cannot be copied where it has a lock."""

    def __init__(self, x: Tensor) -> None:
        self.x = x


@pytest.mark.parametrize("give", [lambda x: (x,), lambda x: ({"x": x},), lambda x: (Batch(x),)])
def test_the_example_is_never_written_over(give: Callable[[Tensor], tuple[Any, ...]]) -> None:
    x = torch.randn(2, 4)
    example, before = give(x), x.clone()
    report = swap(WritesInput(), "pvlu", example=example)
    assert report.check == Check(True, 0.0)
    assert torch.equal(x, before)
    if isinstance(example[0], dict):
        assert example[0]["x"] is x


def test_an_example_that_cannot_be_copied_is_no_obstacle() -> None:
    batch = Batch(torch.randn(2, 4))
    batch.lock = threading.Lock()
    assert len(swap(WritesInput(), "pvlu", example=(batch,)).plan.changes) == 1


class Random(nn.Module):
    """Adds noise, as a variational autoencoder does."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.inner(x))
        return self.outer(h + torch.randn_like(h))


@pytest.mark.parametrize("to", ["pvlu", "apl", "comb"])
def test_a_random_forward_draws_the_same_numbers(to: str) -> None:
    state = torch.get_rng_state()
    model = Random()
    torch.set_rng_state(state)
    assert swap(model, to, example=(2, 4)).check == Check(True, 0.0)


class Stateful(nn.Module):
    """Keeps its last outputs: as an attribute, as a buffer, or outside of itself."""

    memory: Tensor
    outside: ClassVar[list[Tensor]] = []

    def __init__(self, where: str) -> None:
        super().__init__()
        self.layer, self.where = nn.Linear(4, 4), where
        if where == "buffer":
            self.register_buffer("memory", torch.zeros(2, 4))
        else:
            self.memory = torch.zeros(2, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.layer(x))
        if self.where == "outside":
            self.outside.append(y)
            return torch.stack(self.outside).sum(0)
        if self.where == "buffer":
            return self.memory.add_(y)
        self.memory = self.memory + y
        return self.memory


def test_a_model_that_remembers_is_said_to() -> None:
    report = swap(Stateful("outside"), "pvlu", example=(2, 4))
    assert "not comparable: two runs of the model itself differ as well" in str(report)
    for where in ("attribute", "buffer"):
        assert swap(Stateful(where), "pvlu", example=(2, 4)).check == Check(True, 0.0)
