"""What a user's file brings: registered, stamped into trials, found again by workers, and refused when it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from rectifiers import activations, datasets, networks
from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.experiments import own
from rectifiers.experiments.identity import identify
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.runner import run
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial
from rectifiers.testing import check

from .samples import TINY, cells, tiny

Write = Callable[..., Path]

DATA = '''
from rectifiers import datasets
from rectifiers.datasets.source import Source


def source():
    """The digits."""
    return datasets.load("digits")


class Mine(Source):
    def load(self, data_dir):
        return datasets.load("digits")


held = Mine()
'''
NET = '''
from torch import nn
from rectifiers.networks.blocks import activate


class Net(nn.Module):
    """One hidden layer."""

    def __init__(self, act, *, shape, classes):
        super().__init__()
        function, out = activate(act, 16)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), function, nn.Linear(out, classes))

    def forward(self, x):
        return self.layers(x)
'''
AUGMENT = """
import torch
from rectifiers.training.augmentation.transform import Transform


class Darken(Transform):
    def draw(self, shape, generator):
        return torch.rand(shape[0], generator=generator)

    def apply(self, images, drawn):
        return images // 2
"""


OPTIMIZER = """
import torch


class Signs(torch.optim.Optimizer):
    'Steps of one size.'

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.sub_(group["lr"] * parameter.grad.sign())
"""


def trial(**changes: object) -> Trial:
    return identify(Trial.create(**{**TINY, **changes}))


def test_an_activation_is_known_by_its_name(own_file: Write) -> None:
    one = own.use(f"{own_file()}:MyAct")
    assert (one.kind, one.name, one.title) == ("activation", "MyAct", "MyAct")
    assert activations.create("MyAct", channels=3)(torch.zeros(1, 3)).tolist() == [[0, 0, 0]]
    assert own.use(str(own_file())) == own.use(f"{own_file()}:MyAct")
    assert own.loaded()[-1].digest == one.digest


def test_a_file_that_changed_takes_the_place_of_what_it_was(own_file: Write) -> None:
    first = own.use(f"{own_file()}:MyAct")
    content = own_file().read_text(encoding="utf-8").replace("self.a * x)", "self.a * x) + 1")
    second = own.use(f"{own_file(content)}:MyAct")
    assert second.digest != first.digest
    assert activations.create("MyAct")(torch.zeros(1)).tolist() == [1]


@pytest.mark.parametrize("name", ["source", "Mine", "held"])
def test_data_sets_by_function_class_or_value(own_file: Write, name: str) -> None:
    own.use(f"{own_file(DATA, 'my_data.py')}:{name}")
    loaded = datasets.load(name)
    assert datasets.digest(loaded) == datasets.digest(datasets.load("digits"))
    assert datasets.check(name).ready


def test_a_network_and_an_augmentation_are_trained(own_file: Write) -> None:
    own.use(str(own_file(NET, "my_net.py")))
    own.use(str(own_file(AUGMENT, "my_aug.py")))
    mine = trial(network="Net", augment=("Darken",))
    assert {name for name, _ in mine.own} == {"network Net", "augmentation Darken"}
    assert run_trial(mine).status == "done"
    assert "Net" in networks.registry


def test_an_optimizer_is_trained_with_and_checked(own_file: Write) -> None:
    path = own_file(OPTIMIZER, "my_opt.py")
    assert check(str(path)).ok
    own.use(str(path))
    mine = trial(optimizer="Signs", momentum=0.0, lr=0.001)
    assert [name for name, _ in mine.own] == ["optimizer Signs"]
    result = run_trial(mine)
    assert result.status == "done"
    assert result.epochs[-1].train_loss != run_trial(trial(momentum=0.0, lr=0.001)).epochs[-1].train_loss
    with pytest.raises(ConfigError, match="momentum is for sgd and rmsprop, and Signs has settings of its own"):
        trial(optimizer="Signs", momentum=0.9)


def test_results_are_read_without_the_files_they_were_made_with(own_file: Write) -> None:
    own.use(str(own_file(OPTIMIZER, "my_opt.py")))
    own.use(str(own_file(AUGMENT, "my_aug.py")))
    mine = trial(optimizer="Signs", augment=("Darken", "flip"), momentum=0.0)
    kept = mine.model_dump_json()
    for one in own.loaded()[-2:]:
        own.forget(one)
    assert Trial.model_validate_json(kept) == mine
    with pytest.raises(ConfigError, match="expected 'sgd', 'adam', 'adamw' or 'rmsprop', got 'Signs'"):
        trial(optimizer="Signs")


def test_the_hash_is_part_of_trials_that_use_the_file_and_of_no_other(own_file: Write) -> None:
    before = tiny().id
    digest = own.use(f"{own_file()}:MyAct").digest
    assert trial().id == before
    mine = trial(activation="MyAct")
    assert mine.own == (("activation MyAct", digest),)
    assert mine.settings["own"] == {"activation MyAct": digest}
    assert Trial.create(**mine.model_dump()) == mine
    later = own.use(f"{own_file(own_file().read_text(encoding='utf-8') + '# later')}:MyAct")
    assert later.digest != digest
    assert trial(activation="MyAct").id != mine.id


def test_a_start_is_stamped_too(own_file: Write) -> None:
    own.use(f"{own_file()}:MyAct")
    mine = trial(activation="relu", start={**TINY, "activation": "MyAct"})
    assert mine.own == ()
    assert mine.start is not None
    assert mine.start.own


def test_a_trial_without_its_file_or_with_another_version_does_not_run(own_file: Write) -> None:
    one = own.use(f"{own_file()}:MyAct")
    mine = trial(activation="MyAct")
    own.use(f"{own_file(own_file().read_text(encoding='utf-8') + '# later')}:MyAct")
    with pytest.raises(ConfigError, match=r"my_act\.py is not what the trial was made with"):
        run_trial(mine)
    own.forget(own.loaded()[-1])
    with pytest.raises(ConfigError, match=r"activation MyAct comes from a file of yours; say which, with --with"):
        run_trial(mine)
    assert one not in own.loaded()


def test_workers_load_the_same_file(own_file: Write, tmp_path: Path) -> None:
    own.use(f"{own_file()}:MyAct")
    mine, store = trial(activation="MyAct"), Store(tmp_path / "runs", "own")
    assert run(cells(mine), store, workers=1).failed == {}
    kept = store.read(mine)
    assert kept is not None
    assert kept.epochs[-1].test_loss == run_trial(mine).epochs[-1].test_loss


def test_a_worker_that_finds_another_version_says_so(own_file: Write, tmp_path: Path) -> None:
    own.use(f"{own_file()}:MyAct")
    mine = trial(activation="MyAct")
    own_file(own_file().read_text(encoding="utf-8") + "# later")
    with pytest.raises(ConfigError, match=r"my_act\.py has changed since the command began; run it again"):
        run(cells(mine), Store(tmp_path / "runs", "own"), workers=1)


@pytest.fixture
def nothing_new() -> Iterator[None]:
    before = own.loaded()
    yield
    assert own.loaded() == before


@pytest.mark.usefixtures("nothing_new")
@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "", r"my_act\.py defines nothing to use; expected a module class"),
        ("import torch\nx = 3\nfrom torch.nn import ReLU", "", "defines nothing to use"),
        (NET + DATA, "", r"my_act\.py defines Mine, Net, held, source; say which, such as .*my_act\.py:Mine"),
        ("x = 3", ":x", r"expected a module class .*; x is of type int"),
        ("def f(a, b): ...", ":f", r"expected a module class .*; f is of type function"),
        ("def source(): return 3", ":source", r"my_act\.py:source returned something of type int; expected a rect"),
        ("from rectifiers import AReLU as Mine", ":Mine", r"there is an activation called 'arelu' already; .* in its"),
        ("def relu(x): return x", ":relu", r"there is an activation called 'relu' already; give yours another in the"),
    ],
    ids=["empty", "imports", "several", "number", "function", "no data set", "spec taken", "name taken"],
)
def test_what_cannot_be_used_says_what_to_do(own_file: Write, content: str, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        datasets.load(own.use(f"{own_file(content)}{name}").name)
    for one in own.loaded():
        if one.name == "source":
            own.forget(one)


def test_a_name_that_is_not_there_gets_the_nearest(own_file: Write) -> None:
    with pytest.raises(UnknownNameError, match="did you mean MyAct"):
        own.use(f"{own_file()}:MyAkt")
