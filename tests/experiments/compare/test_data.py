"""The user's data in every form, in three parts, and their batches from named streams."""

from __future__ import annotations

import functools
from typing import Any

import numpy
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, RandomSampler, TensorDataset

from rectifiers.core.errors import ConfigError, DataError
from rectifiers.experiments.compare.data import Fed, OwnBatches, first_batch, read_data
from rectifiers.experiments.compare.trial import OwnTrial

from .samples import make_model, tensors


class Noisy(Dataset[tuple[Tensor, int]]):
    """Draws its augmentation from PyTorch's generator, as transforms do."""

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return index + torch.rand(6), index % 3


class Named(nn.Module):
    def forward(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        return {"logits": first + second}


def batches(part: Any, model: nn.Module | None = None, *, seed: int = 0, shuffled: bool = True) -> OwnBatches:
    trial = OwnTrial.create(network="", batch_size=8, seed=seed)
    return OwnBatches(part, trial, model or make_model(), "train", shuffled=shuffled)


def inputs_of(part: Any, epoch: int, **options: Any) -> Tensor:
    return torch.cat([batch.args[0] for batch, _ in batches(part, **options).epoch(epoch)])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_loader_processes_that_stay_draw_what_new_ones_draw() -> None:
    def drawn(**options: Any) -> list[Tensor]:
        part = DataLoader(Noisy(), 8, shuffle=True, num_workers=1, **options)
        # Two epochs, one of another seed, and the first one again.
        return [inputs_of(part, epoch, seed=seed) for epoch, seed in ((1, 0), (2, 0), (1, 5), (1, 0))]

    stay, anew = drawn(persistent_workers=True), drawn()
    assert all(map(torch.equal, stay, anew))
    assert torch.equal(stay[0], stay[3])
    assert not torch.equal(stay[0], stay[1])
    assert not torch.equal(stay[0], stay[2])


@pytest.mark.parametrize(
    "given",
    [
        tensors(),
        tuple(half.numpy() for half in tensors()),
        TensorDataset(*tensors()),
        DataLoader(TensorDataset(*tensors()), 8, shuffle=True),
        lambda: TensorDataset(*tensors()),
    ],
    ids=["tensors", "arrays", "data set", "loader", "function"],
)
def test_one_part_is_divided_the_same_for_all(given: Any) -> None:
    data = read_data(given)
    trial = OwnTrial.create(network="", validation=0.25)
    again = read_data(given).divided(trial)
    divided = data.divided(trial)
    sizes = [len(getattr(part, "dataset", part)) for part in (divided.train, divided.validation, divided.test)]
    assert sizes == [72, 24, 24]
    seen = {
        tuple(row.tolist()) for part in (divided.train, divided.validation, divided.test) for row in inputs_of(part, 0)
    }
    assert len(seen) == 120
    assert torch.equal(inputs_of(divided.test, 0, shuffled=False), inputs_of(again.test, 0, shuffled=False))


def test_what_is_held_out_of_a_loader_is_loaded_as_it_is() -> None:
    options: dict[str, Any] = {"num_workers": 1, "worker_init_fn": print, "prefetch_factor": 3, "timeout": 9.0}
    data = read_data(DataLoader(Noisy(), 4, persistent_workers=True, **options))
    for part in (data.train, data.test):
        assert {name: getattr(part, name) for name in options} == options
        assert (part.batch_size, part.persistent_workers) == (4, True)


def test_a_partial_function_gives_data_as_its_function_does() -> None:
    def make(count: int) -> tuple[Tensor, Tensor]:
        return torch.randn(count, 6), torch.zeros(count).long()

    data = read_data(functools.partial(make, 10))
    assert (len(data.train), len(data.test)) == (8, 2)


def test_parts_by_place_and_by_name() -> None:
    one, two, three = (TensorDataset(*tensors(count)) for count in (30, 20, 10))
    assert read_data((one, two)).validation is None
    assert read_data((one, two, three)).validation is two
    assert read_data({"train": one, "val": two, "test": three}).validation is two
    assert read_data(((tensors()), (tensors(40)))).test.tensors[0].shape == (40, 6)


@pytest.mark.parametrize("part", [Noisy(), DataLoader(Noisy(), 8, shuffle=True), TensorDataset(*tensors(20))])
def test_order_and_augmentation_follow_seed_and_epoch_alone(part: Any) -> None:
    first = inputs_of(part, 1)
    torch.rand(7)
    assert torch.equal(inputs_of(part, 1), first)
    assert not torch.equal(inputs_of(part, 2), first)
    assert not torch.equal(inputs_of(part, 1, seed=1), first)


def test_what_the_model_draws_does_not_change_the_data_nor_the_other_way_round() -> None:
    loader = DataLoader(Noisy(), 4, shuffle=True, generator=torch.Generator())

    def run(draws: int) -> tuple[list[Tensor], list[Tensor]]:
        fed = batches(loader)
        torch.manual_seed(5)
        data, drawn = [], []
        for batch, _ in fed.epoch(0):
            data.append(batch.args[0])
            drawn.append(torch.rand(draws))
        return data, drawn

    (few, one), (many, _) = run(1), run(9)
    assert all(torch.equal(*pair) for pair in zip(few, many, strict=True))
    torch.manual_seed(5)
    assert all(torch.equal(torch.rand(1), drawn) for drawn in one)


def test_what_a_model_draws_on_a_gpu_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that goes on within an epoch has set the GPU's stream before it reads its data."""
    gpu = torch.Generator().manual_seed(5)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", gpu.manual_seed)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: [gpu.get_state()])
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", lambda states: gpu.set_state(*states))
    drawn = [torch.rand(2, generator=gpu) for _ in batches(Noisy()).epoch(0)]
    assert torch.equal(torch.cat(drawn), torch.rand(2 * len(drawn), generator=torch.Generator().manual_seed(5)))


def test_dictionaries_go_to_arguments_and_answers_come_from_logits() -> None:
    first, second = torch.ones(4, 3), torch.full((4, 3), 2.0)
    loader = [{"first": first, "second": second, "labels": torch.zeros(4, dtype=torch.long), "id": torch.arange(4)}]
    ((batch, target),) = list(batches(loader, Named()).epoch(0))
    assert torch.equal(Fed(Named())(batch), first + second)
    assert target.tolist() == [0, 0, 0, 0]


def test_the_first_batch_is_always_the_same() -> None:
    data = read_data(DataLoader(Noisy(), 8, shuffle=True))
    assert torch.equal(first_batch(data, make_model()).args[0], first_batch(data, make_model()).args[0])


class Once(IterableDataset[Any]):
    """Samples that are gone once they were read."""

    def __init__(self) -> None:
        self.rows = iter([*zip(*tensors(), strict=True)])

    def __iter__(self) -> Any:
        return self.rows


@pytest.mark.parametrize("make", [Once, lambda: DataLoader(Once(), 8)])
def test_data_that_can_be_read_once_only(make: Any) -> None:
    once = batches(make())
    assert len(once) > 1
    for read in (lambda: len(once), lambda: list(once.epoch(0))):
        with pytest.raises(DataError, match=r"gave no batches; .* so its __iter__ has to begin anew"):
            read()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64", ">i2"])
def test_targets_of_any_whole_numbers_are_classes(dtype: str) -> None:
    targets = numpy.arange(10).astype(dtype)[::-1]
    train = read_data(((numpy.ones((10, 2), dtype=">f4"), targets), (numpy.ones((10, 2)), targets))).train
    assert train.tensors[1].tolist() == [*range(9, -1, -1)]
    assert (train.tensors[0].dtype, train.tensors[1].dtype) == (torch.float32, torch.int64)


def test_targets_may_be_a_list_of_numbers() -> None:
    inputs, targets = tensors()
    for given in ((inputs, targets.tolist()), ((inputs, targets.tolist()), (inputs, targets))):
        data = read_data(given)
        (_, target), *_ = batches(data.train, shuffled=False).epoch(0)
        assert target.dtype == torch.int64
    assert torch.equal(data.train.tensors[1], targets)


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter([torch.zeros(6)])


def test_a_loader_of_a_list_of_samples_stays_a_loader() -> None:
    samples = [(torch.full((6,), float(number)), torch.zeros(6)) for number in range(40)]
    data = read_data(DataLoader(samples, 8, shuffle=True))  # type: ignore[arg-type]
    assert [len(batch.args[0]) for batch, _ in batches(data.train).epoch(0)] == [8, 8, 8, 8]
    assert sorted(inputs_of(data.train, 0)[:, 0].tolist() + inputs_of(data.test, 0)[:, 0].tolist()) == [*range(40)]


@pytest.mark.parametrize("target", [1, 1.5, torch.tensor(1), numpy.int64(1)])
def test_a_list_of_samples_is_no_list_of_batches(target: Any) -> None:
    for sample in ((torch.zeros(6), target), {"x": torch.zeros(6), "label": target}):
        assert [len(targets) for _, targets in batches(read_data([sample] * 20).train)] == [8, 8]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((torch.zeros(2, 6), ["cat", "dog"]), "number classes that have names"),
        ((numpy.zeros((2, 6)), numpy.array(["cat", "dog"])), "number classes that have names"),
        ((torch.zeros(2, 6), 3), "got a single number"),
        ((torch.zeros(4, 6), torch.zeros(4), torch.zeros(2, 6), torch.zeros(2)), "data of 4 arrays"),
        (TensorDataset(torch.zeros(0, 6), torch.zeros(0)), "is empty"),
        ((torch.zeros(3, 6), torch.zeros(2)), "3 inputs but 2 targets"),
        ({"tain": 1}, "need the keys train, test"),
        (iter([1]), "cannot be read once per epoch"),
        (3, "cannot be read once per epoch"),
        ([(torch.zeros(4, 6), torch.zeros(4))], "1 batch is too few"),
        (Endless(), "nothing can be held out"),
        (
            DataLoader(Noisy(), batch_sampler=BatchSampler(RandomSampler(Noisy()), 4, drop_last=False)),
            "nothing can be held out",
        ),
        (lambda: 1 / 0, "gives the data failed: ZeroDivisionError"),
        (TensorDataset(*tensors(2)), "too few to hold some out"),
    ],
)
def test_data_that_are_none(given: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_data(given)


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        ([], "gave no batches"),
        ([torch.zeros(4, 6)], r"has no target: a batch is \(inputs, target\)"),
        ([(torch.zeros(2, 6), ("cat", "dog"))], "is of type tuple, expected a tensor; number classes"),
        ([{"x": torch.zeros(2, 6), "label": [1, 2]}], "is of type list, expected a tensor$"),
        ([(torch.zeros(0, 6), torch.zeros(0))], "has no samples"),
        ([{"other": torch.zeros(3, 6), "more": torch.zeros(3)}], "takes"),
    ],
)
def test_batches_that_are_none(loader: Any, message: str) -> None:
    with pytest.raises((DataError, ConfigError), match=message):
        list(batches(loader).epoch(0))


def test_a_batch_that_a_model_takes_whole_has_no_target() -> None:
    with pytest.raises(DataError, match=r"takes first and second, and the batch has 2 entries; give \(first, second, "):
        list(batches([(torch.zeros(2, 6), torch.zeros(2, 6))], Named()))


def test_a_model_without_an_answer() -> None:
    class Silent(nn.Module):
        def forward(self, x: Tensor) -> str:
            return "yes"

    (batch, _), *_ = batches(TensorDataset(*tensors())).epoch(0)
    with pytest.raises(ConfigError, match="no tensor of outputs"):
        Fed(Silent())(batch)


def test_numbers_of_double_precision_become_single() -> None:
    part = read_data(((numpy.zeros((40, 6)), numpy.zeros(40)), (numpy.zeros((4, 6)), numpy.zeros(4)))).train
    assert [half.dtype for half in part.tensors] == [torch.float32, torch.float32]
