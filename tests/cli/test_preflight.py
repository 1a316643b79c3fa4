"""What a run starts from is looked for before the first run: other trials, and published weights."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rectifiers import activations, lab, networks
from rectifiers.core.errors import ConfigError, DataError
from rectifiers.experiments.preflight import check_data
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial

from ..conftest import Mirror
from .conftest import Cli

NAME, FILE = "digits-conv-published", "digits.pth"
TRIAL = Trial.create(dataset="digits", network="digits-conv", activation="relu", lr=0.1, pretrained=NAME)

EXPERIMENT = """
name = "mine"
rows = ["relu"]
[settings]
dataset = "digits"
network = "{network}"
lr = 0.1
epochs = 0
{start}
"""


@pytest.fixture(autouse=True)
def _published(publish_weights: Callable[[str, str, str, bytes], None]) -> None:
    net = networks.create("digits-conv", lambda _: activations.create("relu"), shape=(1, 8, 8), classes=10)
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    publish_weights(NAME, "digits-conv", FILE, file.getvalue())


@pytest.fixture
def mine(tmp_path: Path) -> Callable[..., Path]:
    """A file with an experiment of your own."""

    def write(start: str = f'pretrained = "{NAME}"', network: str = "digits-conv") -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(EXPERIMENT.format(start=start, network=network))
        return path

    return write


def test_weights_are_fetched_and_fitted(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 of 1 file is missing"):
        check_data([TRIAL], tmp_path)
    check_data([TRIAL], tmp_path, download=True)
    assert mirror.requests == [f"/{FILE}"]
    with pytest.raises(ConfigError, match=r"starts from another network: .* do not fit"):
        check_data([TRIAL.model_copy(update={"activation": "crelu"})], tmp_path)


def test_a_plan_names_missing_weights(cli: Cli, mine: Callable[..., Path]) -> None:
    outcome = cli("plan", mine(), "--preset", "full")
    assert f"weights    {NAME}, " in outcome.out
    assert f" GB: missing {FILE}; point RECTIFIERS_DATA" in outcome.out
    assert "time       about" in outcome.out


def test_a_run_without_its_weights_says_how_to_get_them(refused: Callable[..., str], mine: Callable[..., Path]) -> None:
    line = refused("run", mine(), "--preset", "full", "--data-dir", "empty")
    assert f"{NAME}: 1 of 1 file is missing" in line
    assert "--download" in line
    assert str(Path("empty") / "weights" / FILE) in line


def test_weights_of_another_network(refused: Callable[..., str], mine: Callable[..., Path]) -> None:
    line = refused("run", mine(network="mnist-conv"))
    assert f"{NAME} are weights of 'digits-conv', got network 'mnist-conv'; choose network 'digits-conv'" in line


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_unknown_weights_of_what_it_starts_from(
    refused: Callable[..., str], mine: Callable[..., Path], verb: str
) -> None:
    line = refused(verb, mine('start = {activation = "relu", pretrained = "digits-conv-publish"}'))
    assert f"did you mean {NAME}" in line


def test_data_of_what_it_starts_from(refused: Callable[..., str], mine: Callable[..., Path]) -> None:
    line = refused("run", mine('start = {activation = "relu", dataset = "mnist", network = "mnist-conv"}'))
    assert "mnist: 4 of 4 files are missing" in line


def test_what_a_kept_start_would_need_does_not_matter(mine: Callable[..., Path], tmp_path: Path) -> None:
    selection = lab.open(mine('start = {activation = "relu", epochs = 3}'), seeds=1, results=tmp_path)
    (start,) = selection.starts()
    assert start.epochs == 3
    kept = Store(tmp_path, "mine").weights
    kept.mkdir()
    (kept / f"{start.id}.safetensors").touch()
    assert selection.starts() == []


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("RECTIFIERS_CHECKPOINT_MINUTES", "soon", "must be a number of minutes, 0 for each step, got 'soon'"),
        ("RECTIFIERS_LOADER_WORKERS", "-3", "must be a whole number of processes, got '-3'"),
    ],
)
def test_the_environment_is_read_before_anything_runs(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, line: str
) -> None:
    monkeypatch.setenv(variable, value)
    said = refused("run", "quickstart", "--preset", "smoke", "--results", str(tmp_path))
    assert f"{variable} {line}" in said
    assert not list(tmp_path.glob("*/*/result.json"))
