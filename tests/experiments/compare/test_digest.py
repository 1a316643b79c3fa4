"""What identifies code and content that a user brings."""

from __future__ import annotations

import argparse
import functools
import importlib
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from rectifiers.experiments.compare.digest import digest

RATE = 0.1


def helper() -> float:
    return RATE


def uses_helper() -> float:
    return 2 * helper()


def test_the_digest_follows_helpers_and_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(uses_helper)
    assert digest(uses_helper) == before
    monkeypatch.setitem(globals(), "RATE", 0.2)
    assert digest(uses_helper) != before


def test_the_digest_follows_closures_and_defaults() -> None:
    def make(width: int) -> object:
        return lambda: width

    assert digest(make(1)) != digest(make(2))
    assert digest(functools.partial(uses_helper, 1)) != digest(functools.partial(uses_helper, 2))


def test_functions_on_one_line_are_told_apart() -> None:
    one, two, three = (lambda x: torch.relu(x)), (lambda x: torch.tanh(x)), (lambda x: [torch.sin(y) for y in x])
    assert len({digest(one), digest(two), digest(three)}) == 3
    assert digest(one) == digest(one)


def test_functions_without_a_source_are_told_apart() -> None:
    def make(name: str) -> Any:
        names: dict[str, Any] = {"torch": torch}
        exec(f"def act(x):\n    return [torch.{name}(y) for y in x]", names)
        return names["act"]

    assert digest(make("relu")) == digest(make("relu")) != digest(make("tanh"))


def test_data_are_known_by_content() -> None:
    one, two = torch.arange(6.0), torch.arange(6.0)
    assert digest((one, one)) == digest((two, two.clone()))
    two[3] = 9
    assert digest(one) != digest(two)
    assert digest(numpy.ones(3)) != digest(numpy.zeros(3))
    assert digest(numpy.array(["a.png"])) == digest(numpy.array(["a.png"])) != digest(numpy.array(["b.png"]))
    loaders = [DataLoader(TensorDataset(data), 2, shuffle=True) for data in (one, one.clone(), two)]
    assert digest(loaders[0]) == digest(loaders[1]) != digest(loaders[2])


def test_looking_at_a_loader_draws_nothing() -> None:
    generator = torch.Generator().manual_seed(3)
    loader = DataLoader(TensorDataset(torch.arange(6.0)), 2, shuffle=True, generator=generator)
    before = torch.get_rng_state(), generator.get_state()
    digest(loader)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.equal(generator.get_state(), before[1])


class Augmented(Dataset[Any]):
    """Samples that are changed at random, as augmentation written for images does, by one of three generators."""

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw

    def __len__(self) -> int:
        return 6

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return torch.full((2,), place + self._draw()), place


@pytest.mark.parametrize(
    "draw",
    [random.random, lambda: float(numpy.random.rand()), lambda: float(torch.rand(()))],  # noqa: NPY002
)
def test_data_that_draw_are_the_same_data_each_time(draw: Callable[[], float]) -> None:
    data = Augmented(draw)
    random.seed(1)
    numpy.random.seed(1)  # noqa: NPY002
    before = random.getstate(), numpy.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    assert digest(data) == digest(data)
    assert digest(DataLoader(data, 2)) == digest(DataLoader(data, 2))
    assert (random.getstate(), numpy.random.get_state()[1].tolist()) == before  # type: ignore[index]  # noqa: NPY002


def test_weights_count() -> None:
    one, two = nn.Linear(2, 2), nn.Linear(2, 2)
    assert digest(one) != digest(two)
    two.load_state_dict(one.state_dict())
    assert digest(one) == digest(two)


SETTINGS: dict[str, Any] = {"width": 8, "layers": [1, 2]}
ARGS = argparse.Namespace(width=8, seeds=5)
FOLDER = Path("photos")
LOSS = nn.HuberLoss(delta=1.0)
SEEN: list[float] = []
COUNTS: dict[str, int] = {}


def uses_settings() -> Any:
    return SETTINGS["width"], ARGS.width, FOLDER, LOSS


def passes_arguments_on() -> Any:
    return helper(), ARGS


def writes() -> None:
    SEEN.append(1.0)
    COUNTS["runs"] = 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SETTINGS", {"width": 8, "layers": [1, 3]}),
        ("ARGS", argparse.Namespace(width=9, seeds=5)),
        ("FOLDER", Path("drawings")),
        ("LOSS", nn.HuberLoss(delta=2.0)),
    ],
)
def test_settings_that_a_function_reads_count(name: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(uses_settings)
    assert digest(uses_settings) == before
    monkeypatch.setitem(globals(), name, value)
    assert digest(uses_settings) != before


def test_of_arguments_only_what_a_function_reads_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(uses_settings), digest(passes_arguments_on)
    monkeypatch.setitem(globals(), "ARGS", argparse.Namespace(width=8, seeds=50))
    assert digest(uses_settings) == before[0]
    assert digest(passes_arguments_on) != before[1]


def test_what_a_function_writes_to_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(writes)
    monkeypatch.setitem(globals(), "SEEN", [1.0])
    monkeypatch.setitem(globals(), "COUNTS", {"runs": 1})
    assert digest(writes) == before


MAKERS: dict[str, Callable[[], Any]] = {"helper": helper}
LAYERS: dict[str, type[nn.Module]] = {"act": nn.ReLU}


class Makers:
    def __init__(self, width: int) -> None:
        self.width = width
        self.made: dict[str, Any] = {}

    def register(self, name: str, made: Any) -> None:
        self.made[name] = made


REGISTRY = Makers(3)


def register(name: str, make: Callable[[], Any]) -> None:
    MAKERS[name] = make


def uses_makers() -> Any:
    return MAKERS["helper"](), LAYERS["act"](), REGISTRY


def test_what_is_registered_does_not_count_for_processes_import_other_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(uses_makers)
    monkeypatch.setitem(MAKERS, "another", helper)
    monkeypatch.setitem(REGISTRY.made, "another", helper)
    assert digest(uses_makers) == before
    monkeypatch.setitem(LAYERS, "act", nn.GELU)
    assert digest(uses_makers) != before
    monkeypatch.setitem(LAYERS, "act", nn.ReLU)
    monkeypatch.setattr(REGISTRY, "width", 4)
    assert digest(uses_makers) != before


USES = "import parts_of_a_test\n\ndef net():\n    return parts_of_a_test.block(parts_of_a_test.WIDTH)\n"
IMPORTS = "def net():\n    from parts_of_a_test import WIDTH, block\n\n    return block(WIDTH)\n"
PARTS = "from torch import nn\n\nWIDTH = 8\n\ndef block(width):\n    return nn.Linear(width, width)\n"


@pytest.mark.parametrize("code", [USES, IMPORTS])
@pytest.mark.parametrize(("old", "new"), [("WIDTH = 8", "WIDTH = 9"), ("width, width", "width, width, bias=False")])
def test_the_digest_follows_modules_of_the_project(
    code: str, old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def read(parts: str) -> str:
        (tmp_path / "net_of_a_test.py").write_text(code)
        (tmp_path / "parts_of_a_test.py").write_text(parts)
        for name in ("net_of_a_test", "parts_of_a_test"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        found = digest(importlib.import_module("net_of_a_test").net)
        del sys.modules["net_of_a_test"], sys.modules["parts_of_a_test"]
        return found

    before = read(PARTS)
    assert read(PARTS) == before
    assert read(f"{PARTS}\nUNUSED = 1\n") == before
    assert read(PARTS.replace(old, new)) != before


def test_what_runs_counts_and_not_what_a_file_says_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file = tmp_path / "edited_width.py"
    file.write_text("def width():\n    return 8\n")
    importlib.invalidate_caches()
    module = importlib.import_module("edited_width")
    before = digest(module.width)
    file.write_text("def width():\n    return 16\n")
    stale = digest(module.width)
    importlib.reload(module)
    assert len({before, stale, digest(module.width)}) == 3
    file.write_text("def width():\n    return 8\n")
    importlib.reload(module)
    assert digest(module.width) == before


class Columns(Dataset[Any]):
    def __init__(self, inputs: Tensor, targets: Tensor) -> None:
        self.columns = {"inputs": inputs, "targets": targets}
        self.remembered: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self.columns["inputs"])

    def __getitem__(self, place: int) -> Any:
        self.remembered[place] = self.columns["inputs"][place], self.columns["targets"][place]
        return self.remembered[place]


@pytest.mark.parametrize(
    "make",
    [
        lambda *tensors: Subset(TensorDataset(*tensors), [0, 5, 9]),
        lambda *tensors: DataLoader(Subset(TensorDataset(*tensors), range(10)), 2),  # type: ignore[arg-type]
        Columns,
    ],
)
def test_data_within_data_sets_count(make: Callable[..., Any]) -> None:
    inputs, targets = torch.arange(20.0).reshape(10, 2), torch.zeros(10)
    before = digest(make(inputs, targets))
    assert digest(make(inputs, targets)) == before
    targets[8] = 1  # none of the three samples that are looked at
    assert digest(make(inputs, targets)) != before


def test_what_a_data_set_remembers_does_not_count() -> None:
    data = Columns(torch.arange(20.0).reshape(10, 2), torch.zeros(10))
    before = digest(data)
    for place in range(len(data)):
        data[place]
    assert digest(data) == before


def test_the_parts_of_a_model_count() -> None:
    def make(share: float, act: type[nn.Module]) -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(2, 3), act(), nn.Dropout(share))

    assert digest(make(0.1, nn.ReLU)) == digest(make(0.1, nn.ReLU).eval())
    assert len({digest(make(0.1, nn.ReLU)), digest(make(0.5, nn.ReLU)), digest(make(0.1, nn.GELU))}) == 3
    frozen = make(0.1, nn.ReLU)
    frozen.requires_grad_(False)
    assert digest(frozen) != digest(make(0.1, nn.ReLU))
    assert digest(nn.HuberLoss(delta=1.0)) != digest(nn.HuberLoss(delta=2.0))


def test_what_a_word_stands_for_counts() -> None:
    def make(held: object) -> Callable[[], object]:
        return lambda: held

    held = (torch.relu, torch.tanh, torch.float32, torch.float64, Path("a"), Path("b"))
    assert len({digest(make(one)) for one in held}) == len(held)


@pytest.mark.parametrize("change", [lambda x: x[::-1], lambda x: x.astype(">f4")])
def test_arrays_of_every_order_are_known(change: Callable[[Any], Any]) -> None:
    array = change(numpy.arange(6, dtype="float32"))
    assert digest(array) == digest(numpy.ascontiguousarray(array, dtype="float32"))


class Stream(IterableDataset[Any]):
    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Any]:
        return iter(range(self.length))


def test_a_stream_may_have_a_length() -> None:
    assert digest(Stream(4)) == digest(Stream(4)) != digest(Stream(5))
    assert digest(DataLoader(Stream(4), 2)) != digest(DataLoader(Stream(5), 2))
