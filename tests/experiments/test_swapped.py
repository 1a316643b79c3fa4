"""Networks from outside in a trial: surgery puts the activation where the trial says, on the same first weights."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from rectifiers import PVLU, PReLU, datasets
from rectifiers.core.errors import ConfigError, RectifiersError, ShapeError, UnsupportedError
from rectifiers.experiments.identity import identify
from rectifiers.experiments.network import build_network
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.trial import Trial
from rectifiers.networks import outside

from .samples import TINY, outcome

DIGITS = datasets.load("digits")

SOURCE = """
import torch
from torch import nn

def net(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 8), nn.GELU(), nn.Linear(8, classes))

class Gated(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.inside, self.gate, self.head = nn.Linear(64, 8), nn.Linear(64, 8), nn.Linear(8, classes)

    def forward(self, x):
        x = x.flatten(1)
        return self.head(torch.relu(self.inside(x)) * self.gate(x).sigmoid())

class Pair(nn.Linear):
    def forward(self, x):
        return super().forward(x.flatten(1)), None

def linear(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes))

def wrong():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.ReLU())

def pair(classes):
    return Pair(64, classes)
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_swapped.py").write_text(SOURCE)
    sys.path.insert(0, str(folder))
    return "own_swapped"


def trial(network: str, **changes: object) -> Trial:
    return identify(Trial.create(**{**TINY, "network": network, **changes}))


def kinds(net: nn.Module) -> list[str]:
    return [type(module).__name__ for module in net.modules() if type(module).__name__.endswith("LU")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["PReLU", "PReLU"]),
        ({"where": "first"}, ["PReLU", "GELU"]),
        ({"where": "-1"}, ["ReLU", "PReLU"]),
        ({"activation_args": {"from_": "gelu"}}, ["ReLU", "PReLU"]),
        ({"activation": "relu", "where": "first"}, ["ReLU", "GELU"]),
        ({"activation": "gelu"}, ["GELU", "GELU"]),
    ],
)
def test_the_activation_goes_where_the_trial_says(own: str, changes: dict[str, object], expected: list[str]) -> None:
    built = build_network(trial(f"{own}:net", **{"activation": "prelu", **changes}), DIGITS)
    assert kinds(built) == expected


def test_all_functions_meet_the_same_first_weights(own: str) -> None:
    built = [build_network(trial(f"{own}:net", activation=name), DIGITS) for name in ("relu", "pvlu", "prelu")]
    for net in built[1:]:
        assert torch.equal(net[1].weight, built[0][1].weight)
        assert torch.equal(net[5].weight, built[0][5].weight)
    assert not torch.equal(build_network(trial(f"{own}:net", seed=1), DIGITS)[1].weight, built[0][1].weight)


def test_functions_start_as_published_unless_the_trial_says_otherwise(own: str) -> None:
    published = build_network(trial(f"{own}:net", activation="pvlu"), DIGITS)[2]
    at_relu = build_network(trial(f"{own}:net", activation="pvlu", activation_args={"start": "relu"}), DIGITS)[2]
    assert isinstance(published, PVLU)
    images = torch.linspace(-2, 2, 40).reshape(5, 8)
    torch.testing.assert_close(at_relu(images), images.relu())
    assert not torch.allclose(published(images), images.relu())


def test_gates_stay(own: str) -> None:
    net = build_network(trial(f"{own}:Gated", activation="prelu"), DIGITS)
    assert sum(isinstance(module, PReLU) for module in net.modules()) == 1


def test_a_run_repeats_bit_for_bit(own: str) -> None:
    one = trial(f"{own}:net", activation="pvlu", epochs=2)
    first = run_trial(one)
    assert outcome(first) == outcome(run_trial(one))
    assert first.status == "done"
    assert first.activation_parameters == 32


@pytest.mark.parametrize(
    ("network", "changes", "error", "message"),
    [
        ("net", {"base": "elu"}, ConfigError, "keeps its own activations at the other sites; leave base='elu' out"),
        ("linear", {}, ConfigError, "has no rectifier at 'all'; it has no activations"),
        ("net", {"activation_args": {"from_": "tanh"}}, ConfigError, "has no tanh at 'all'; it has gelu and relu"),
        ("net", {"activation_args": {"slope": 2}}, RectifiersError, "slope"),
        ("wrong", {}, ShapeError, "returns 2×3 for 2 inputs; expected 2×10, a logit for each class"),
        ("pair", {}, ShapeError, "returns tuple; expected a tensor of logits"),
        ("net", {"dataset": "digits-32"}, ShapeError, "does not take inputs of 3×32×32"),
        ("net", {"activation": "convrelu2d"}, UnsupportedError, "cannot go everywhere at 'all'"),
    ],
)
def test_what_does_not_fit_is_said(
    own: str, network: str, changes: dict[str, object], error: type[Exception], message: str
) -> None:
    one = trial(f"{own}:{network}", **changes)
    with pytest.raises(error, match=message):
        build_network(one, datasets.load(one.dataset))


def test_the_library_of_a_network_stands_in_the_result() -> None:
    one = trial("torchvision:squeezenet1_1", dataset="digits-32", activation="pvlu", train_size=24)
    kept = run_trial(one)
    assert kept.provenance["network"].startswith("torchvision ")
    assert kept.trial.network_digest is None


def test_a_source_that_changes_under_a_run_is_refused(own: str) -> None:
    one = trial(f"{own}:net")
    stale = one.model_copy(update={"network_digest": "0" * 16})
    assert one.id != stale.id
    assert one.network_digest == outside.get(f"{own}:net").digest
    with pytest.raises(
        ConfigError, match="the file that makes own_swapped:net has changed since this trial was planned"
    ):
        run_trial(stale)
