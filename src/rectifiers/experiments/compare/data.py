"""The user's own data in three parts, and their batches with named seed streams: whatever form they come in."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy
import torch
from torch import Tensor, nn
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
)

from ...core.errors import ConfigError, DataError, RectifiersError
from ...core.factory import story
from ...core.memory import is_out_of_memory
from ...core.seeds import derive
from ...core.wording import listing, plural
from ...training.batches import Batches
from ...watching.feeding import TARGETS, Batch, Feed
from .digest import as_torch_takes_it
from .generators import restore, seed_all, states
from .trial import OwnTrial

TEST = 0.2
"""Share of the data that are held out to test on where the user gives one part alone."""

NUMBER_CLASSES = "number classes that have names, as numpy.unique(labels, return_inverse=True)[1] does"
"""What to do about targets that are words."""

_NAMES = {"train": "train", "validation": "validation", "val": "validation", "valid": "validation", "test": "test"}

_WHOLE = (torch.int32, torch.int16, torch.uint8, torch.uint16, torch.uint32, torch.uint64)
"""Types of whole numbers that become int64 in targets."""


@dataclass(frozen=True)
class OwnData:
    """What a user's model learns from, is chosen on, and is reported on.

    Args:
        train: to learn from: a loader, or a data set.
        validation: to choose on; None where nothing is chosen.
        test: to report on.
    """

    train: Any
    validation: Any
    test: Any

    def divided(self, trial: OwnTrial) -> OwnData:
        """The same with validation data held out of the training data, where there are none and a trial wants some.

        Raises:
            DataError: nothing can be held out of them.
        """
        if self.validation is not None or not trial.validation:
            return self
        train, validation = _hold_out(self.train, trial.validation, "validation")
        return replace(self, train=train, validation=validation)


def read_data(given: Any) -> OwnData:
    """The data that a user gave.

    Args:
        given: a part, (train, test), (train, validation, test), or a dictionary of these; or a function that returns
            one of them. A part is a `DataLoader`, a `Dataset`, (inputs, targets) as tensors or arrays, or any iterable
            of batches that can be read many times. Of one part alone, a fifth is held out to test on.

    Raises:
        DataError: it is something else, or empty.
    """
    if inspect.isroutine(given) or isinstance(given, functools.partial):
        try:
            given = given()
        except (Exception, SystemExit) as error:
            raise DataError(f"the function that gives the data failed: {story(error)}") from error
        if given is None:
            raise DataError("the function that gives the data returned nothing; return them from it")
    if isinstance(given, Mapping):
        unknown = [str(key) for key in given if key not in _NAMES]
        if unknown or "train" not in given:
            raise DataError(f"data need the keys train, test and perhaps validation, got {', '.join(map(str, given))}")
        named = {_NAMES[key]: value for key, value in given.items()}
        parts = [named["train"], named.get("validation"), named.get("test")]
    elif isinstance(given, tuple | list) and len(given) > 2 and all(map(_is_array, given)):
        raise DataError(
            f"data of {len(given)} arrays do not say which are inputs and which are targets; give them in pairs, as in "
            "((x_train, y_train), (x_test, y_test))"
        )
    elif isinstance(given, tuple | list) and len(given) in (2, 3) and not _is_pair(given) and not _is_batch(given[0]):
        parts = [given[0], given[1] if len(given) == 3 else None, given[-1]]
    else:
        parts = [given, None, None]
    train, validation, test = (None if part is None else _read_part(part) for part in parts)
    if test is None:
        train, test = _hold_out(train, TEST, "test")
    return OwnData(train, validation, test)


class OwnBatches(Batches):
    """Batches of a part of the user's data, ready for a model, and their targets.

    Order and augmentation come from a stream that is named by seed and epoch: what the data draw and what the model
    draws (dropout, RReLU) never meet, so that all variants see the same batches.

    Args:
        part: a loader or a data set.
        trial: gives seed, batch size and device.
        model: decides how a batch is given to it.
        name: of the part, for errors.
        shuffled: whether a data set is shuffled; a loader does as it is made.
    """

    def __init__(self, part: Any, trial: OwnTrial, model: nn.Module, name: str, *, shuffled: bool) -> None:
        self.name, self.seed, self.device, self.size = name, trial.seed, trial.device, trial.batch_size
        self.feed = Feed(model, (), labels=False)
        if isinstance(part, TensorDataset):
            part = _Tensors(part.tensors, trial.batch_size, shuffled=shuffled)
        elif isinstance(part, Dataset):
            part = DataLoader(part, trial.batch_size, shuffle=shuffled and not isinstance(part, IterableDataset))
        self.loader = part

    def __len__(self) -> int:
        try:
            return len(self.loader)
        except TypeError:
            count = sum(1 for _ in self.loader)
        if not count:
            raise self._empty()
        return count

    def __iter__(self) -> Iterator[tuple[Any, Tensor]]:
        """Batches as they are evaluated."""
        return self._pairs(derive(self.seed, self.name))

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[tuple[Any, Tensor]]:
        """Batches in the order and with the augmentation that belong to this epoch and the seed, but for the first."""
        return islice(self._pairs(derive(self.seed, "order", epoch)), skip, None)

    def known_targets(self) -> Tensor | None:
        """The targets of tensors that are all read; None where samples would have to be read to know them."""
        held: Any = self.loader
        if isinstance(held, DataLoader) and isinstance(held.sampler, RandomSampler | SequentialSampler):
            held = held.dataset
        pair = held.tensors if isinstance(held, _Tensors | TensorDataset) else ()
        return pair[1] if len(pair) == 2 else None

    def state_dict(self) -> dict[str, Tensor]:
        """Nothing: a loader is read anew from its first batch when a training goes on within an epoch."""
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> None:
        """Nothing to remember."""

    def _pairs(self, seed: int) -> Iterator[tuple[Any, Tensor]]:
        number = 0
        for number, raw in enumerate(_stream(self.loader, seed), start=1):
            try:
                batch = self.feed.prepare(raw, number)
            except ConfigError as error:
                # The model is called by our loop, so calling it another way is not a remedy here.
                reason = str(error).partition("; say how")[0].partition(". Say how")[0]
                raise DataError(
                    f"{reason}; let the loader give (inputs, target), or a dictionary whose keys are the arguments of "
                    f"the model's forward and one of {listing(TARGETS, len(TARGETS))}"
                ) from None
            if batch.target is None:
                raise self._without_target(raw, number)
            if not batch.size:
                raise DataError(f"batch {number} of the {self.name} data has no samples; leave it out")
            yield batch, batch.target.to(self.device)
        if not number:
            raise self._empty()

    def _without_target(self, raw: Any, number: int) -> DataError:
        """The error of a batch in which there is none, or one that is no tensor."""
        batch = f"batch {number} of the {self.name} data"
        signature = self.feed.signature
        target = next((raw[key] for key in TARGETS if key in raw), None) if isinstance(raw, Mapping) else None
        if isinstance(raw, Sequence) and len(raw) > max(1, signature.needed):
            target = raw[signature.needed or 1]
        if target is not None:
            advice = f"; {NUMBER_CLASSES}" if _is_words(target) else ""
            return DataError(f"the target of {batch} is of type {type(target).__name__}, expected a tensor{advice}")
        usual = f"a batch is (inputs, target), or a dictionary with one of {listing(TARGETS, len(TARGETS))}"
        if isinstance(raw, Sequence) and signature.needed > 1:
            taken = listing(signature.names[: signature.needed])
            usual = (
                f"the model takes {taken}, and the batch has {plural(len(raw), 'entry', 'entries')}; give "
                f"({', '.join(signature.names[: signature.needed])}, target), or train with train=… of your own"
            )
        return DataError(f"{batch} has no target: {usual}")

    def _empty(self) -> DataError:
        """The error of data in which there is nothing, or nothing any more."""
        dataset = self.loader.dataset if isinstance(self.loader, DataLoader) else self.loader
        sized = not isinstance(dataset, IterableDataset) and hasattr(dataset, "__len__")
        advice = "" if sized else "; data are read once per epoch and more often, so its __iter__ has to begin anew"
        return DataError(
            f"the loader of the {self.name} data gave no batches; check its data set and drop_last{advice}"
        )


class _Tensors:
    """Batches of tensors, taken as a whole: many times as fast as samples that are put together one by one."""

    def __init__(self, tensors: Sequence[Tensor], size: int, *, shuffled: bool) -> None:
        self.tensors, self.size, self.shuffled = tensors, size, shuffled

    def __len__(self) -> int:
        return -(-len(self.tensors[0]) // self.size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        count = len(self.tensors[0])
        order = torch.randperm(count, device="cpu") if self.shuffled else torch.arange(count, device="cpu")
        for indices in order.split(self.size):
            yield tuple(tensor[indices] for tensor in self.tensors)


class Fed(nn.Module):
    """A model that takes batches as `OwnBatches` gives them, and returns one tensor."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Tensor:
        """Call the model, and find its answer: a tensor, `logits`, or the first tensor that it returns."""
        return _answer(self.model(*batch.args, **batch.kwargs), type(self.model).__name__)


def first_batch(data: OwnData, model: nn.Module) -> Batch:
    """The first training batch, always the same."""
    trial = OwnTrial.create(network="", batch_size=8)
    batch, _ = next(iter(OwnBatches(data.train, trial, model, "train", shuffled=False)))
    found: Batch = batch
    return found


def _answer(outputs: Any, name: str) -> Tensor:
    for candidate in (
        outputs,
        getattr(outputs, "logits", None),
        outputs.get("logits") if isinstance(outputs, Mapping) else None,
        outputs.get("out") if isinstance(outputs, Mapping) else None,
        outputs[0] if isinstance(outputs, tuple | list) and outputs else None,
    ):
        if isinstance(candidate, Tensor):
            return candidate
    raise ConfigError(
        f"{name} returns {type(outputs).__name__}, in which there is no tensor of outputs; return one, or train with "
        "train=… of your own"
    )


def _stream(loader: Iterable[Any], seed: int) -> Iterator[Any]:
    """What a loader gives, drawn from streams of its own that are left whenever it has given a batch."""
    outside = states()
    seed_all(seed)
    if getattr(loader, "persistent_workers", False):
        # Workers that stay would go on drawing where the run before left them.
        loader._iterator = None  # type: ignore[attr-defined]
    for generator in _generators(loader):
        generator.manual_seed(seed)
    inside = None
    iterator = None
    try:
        while True:
            if iterator is None:
                iterator = iter(loader)
            else:
                restore(inside)
            try:
                batch = next(iterator)
            except StopIteration:
                return
            except (Exception, SystemExit) as error:
                if isinstance(error, RectifiersError) or is_out_of_memory(error):
                    raise
                raise DataError(f"reading the data failed: {story(error)}") from error
            inside = states()
            restore(outside)
            yield batch
            outside = states()
    finally:
        restore(outside)


def _generators(loader: Any) -> list[torch.Generator]:
    found = (
        getattr(loader, "generator", None),
        getattr(getattr(loader, "sampler", None), "generator", None),
        getattr(getattr(getattr(loader, "batch_sampler", None), "sampler", None), "generator", None),
    )
    return [generator for generator in found if isinstance(generator, torch.Generator)]


def _is_array(thing: Any) -> bool:
    return isinstance(thing, Tensor) or (hasattr(thing, "__array__") and hasattr(thing, "dtype"))


def _is_pair(given: Any) -> bool:
    """Whether it is (inputs, targets): arrays, or an array and a list of numbers or of words."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        return False
    return any(map(_is_array, given)) and all(_is_array(one) or _begins_with(one, int | float | str) for one in given)


def _begins_with(thing: Any, kind: Any) -> bool:
    """Whether a list, or a list of lists, begins with an entry of a kind."""
    while isinstance(thing, list | tuple) and thing:
        thing = thing[0]
    return isinstance(thing, kind)


def _is_batch(thing: Any) -> bool:
    """Whether it is one batch of several in a list, with its target, and not a part."""
    return isinstance(thing, Mapping) and any(isinstance(value, Tensor) for value in thing.values())


def _is_words(thing: Any) -> bool:
    """Whether it is an array or a list of words."""
    if isinstance(thing, numpy.ndarray):
        thing = thing.ravel()[:1].tolist()
    return _begins_with(thing, str)


def _read_part(part: Any) -> Any:
    if _is_pair(part):
        try:
            inputs, targets = (
                torch.as_tensor(as_torch_takes_it(one) if isinstance(one, numpy.ndarray) else one) for one in part
            )
        except (TypeError, ValueError, RuntimeError) as error:
            reason = NUMBER_CLASSES if any(map(_is_words, part)) else story(error)
            raise DataError(f"inputs and targets have to be numbers: {reason}") from error
        if not (inputs.dim() and targets.dim()):
            raise DataError("inputs and targets are arrays with an entry for each sample, got a single number")
        # NumPy's numbers are of double precision, models seldom: where the user asked PyTorch for that.
        if torch.get_default_dtype() != torch.float64:
            inputs, targets = (one.float() if one.dtype == torch.float64 else one for one in (inputs, targets))
        if targets.dtype in _WHOLE:
            targets = targets.long()
        if len(inputs) != len(targets):
            raise DataError(f"{len(inputs):,} inputs but {len(targets):,} targets; expected one target for each input")
        return _filled(TensorDataset(inputs, targets))
    if isinstance(part, DataLoader):
        return part
    if isinstance(part, Dataset) or (
        hasattr(part, "__getitem__") and hasattr(part, "__len__") and not _holds_batches(part)
    ):
        return _filled(part if isinstance(part, Dataset) else _Rows(part))
    if isinstance(part, Iterator) or not isinstance(part, Iterable) or isinstance(part, str | Tensor | Mapping):
        raise DataError(
            f"data of type {type(part).__name__} cannot be read once per epoch; give a DataLoader, a Dataset, "
            "(inputs, targets), or a list of batches"
        )
    return part


def _holds_batches(part: Any) -> bool:
    """Whether a sequence is one of batches: its first entry holds several samples, and not a single target."""
    if not isinstance(part, list | tuple):
        return False
    first = part[0] if part else ()
    if isinstance(first, Mapping):
        return not _is_single(next((first[key] for key in TARGETS if key in first), None))
    return isinstance(first, tuple | list) and not (first and _is_single(first[-1]))


def _is_single(target: Any) -> bool:
    """Whether it is one number."""
    return isinstance(target, int | float) or (_is_array(target) and not target.shape)


class _Rows(Dataset[Any]):
    """Anything that has a length and entries by number."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        return self.rows[index]


def _filled(dataset: Dataset[Any]) -> Dataset[Any]:
    if hasattr(dataset, "__len__") and not len(dataset):
        raise DataError("the data set is empty; give one with samples")
    return dataset


def _hold_out(part: Any, share: float, name: str) -> tuple[Any, Any]:
    """Set a share of a part aside, the same whatever the seed, so that all runs are judged on the same samples.

    Raises:
        DataError: its samples cannot be counted, or are too few.
    """
    dataset = part.dataset if isinstance(part, DataLoader) else part
    # A loader with a batch_sampler of the user's has a sequential sampler, too.
    plain = not isinstance(part, DataLoader) or (
        isinstance(part.sampler, RandomSampler | SequentialSampler)
        and (part.batch_size is not None or part.batch_sampler is None)
    )
    if isinstance(part, list | tuple):
        count = round(share * len(part))
        if not 0 < count < len(part):
            raise DataError(
                f"{len(part)} {'batch is' if len(part) == 1 else 'batches are'} too few to hold some out for "
                f"{name}; give data=(train, validation, test)"
            )
        return part[:-count], part[-count:]
    # A loader takes anything that has a length and samples by number.
    counted = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    if not counted or isinstance(dataset, IterableDataset) or not plain:
        raise DataError(f"nothing can be held out of this loader for {name}; give data=(train, validation, test)")
    total = len(dataset)  # type: ignore[arg-type]
    count = round(share * total)
    if not 0 < count < total:
        raise DataError(
            f"{plural(total, 'sample')} {'is' if total == 1 else 'are'} too few to hold some out for {name}; give "
            "data=(train, validation, test)"
        )
    order = torch.randperm(
        total, generator=torch.Generator().manual_seed(derive(0, "hold-out", name)), device="cpu"
    ).tolist()
    rest, chosen = sorted(order[count:]), sorted(order[:count])
    if isinstance(part, TensorDataset):
        return TensorDataset(*(one[rest] for one in part.tensors)), TensorDataset(
            *(one[chosen] for one in part.tensors)
        )
    kept, held = Subset(dataset, rest), Subset(dataset, chosen)
    if not isinstance(part, DataLoader):
        return kept, held
    return _like(part, kept, shuffled=isinstance(part.sampler, RandomSampler)), _like(part, held, shuffled=False)


def _like(loader: DataLoader[Any], dataset: Dataset[Any], *, shuffled: bool) -> DataLoader[Any]:
    """A loader of other samples that is made like another."""
    return DataLoader(
        dataset,
        loader.batch_size,
        shuffle=shuffled,
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
        drop_last=shuffled and loader.drop_last,
        timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
        prefetch_factor=loader.prefetch_factor,
        persistent_workers=loader.persistent_workers,
    )
