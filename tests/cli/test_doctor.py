"""`rectifiers doctor` on real data, on pictures, on random numbers, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from .conftest import Cli

SOURCE = """
import torch
from torch import nn

def make():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))
    with torch.no_grad():
        net[1].bias[:4] = -100.0
    return net

def linear():
    return nn.Linear(4, 2)

def middle():
    return nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(192, 2))

def colour():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's own in the working directory, under a name that no other test has imported."""
    name = f"nets_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_real_data(cli: Cli, model: str) -> None:
    outcome = cli("doctor", f"{model}:make", "--data", "digits", "--batches", 3, "--batch-size", 100)
    assert outcome.code == 0
    assert "300 samples, gradients of: mean cross-entropy of the labels" in outcome.out
    assert "4 of 8 units at 2 (50 %) are dead" in outcome.out
    assert f"rectifiers swap {model}:make --to arelu --input 1,1,8,8 --save swapped" in outcome.out


def test_a_folder_of_pictures(cli: Cli, model: str, tmp_path: Path) -> None:
    for place in range(8):
        folder = tmp_path / "photos" / ("cat" if place % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (20 * place, 30, 40 + place)).save(folder / f"{place}.png")
    outcome = cli(
        "doctor", f"{model}:colour", "--data", "photos", "--normalise", "unit", "--input", "1,3,8,8", "--json"
    )
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["samples"] == 6


def test_test_data_are_normalised_as_the_model_was_trained(cli: Cli, model: str, tmp_path: Path) -> None:
    """By mean and deviation of the training images: those of the test images would hide that these are brighter."""
    for place in range(8):
        for split, brightness in (("train", 20 * place), ("test", 100 + 20 * place)):
            folder = tmp_path / "photos" / split / ("cat" if place % 2 else "dog")
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (brightness,) * 3).save(folder / f"{place}.png")
    common = ("doctor", f"{model}:middle", "--data", "photos", "--json")
    trained, tested = (json.loads(cli(*common, "--split", split).out)["sites"][0] for split in ("train", "test"))
    assert trained["mean"] == pytest.approx(0, abs=1e-6)
    assert tested["mean"] == pytest.approx(100 / (20 * 5.25**0.5), abs=1e-4)


def test_random_numbers_are_said_to_be_such(cli: Cli, model: str) -> None:
    facts = json.loads(cli("doctor", f"{model}:make", "--input", "16,1,8,8", "--json").out)
    assert facts["sites"][0]["dead"] == 0.5
    assert facts["loss"] == "sum of the outputs"
    assert facts["notes"] == [
        "fewer than 100 values reach each unit of 2: some may seem dead or always on by chance",
        "these figures come from random numbers; give --data for figures that mean something",
    ]


def test_weights(cli: Cli, model: str, tmp_path: Path) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))
    with torch.no_grad():
        net[1].bias.fill_(-1000.0)
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    outcome = cli("doctor", f"{model}:make", "--weights", "w.safetensors", "--input", "4,1,8,8")
    assert "8 of 8 units" in outcome.out
    assert "--weights w.safetensors --save swapped" in outcome.out


@pytest.mark.parametrize(
    ("name", "start"), [("page.html", "<!doctype html>"), ("page.json", "{"), ("page.csv", "index,name,kind")]
)
def test_files(cli: Cli, model: str, tmp_path: Path, name: str, start: str) -> None:
    assert f"Report: {name}" in cli("doctor", f"{model}:make", "--input", "4,1,8,8", "-o", name).out
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)


def test_refusals(refused: Callable[..., str], model: str, tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    make = f"{model}:make"
    for arguments, message in (
        ((make,), "give --data, for real examples, or --input"),
        ((make, "--input", "a"), "--input needs sizes of at least 1 with commas"),
        ((make, "--input", "4,1,9,9"), "fails on batch 1 of shape 4×1×9×9"),
        ((make, "--data", "digits", "--input", "1,1,9,9"), "does not fit the data, whose examples are of shape 1×8×8"),
        ((make, "--data", "digits", "--split", "all"), "--split must be train or test"),
        ((make, "--input", "2,4", "--split", "test"), "--split is for --data, which was not given"),
        ((make, "--input", "2,4", "--batches", "3"), "--batches is for --data, which was not given"),
        ((make, "--data", "digit"), "did you mean digits"),
        ((make, "--data", "no/photos"), "there is no folder or file 'no/photos' in "),
        ((make, "--input", "4,1,8,8", "-o", "page.pdf"), "--output must end in .html, .json or .csv"),
        # Before the model is looked at.
        ((f"{model}:mak", "--input", "1,4", "-o", "bad.safetensors/a.json"), "cannot write bad.safetensors/a.json"),
        ((make, "--input", "4,1,8,8", "--weights", "none.safetensors"), "cannot read none.safetensors"),
        (
            (make, "--input", "4,1,8,8", "--weights", "bad.safetensors"),
            "bad.safetensors is truncated, damaged or not",
        ),
        (
            (make, "--input", "4,1,8,8", "--weights", "other.safetensors"),
            "does not fit this Sequential: it has no 1.weight",
        ),
        ((f"{model}:linear", "--input", "1,4"), "calls no activation"),
        ((f"{model}:mak", "--input", "1,4"), "did you mean make"),
    ):
        assert message in refused("doctor", *arguments), arguments
