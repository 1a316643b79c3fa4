"""The table of data sets: complete, lazy, and clear about what is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rectifiers import datasets
from rectifiers.core.errors import ConfigError, DataError, UnknownNameError
from rectifiers.datasets import check, load, registry
from rectifiers.datasets.source import Source

from .conftest import Files


def test_every_source_is_registered() -> None:
    registered = {registry.get(name) for name in registry.names()}
    package = Path(datasets.__file__).parent
    modules = {entry.split(":")[0] for entry in datasets.TABLE.values()}
    helpers = {
        "volumes",
        "adapting",
        "batches",
        "blur",
        "characters",
        "changing",
        "cifar",
        "cifar_pictures",
        "class_folders",
        "dataset",
        "download",
        "examples",
        "files",
        "identity",
        "idx",
        "local",
        "mat",
        "npy",
        "numbers",
        "packaged",
        "picture",
        "pieces",
        "publication",
        "published",
        "slices",
        "source",
        "splits",
        "text_rows",
        "texts",
        "tree",
        "views",
    }
    assert {path.stem for path in package.glob("*.py")} == modules | helpers | {"__init__"}
    assert all(issubclass(source, Source) for source in registered)


@pytest.mark.parametrize("name", registry.names())
def test_every_source_has_a_summary(name: str) -> None:
    assert registry.summary(name)


def test_importing_needs_no_torch() -> None:
    code = "import rectifiers.datasets as d, sys; d.registry.names(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_exported_names() -> None:
    assert {"Dataset", "Examples", "Normalise", "Split", "digest", "folds", "hold_out", "order", "subset"} <= set(
        dir(datasets)
    )
    assert datasets.Split is type(load("digits").train)
    with pytest.raises(AttributeError, match="nothing"):
        datasets.nothing  # noqa: B018


def test_unknown_name_gives_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown data set 'mnits'; did you mean mnist"):
        load("mnits")


@pytest.mark.parametrize(
    ("name", "message"), [("digits:8", "takes no path"), ("npz", "npz:PATH"), ("folder:", "needs a path")]
)
def test_path_where_it_belongs(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(name)


def test_data_folder_is_argument_then_environment_then_data(
    small_mnist: Files, write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(small_mnist, "argument/MNIST/raw")
    write(small_mnist, "environment/MNIST/raw")
    write(small_mnist, "data/MNIST/raw")
    monkeypatch.chdir(tmp_path)

    def folder(data_dir: Path | str | None = None) -> str:
        return check("mnist", data_dir).found[0].relative_to(tmp_path.resolve()).parts[0]

    monkeypatch.delenv("RECTIFIERS_DATA", raising=False)
    assert folder() == "data"
    monkeypatch.setenv("RECTIFIERS_DATA", str(tmp_path / "environment"))
    assert folder() == "environment"
    assert folder(tmp_path / "argument") == folder("argument") == "argument"


def test_loaded_once(small_mnist: Files, write: Callable[..., Path]) -> None:
    folder = write(small_mnist, "MNIST/raw")
    assert load("mnist", folder) is load("mnist", str(folder))
    assert load("mnist", folder, download=True) is load("mnist", folder)


def test_check_says_what_is_missing(small_mnist: Files, write: Callable[..., Path]) -> None:
    first = "train-images-idx3-ubyte.gz"
    folder = write({first: small_mnist[first]}, "MNIST/raw")
    availability = check("mnist", folder)
    assert not availability.ready
    assert availability.found == (folder.resolve() / "MNIST/raw" / first,)
    assert availability.missing == tuple(name for name in small_mnist if name != first)
    assert "--download" in availability.advice
    assert check("digits").ready


def test_failure_is_not_remembered(small_mnist: Files, write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="4 of 4 files are missing"):
        load("mnist", tmp_path)
    assert len(load("mnist", write(small_mnist)).train) == 20
