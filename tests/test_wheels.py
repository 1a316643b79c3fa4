"""The wheels, with compiled kernels and without, each installed in an empty environment."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
import torch

from rectifiers.kernels import build

ROOT = Path(__file__).parent.parent
STATUS = "from rectifiers import kernels; print(kernels.status()['two_slopes'])"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def library() -> Path:
    try:
        return build.find_or_build()[0]
    except build.BuildError as error:
        pytest.skip(str(error))


def wheel(folder: Path, **environment: str) -> Path:
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


def status(path: Path, folder: Path, **environment: str) -> str:
    """How PReLU runs where nothing but the wheel and PyTorch is installed."""
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(packages), str(path)]
    subprocess.run(pip, check=True, capture_output=True)
    # PyTorch is large; the one that runs this test serves.
    (packages / "torch.pth").write_text(str(Path(torch.__file__).parents[1]))
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "RECTIFIERS"))}
    command = [str(folder / "bin" / "python"), "-c", STATUS]
    done = subprocess.run(
        command, env={**clean, "XDG_CACHE_HOME": str(folder / "cache"), **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


SOURCES = {
    str(source.relative_to(build.SOURCES)) for library in (build.KERNELS, build.NODES) for source in library.sources()
}


def names(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return {name.removeprefix("rectifiers/kernels/cpu/") for name in archive.namelist() if "/cpu/" in name}


def test_a_wheel_for_every_machine_builds_its_kernels_there(tmp_path: Path, library: Path) -> None:
    path = wheel(tmp_path)
    assert path.name.endswith("-py3-none-any.whl")
    assert names(path) == SOURCES
    assert ", built now, " in status(path, tmp_path / "built")
    without = status(path, tmp_path / "reference", CXX="no-such-compiler")
    assert without.startswith("reference, composite PyTorch: no C++ compiler")


@pytest.mark.skipif(sys.platform != "linux", reason="built on Linux")
def test_a_wheel_with_kernels_needs_no_compiler(tmp_path: Path, library: Path) -> None:
    path = wheel(tmp_path, RECTIFIERS_LIBRARY=str(library))
    assert "-py3-none-manylinux_" in path.name
    assert names(path) == {"librectifiers.so", *SOURCES}
    assert status(path, tmp_path / "packaged", CXX="no-such-compiler").endswith(", packaged")


def test_a_library_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="nowhere: no such file"):
        wheel(tmp_path, RECTIFIERS_LIBRARY="nowhere")
