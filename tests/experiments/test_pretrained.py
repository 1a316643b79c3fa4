"""Published weights: fetched from a server on this machine, checked, and what a trial starts from."""

from __future__ import annotations

import hashlib
import importlib
import io
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save
from torch import nn

from rectifiers import datasets, networks
from rectifiers.core.errors import DataError, UnknownNameError
from rectifiers.datasets.files import Resource
from rectifiers.datasets.packaged import PackagedFile
from rectifiers.experiments import pretrained
from rectifiers.experiments.network import build_network
from rectifiers.experiments.pretrained import PRETRAINED, Pretrained
from rectifiers.experiments.run_trial import run_afresh, run_trial
from rectifiers.experiments.weights import Weights, weights_of

from ..conftest import Mirror
from .samples import outcome, tiny

NAME, FILE = "digits-conv-published", "digits.pth"
DIGITS = datasets.load("digits")
DOWNLOADED = {name: weights for name, weights in PRETRAINED.items() if weights.packaged is None}

Publish = Callable[[bytes], None]


@pytest.fixture
def publish(publish_weights: Callable[[str, str, str, bytes], None]) -> Publish:
    """Let bytes be the published weights of `digits-conv`."""
    return lambda content: publish_weights(NAME, "digits-conv", FILE, content)


def saved(thing: object, **options: bool) -> bytes:
    file = io.BytesIO()
    torch.save(thing, file, **options)
    return file.getvalue()


@pytest.fixture
def weights(publish: Publish) -> Weights:
    """Weights of a network that was trained for an epoch, published."""
    state = run_afresh(tiny(activation="relu", seed=7))[1]
    publish(saved(state))
    return state


@pytest.mark.parametrize("weights", DOWNLOADED.values(), ids=DOWNLOADED)
def test_they_are_those_of_torchvision(weights: Pretrained) -> None:
    model = weights.name.removesuffix("-imagenet1k-v1").replace("-", "")
    theirs = torchvision.models.get_model_weights(model).IMAGENET1K_V1
    assert weights.resource.urls == (theirs.url,)
    assert weights.resource.file == theirs.url.rpartition("/")[2]
    assert f"-{weights.resource.hash[:8]}.pth" in theirs.url
    assert len(weights.resource.hash) == 64
    # In mebibytes.
    assert weights.gigabytes == round(theirs.meta["_file_size"] * 2**20 / 1e9, 3)


@pytest.mark.parametrize("weights", DOWNLOADED.values(), ids=DOWNLOADED)
def test_they_fit_the_network_that_they_name(weights: Pretrained) -> None:
    model = weights.name.removesuffix("-imagenet1k-v1").replace("-", "")
    with torch.device("meta"):
        theirs = torchvision.models.get_model(model).state_dict()
        ours = networks.create(weights.network, lambda _: nn.ReLU(), shape=(3, 224, 224), classes=1000).state_dict()
    assert {name: tensor.shape for name, tensor in ours.items()} == {
        name: tensor.shape for name, tensor in theirs.items()
    }


def test_fetched_only_when_told_and_only_once(weights: Weights, mirror: Mirror, tmp_path: Path) -> None:
    assert not pretrained.check(NAME, tmp_path).ready
    with pytest.raises(DataError, match=rf"{NAME}: 1 of 1 file is missing; .*--download.* from {mirror.url[:-1]}"):
        pretrained.load(NAME, tmp_path)
    assert mirror.requests == []
    for _ in range(2):
        found = pretrained.load(NAME, tmp_path, download=True)
    assert mirror.requests == [f"/{FILE}"]
    assert pretrained.check(NAME, tmp_path).found == (tmp_path / "weights" / FILE,)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in weights)


def test_the_old_format_and_parameters_are_read(publish: Publish, weights: Weights, tmp_path: Path) -> None:
    old = {name: nn.Parameter(tensor) if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    publish(saved(old, _use_new_zipfile_serialization=False))
    found = pretrained.load(NAME, tmp_path, download=True)
    assert all(torch.equal(found[name], weights[name]) for name in weights)


def test_a_truncated_file_is_named_with_both_hashes(weights: Weights, tmp_path: Path) -> None:
    pretrained.load(NAME, tmp_path, download=True)
    path = tmp_path / "weights" / FILE
    content = path.read_bytes()
    path.write_bytes(content[:100])
    right, wrong = PRETRAINED[NAME].resource.hash, hashlib.sha256(content[:100]).hexdigest()
    with pytest.raises(DataError, match=rf"{path} is damaged .*: expected sha256 {right}, found {wrong} in 100 bytes"):
        pretrained.load(NAME, tmp_path)


def test_a_download_with_another_hash_leaves_nothing(weights: Weights, mirror: Mirror, tmp_path: Path) -> None:
    mirror.files[f"/{FILE}"] = b"something else"
    right, wrong = PRETRAINED[NAME].resource.hash, hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(DataError, match=rf"cannot download {FILE}; .*expected sha256 {right}, found {wrong}"):
        pretrained.load(NAME, tmp_path, download=True)
    assert not list((tmp_path / "weights").iterdir())


class Trap:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return (Path.touch, (Path("sprung"),))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nonsense", "digits.pth is damaged, or holds more than tensors"),
        (saved({"0.weight": torch.ones(2)})[:-50], "digits.pth is not a file of weights"),
        (pickle.dumps(Trap(), protocol=2), "digits.pth is damaged, or holds more than tensors"),
        (saved([1, 2]), "digits.pth holds list where tensors by name are expected"),
        (saved({"epoch": 3}), "digits.pth holds dict where tensors by name are expected"),
    ],
    ids=["nonsense", "cut", "code", "list", "numbers"],
)
def test_what_holds_no_weights_is_refused(
    publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    publish(content)
    with pytest.raises(DataError, match=message):
        pretrained.load(NAME, tmp_path, download=True)
    assert not Path("sprung").exists()


def test_weights_that_a_package_brings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = save({"0.weight": torch.ones(2)})
    resource = Resource("digits.safetensors", hashlib.sha256(content).hexdigest(), (), algorithm="sha256")
    package = f"brought_{tmp_path.name}"
    packaged = PackagedFile(package, "", resource, "encoder")
    monkeypatch.setitem(PRETRAINED, NAME, Pretrained(NAME, "digits-conv", resource, 0.0, packaged, prefix="net."))
    with pytest.raises(DataError, match=rf'comes with the package {package}; install "rectifiers\[encoder\]"'):
        pretrained.load(NAME, download=True)
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    (tmp_path / package / "digits.safetensors").write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    assert pretrained.check(NAME).ready
    assert pretrained.load(NAME)["net.0.weight"].tolist() == [1, 1]


def test_unknown_weights() -> None:
    with pytest.raises(UnknownNameError, match="unknown published weights 'alexnet'; did you mean alexnet-imagenet1k"):
        pretrained.check("alexnet")


def test_without_epochs_published_weights_are_evaluated(weights: Weights, tmp_path: Path) -> None:
    pretrained.load(NAME, tmp_path, download=True)
    result = run_trial(tiny(activation="relu", pretrained=NAME, epochs=0, seed=1), tmp_path)
    trained = run_trial(tiny(activation="relu", seed=7))
    (epoch,), last = result.epochs, trained.epochs[-1]
    assert (epoch.epoch, epoch.test_accuracy, epoch.test_loss) == (0, last.test_accuracy, last.test_loss)
    assert result.provenance["pretrained"] == FILE


def test_a_training_goes_on_from_them_with_another_function(weights: Weights, tmp_path: Path) -> None:
    pretrained.load(NAME, tmp_path, download=True)
    trial = tiny(activation="pvlu", pretrained=NAME, trained="activations")
    result, end = run_afresh(trial, tmp_path)
    assert result.status == "done"
    fresh = weights_of(build_network(trial, DIGITS))
    moved = {name for name in end if not torch.equal(end[name], weights.get(name, fresh[name]))}
    assert moved
    assert not moved & weights.keys()
    assert outcome(run_afresh(trial, tmp_path)[0]) == outcome(result)


def test_what_starts_from_a_trial_starts_from_its_published_weights(weights: Weights, tmp_path: Path) -> None:
    pretrained.load(NAME, tmp_path, download=True)
    start = {"dataset": "digits", "network": "digits-conv", "activation": "relu", "lr": 1, "pretrained": NAME}
    end = run_afresh(tiny(activation="relu", start={**start, "epochs": 0}, epochs=0), tmp_path)[1]
    assert all(torch.equal(end[name], weights[name]) for name in weights)
