"""Trainings of other frameworks, by the examples that users copy; skipped where a framework is not installed."""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch

import rectifiers
from rectifiers.core.errors import ConfigError
from rectifiers.lab import frameworks

from ..loading import load

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("package", "example", "wrapper", "function"),
    [
        ("transformers", "compare_trainer", "from_trainer", "make_trainer"),
        ("lightning", "compare_lightning", "from_lightning", "make"),
        ("accelerate", "compare_accelerate", "from_accelerate", "loop"),
    ],
)
def test_the_examples_compare(
    package: str, example: str, wrapper: str, function: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(package)
    module = load(EXAMPLES / f"{example}.py")
    train = getattr(frameworks, wrapper)(getattr(module, function))
    options: dict[str, Any] = {"metric": "accuracy", "activations": ["arelu"], "costs": False, "progress": False}
    found = rectifiers.compare(module.make_model, train=train, seeds=2, results=tmp_path, **options)
    scores = [result.value("final_epoch") for result in found.results]
    assert len(set(scores)) > 2
    assert found.findings.measure.name == "accuracy"
    assert not found.findings.verdict.text.startswith(function)
    assert not found.findings.notes, "two runs of one seed are the same"
    assert capsys.readouterr().out == ""


class PrinterCallback:
    """Called as one of transformers' own is."""


class Recorder:
    """A trainer without a framework."""

    def __init__(self, *callbacks: Any) -> None:
        self.callback_handler = type("Handler", (), {"callbacks": list(callbacks)})()
        self.args = type("Arguments", (), {"seed": 42, "data_seed": None})()
        self.accelerator: Any = None
        self.trained = False

    def remove_callback(self, callback: Any) -> None:
        self.callback_handler.callbacks.remove(callback)

    def train(self) -> None:
        self.trained = True

    def evaluate(self) -> dict[str, float]:
        return {"eval_accuracy": float(self.trained), "eval_seed": self.args.seed + self.args.data_seed}


def test_a_trainer_gets_the_seed_and_what_is_set() -> None:
    rates = []

    def make_trainer(model: Any, seed: int, lr: float) -> Recorder:
        rates.append(lr)
        return Recorder()

    train = frameworks.from_trainer(make_trainer)
    assert train(None, 3, None, lr=0.5) == {"eval_accuracy": 1.0, "eval_seed": 6}
    assert (rates, train.__name__) == ([0.5], "make_trainer")


def test_what_a_trainer_draws_follows_the_seed() -> None:
    class Drawing(Recorder):
        """Seeds everything as it is made, as transformers' own does, and draws an order and dropout from that."""

        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(self.args.seed)

        def evaluate(self) -> dict[str, float]:
            return {"order": torch.random.initial_seed(), "dropout": float(torch.rand(()))}

    train = frameworks.from_trainer(lambda model, seed: Drawing())
    first, again, other = (train(None, seed, None) for seed in (1, 1, 2))
    assert first == again
    assert all(first[key] != other[key] for key in first)


@pytest.mark.parametrize(("given", "ordered_by"), [(7, 3), (None, None)])
def test_an_order_of_data_that_a_trainer_was_made_with_follows_the_seed(
    given: int | None, ordered_by: int | None
) -> None:
    trainer = Recorder()
    config = SimpleNamespace(data_seed=given)
    trainer.accelerator = SimpleNamespace(dataloader_config=config)
    frameworks.from_trainer(lambda model, seed: trainer)(None, 3, None)
    assert config.data_seed == ordered_by


def test_a_trainer_prints_nothing_and_keeps_callbacks_of_the_users_own() -> None:
    own = object()
    trainer = Recorder(PrinterCallback(), own)
    frameworks.from_trainer(lambda model, seed: trainer)(None, 3, None)
    assert trainer.callback_handler.callbacks == [own]


def test_what_a_test_logs_counts_and_not_what_training_logs_under_the_same_name() -> None:
    class Trainer:
        """Lightning's, as far as it is called."""

        callback_metrics: ClassVar = {"accuracy": 0.9, "val_accuracy": 0.7, "train_loss": 0.2}

        def fit(self, module: Any, **loaders: Any) -> None: ...

        def test(self, module: Any, verbose: bool, dataloaders: Any) -> list[dict[str, float]]:
            return [{"test_accuracy": 0.6}]

    train = frameworks.from_lightning(lambda model, seed: (Trainer(), model, {"train": [], "val": [], "test": []}))
    assert train(None, 0, None) == {"test_accuracy": 0.6, "val_accuracy": 0.7, "train_loss": 0.2}


def test_a_partial_function_and_an_object_make_trainers_too() -> None:
    class Maker:
        """Makes trainers when called."""

        def __call__(self, model: Any, seed: int) -> Recorder:
            return Recorder()

    def make_trainer(callbacks: Any, model: Any, seed: int) -> Recorder:
        return Recorder(*callbacks)

    for make, name in ((functools.partial(make_trainer, []), "make_trainer"), (Maker(), "Maker")):
        train = frameworks.from_trainer(make)
        assert train(None, 3, None)["eval_seed"] == 6
        assert train.__name__ == name


def test_what_returns_no_trainer() -> None:
    with pytest.raises(ConfigError, match="it has to return a Trainer"):
        frameworks.from_trainer(lambda model, seed: model)(None, 0, None)
    with pytest.raises(ConfigError, match=r"has to return \(trainer, module, data\)"):
        frameworks.from_lightning(lambda model, seed: model)(None, 0, None)


def test_trainings_are_told_apart_by_what_they_wrap() -> None:
    from rectifiers.experiments.compare.references import digest

    one, same, other = (frameworks.from_trainer(f) for f in (Recorder.train, Recorder.train, Recorder.evaluate))
    assert digest(one) == digest(same) != digest(other)
