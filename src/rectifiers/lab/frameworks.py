"""Trainings of other frameworks for `rectifiers.compare`: one line each.

Each takes a user's function of the model and the seed, and returns what `compare` takes as `train`. Other settings of
`compare`, such as `lr`, are passed to that function too, by name.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch

from ..core.errors import ConfigError
from ..experiments.compare.generators import seed_all

Train = Callable[..., Mapping[str, float]]
"""`train(model, seed, report) -> metrics`."""


def from_trainer(make_trainer: Callable[..., Any]) -> Train:
    """Train with Hugging Face's `Trainer`, and measure what its `evaluate` gives.

    Args:
        make_trainer: takes the model and the seed, and returns a `transformers.Trainer` of it; its arguments need not
            set the seed, and a `seed` or `data_seed` that they set gives way to it. Its progress and its metrics are
            not printed, because a comparison has many runs and shows its own progress; its callbacks are otherwise left
            alone.

    Returns:
        A training: `compare(…, train=from_trainer(make_trainer), metric="accuracy")`.

    Example:
        >>> class Trainer:
        ...     args = type("Arguments", (), {"seed": 42, "data_seed": None})()
        ...     def train(self): pass
        ...     def evaluate(self): return {"eval_loss": 0.5, "seed": self.args.seed}
        >>> from_trainer(lambda model, seed: Trainer())(None, 3, None)
        {'eval_loss': 0.5, 'seed': 3}
    """

    def train(model: Any, seed: int, report: Any, **settings: Any) -> Mapping[str, float]:
        trainer = make_trainer(model, seed, **settings)
        if not hasattr(trainer, "evaluate") or not hasattr(trainer, "train"):
            raise ConfigError(f"{_name(make_trainer)} returned {type(trainer).__name__}; it has to return a Trainer")
        # The order of the data follows it, too.
        trainer.args.seed, trainer.args.data_seed = seed, seed
        # A `data_seed` of the user's was handed on as it was made, and would order the data alike for all seeds.
        handed_on: Any = getattr(getattr(trainer, "accelerator", None), "dataloader_config", None)
        if getattr(handed_on, "data_seed", None) is not None:
            handed_on.data_seed = seed
        # As it was made it seeded everything with what its arguments said then, which is the same for all seeds.
        seed_all(seed)
        if not torch.accelerator.is_available():
            trainer.args.dataloader_pin_memory = False  # it would do nothing but warn, in each run
        _quieten(trainer)
        trainer.train()
        found: Mapping[str, float] = trainer.evaluate()
        return found

    return _called_as(make_trainer, train)


PRINTS = ("PrinterCallback", "ProgressCallback", "NotebookProgressCallback")
"""Callbacks of a `transformers.Trainer` that print."""


def _quieten(trainer: Any) -> None:
    for callback in list(getattr(getattr(trainer, "callback_handler", None), "callbacks", ())):
        if type(callback).__name__ in PRINTS:
            trainer.remove_callback(callback)


def from_lightning(make: Callable[..., Any]) -> Train:
    """Train with Lightning's `Trainer`, and measure what its module logs in its test, or else in validation.

    Args:
        make: takes the model and the seed, and returns `(trainer, module, data)`: a `lightning.Trainer`, a
            `LightningModule` around the model, and a data module or a dictionary of the loaders `train`, `val` and
            perhaps `test`, each a `DataLoader`.

    Returns:
        A training: `compare(…, train=from_lightning(make), metric="accuracy")`. What is logged as `val_accuracy` is
        `accuracy` where there is no test data.
    """

    def train(model: Any, seed: int, report: Any, **settings: Any) -> Mapping[str, float]:
        made = make(model, seed, **settings)
        if not isinstance(made, tuple) or len(made) != 3:
            raise ConfigError(f"{_name(make)} has to return (trainer, module, data), got {type(made).__name__}")
        trainer, module, data = made
        if isinstance(data, Mapping):
            fitted = {"train_dataloaders": data["train"], "val_dataloaders": data.get("val")}
            tested = {"dataloaders": data.get("test")}
            has_test = data.get("test") is not None
        else:
            fitted = tested = {"datamodule": data}
            has_test = type(data).test_dataloader is not _base_of(data).test_dataloader
        trainer.fit(module, **fitted)
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if has_test:
            # An accuracy that training logs under its mere name is none of the test.
            logged = {name: value for name, value in logged.items() if name.startswith(("train", "val"))}
            logged |= {
                name: float(value)
                for found in trainer.test(module, verbose=False, **tested)
                for name, value in found.items()
            }
            return logged
        plain = {name.removeprefix("val_"): value for name, value in logged.items() if name.startswith("val_")}
        return plain or logged

    return _called_as(make, train)


def from_accelerate(loop: Train) -> Train:
    """Train with a loop of your own that uses Accelerate: its seed is set, and what it prepared is released afterwards.

    Args:
        loop: `loop(model, seed, report) -> metrics`, which makes its own `Accelerator`.

    Returns:
        A training: `compare(…, train=from_accelerate(loop))`.
    """

    def train(model: Any, seed: int, report: Any, **settings: Any) -> Mapping[str, float]:
        from accelerate.state import AcceleratorState
        from accelerate.utils import release_memory, set_seed

        set_seed(seed)
        try:
            return loop(model, seed, report, **settings)
        finally:
            # Another run may want another precision or device.
            AcceleratorState._reset_state()
            release_memory()

    return _called_as(loop, train)


def _base_of(data: Any) -> Any:
    """Lightning's own data module class, whose methods a user's replace."""
    return next(
        cls for cls in type(data).__mro__ if cls.__module__.partition(".")[0] in ("lightning", "pytorch_lightning")
    )


def _called_as(user: Callable[..., Any], train: Train) -> Train:
    """Let a training be called what the user's function is called, in results and messages."""
    named = _named(user)
    train.__name__, train.__qualname__, train.__module__ = named.__name__, named.__qualname__, named.__module__
    return train


def _name(user: Callable[..., Any]) -> str:
    return str(_named(user).__name__)


def _named(user: Callable[..., Any]) -> Any:
    """What has the name of a user's function: the function of a partial one, and the class of an object."""
    while isinstance(user, functools.partial):
        user = user.func
    return user if hasattr(user, "__qualname__") else type(user)
