"""Where the kernels come from: what is found, built, waited for, and what happens where nothing can be had."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from rectifiers import functional as R
from rectifiers import kernels, lab
from rectifiers.core.errors import ConfigError
from rectifiers.kernels import (
    build,
    conv_threshold,
    dispatch,
    gate,
    library,
    pooled_conv,
    provider,
    random_slopes,
    selftest,
)
from rectifiers.kernels.formulas import VARIANTS
from rectifiers.kernels.triton import loading

from .cases import NAMED, needs_library

PROGRAM = """
import json, sys, warnings
import torch
from torch.overrides import TorchFunctionMode
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from rectifiers import functional as R, kernels
    for _ in range(2):
        out = R.prelu(torch.tensor([-2.0, 2.0]), a=0.5).tolist()
print(json.dumps({"out": out, "warnings": [str(w.message) for w in caught], "status": kernels.status()["two_slopes"]}))
"""


def run(**environment: str) -> dict[str, Any]:
    """A fresh process that applies PReLU twice."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["out"] == [-1.0, 2.0]
    return found


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@needs_library
def test_status_names_every_formula_and_its_origin() -> None:
    found = kernels.status()
    assert set(found) == set(VARIANTS)
    assert all(text.startswith("cpu kernel, ") for text in found.values())
    with kernels.using("reference"):
        assert all(text.startswith("reference") for text in kernels.status().values())


def test_formulas_that_share_operators_declare_them_alike() -> None:
    for variants in VARIANTS.values():
        assert len({tuple(variant.schemas()) for variant in variants}) == 1


@needs_library
def test_the_compiled_list_is_that_of_the_declarations() -> None:
    """The library implements what is declared: were a formula missing, its operator would have no kernel."""
    for first, *_ in VARIANTS.values():
        for schema in first.schemas():
            operator = f"rectifiers::{schema.partition('(')[0]}"
            assert torch._C._dispatch_has_kernel_for_dispatch_key(operator, "CPU"), operator
    listed = re.findall(
        r"^(?:FORMULA|DOUBLING|NORMALISING)\((\w+)", (build.SOURCES / "formulas.def").read_text(), flags=re.MULTILINE
    )
    assert sorted([*listed, conv_threshold.NAME, gate.NAME, pooled_conv.NAME, random_slopes.NAME]) == sorted(VARIANTS)


def test_a_choice_that_is_none() -> None:
    message = "expected one of auto, cpu, triton, reference, got 'gpu'"
    with pytest.raises(ConfigError, match=message), kernels.using("gpu"):  # type: ignore[arg-type]
        pass


def test_reference_in_the_environment_builds_nothing(tmp_path: Path) -> None:
    found = run(RECTIFIERS_KERNELS="reference", XDG_CACHE_HOME=str(tmp_path))
    assert found["status"] == "reference, composite PyTorch, as chosen"
    assert not found["warnings"]
    assert not list(tmp_path.iterdir())


def test_without_a_compiler(tmp_path: Path) -> None:
    found = run(CXX="no-such-compiler", XDG_CACHE_HOME=str(tmp_path))
    (warning,) = found["warnings"]
    assert "no C++ compiler; install g++ or clang" in warning
    assert "no C++ compiler" in found["status"]


def test_a_compiler_with_arguments(tmp_path: Path) -> None:
    (warning,) = run(CXX="ccache c++", XDG_CACHE_HOME=str(tmp_path))["warnings"]
    assert "CXX, which names no program now: 'ccache c++'" in warning


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (["In file included:", "x.cpp:1: error: no such type"], "x.cpp:1: error: no such type"),
        (
            ["collect2: error: ld returned 1 exit status", "ld: final link failed: No space left on device"],
            "ld: final link failed: No space left on device",
        ),
        (["killed"], "killed"),
        ([], "exit status 1"),
    ],
)
def test_a_compiler_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str], reason: str) -> None:
    lines = "; ".join(f"echo '{line}' >&2" for line in said) or "true"
    monkeypatch.setenv("CXX", script(tmp_path / "cc", f"{lines}; exit 1"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(build.BuildError, match=re.escape(f"failed: {reason}")):
        build.find_or_build()


def test_a_compiler_that_speaks_another_encoding(tmp_path: Path) -> None:
    compiler = script(tmp_path / "cc", r"printf 'erreur caf\351: error\n' >&2; exit 1")
    (warning,) = run(CXX=compiler, XDG_CACHE_HOME=str(tmp_path / "cache"))["warnings"]
    assert "failed: erreur caf" in warning


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    (warning,) = run(XDG_CACHE_HOME=str(blocked))["warnings"]
    assert "cannot be written" in warning


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(build.BuildError, match="cannot be written: No space left on device"):
        build.find_or_build()


def test_a_library_for_another_machine(tmp_path: Path) -> None:
    compiler = script(tmp_path / "cc", 'while [ "$1" != -o ]; do shift; done; echo no library > "$2"')
    (warning,) = run(CXX=compiler, XDG_CACHE_HOME=str(tmp_path / "cache"))["warnings"]
    assert "cannot be loaded" in warning


def test_insisting_on_kernels_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_state", provider.State(reason="no C++ compiler"))
    with (
        kernels.using("cpu"),
        pytest.raises(ConfigError, match="no kernel for two_slopes: no C\\+\\+ compiler; take 'auto'"),
    ):
        R.prelu(torch.randn(3))


def test_a_build_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", script(tmp_path / "cc", "exec sleep 60"))
    monkeypatch.setattr(build, "BUILD_SECONDS", 0.2)
    with pytest.raises(build.BuildError, match="took longer than"):
        build.find_or_build()


def test_a_builder_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", script(tmp_path / "cc", "exit 1"))
    monkeypatch.setattr(build, "LOCK_SECONDS", 0.2)
    folder = build.cache_dir() / build.fingerprint(str(tmp_path / "cc"))
    folder.mkdir(parents=True)
    with (folder / "librectifiers.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(build.BuildError, match="another process has been building"):
            build.find_or_build()


def test_before_its_workers_a_run_waits_for_another_process_that_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(library, "PACKAGED", tmp_path / "none.so")
    monkeypatch.setattr(build, "LOCK_SECONDS", 0.0)
    slow = 'while [ "$1" != -o ]; do shift; done; sleep 1; : > "$2"'
    monkeypatch.setenv("CXX", script(tmp_path / "cc", slow))
    command = [sys.executable, "-c", "from rectifiers.kernels import build; build.find_or_build()"]
    with subprocess.Popen(command) as builder:
        folder = build.cache_dir() / build.fingerprint(str(tmp_path / "cc"))
        while not (folder / "librectifiers.lock").exists():
            assert builder.poll() is None
            time.sleep(0.02)
        library.build_before_workers()
        assert (folder / "librectifiers.so").exists()
    assert builder.returncode == 0
    assert build.find_or_build()[1].startswith("built before")


def test_a_run_whose_kernels_cannot_be_compiled_does_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(library, "PACKAGED", tmp_path / "none.so")
    monkeypatch.setenv("CXX", script(tmp_path / "cc", "exit 1"))
    settings = {"kernels": "cpu", "epochs": 1, "train_size": 64}
    with pytest.raises(ConfigError, match=r"kernels=cpu: .*failed.*; kernels=reference does without"):
        lab.run("quickstart", preset="smoke", seeds=1, settings=settings, results=tmp_path / "runs", progress=False)


def test_a_killed_build_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    started = tmp_path / "started"
    slow = f"if [ ! -e {started} ]; then touch {started}; exec sleep 60; fi"
    quick = 'while [ "$1" != -o ]; do shift; done; : > "$2"'
    monkeypatch.setenv("CXX", script(tmp_path / "cc", f"{slow}; {quick}"))
    command = [sys.executable, "-c", "from rectifiers.kernels import build; build.find_or_build()"]
    builder = subprocess.Popen(command, start_new_session=True)
    while not started.exists():
        time.sleep(0.02)
    os.killpg(builder.pid, signal.SIGKILL)
    builder.wait()
    path, origin = build.find_or_build()
    assert path.exists()
    assert origin.startswith("built now")
    assert build.find_or_build()[1].startswith("built before")


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str = "a library") -> Path:
    """Let an empty cache be filled by a compiler that copies a text; the place of what it makes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(
        "CXX", script(tmp_path / "cc", f'while [ "$1" != -o ]; do shift; done; printf "{content}" > "$2"')
    )
    return build.find_or_build()[0]


def test_a_library_cut_at_any_length_is_built_anew_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stand_in(tmp_path, monkeypatch)
    for file in (path, path.with_suffix(".sha256")):
        whole = file.read_bytes()
        for end in range(len(whole)):
            file.write_bytes(whole[:end])
            with pytest.warns(RuntimeWarning, match=r"librectifiers\.so were damaged; building them again"):
                assert build.find_or_build()[1].startswith("built now")
            assert file.read_bytes() == whole
            assert build.find_or_build()[1].startswith("built before")


@pytest.mark.parametrize("terminal", [True, False])
def test_somebody_at_a_terminal_is_told_what_takes_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    stand_in(tmp_path, monkeypatch)
    assert build.find_or_build()[1].startswith("built before")
    said = "compiling librectifiers.so, once on this machine: about a minute\n"
    assert capsys.readouterr().err == (said if terminal else "")


def test_a_library_without_a_checksum_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stand_in(tmp_path, monkeypatch)
    path.with_suffix(".sha256").unlink()
    path.write_bytes(b"something else")
    assert build.find_or_build()[1].startswith("built now")
    assert path.read_bytes() == b"a library"


def test_the_cache_is_for_its_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stand_in(tmp_path, monkeypatch)
    folders = (path.parent, path.parent.parent)
    for folder in folders:
        folder.chmod(0o777)
    build.find_or_build()
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700, 0o700]
    assert sorted(file.name for file in path.parent.iterdir()) == [
        f"librectifiers.{e}" for e in ("lock", "sha256", "so")
    ]
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(build.BuildError, match="belongs to another user, or is not a folder; point XDG_CACHE_HOME"):
        build.find_or_build()


def test_a_link_in_the_place_of_the_cache_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "rectifiers").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(build.BuildError, match="or is not a folder"):
        stand_in(tmp_path, monkeypatch)


def test_what_a_killed_builder_has_left_is_tidied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stand_in(tmp_path, monkeypatch)
    (path.parent / ".librectifiers.so.abc").write_text("half")
    path.unlink()
    build.find_or_build()
    assert not list(path.parent.glob(".*"))


def test_a_user_without_a_home_and_an_entry_in_passwd(tmp_path: Path) -> None:
    nobody = "import pwd\ndef unknown(uid): raise KeyError(uid)\npwd.getpwuid = unknown\n"
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", nobody + PROGRAM],
        env={**environment, "TMPDIR": str(tmp_path), "CXX": script(tmp_path / "cc", "exit 1")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["out"] == [-1.0, 2.0]
    assert (tmp_path / f"rectifiers-{os.geteuid()}").stat().st_mode & 0o777 == 0o700


def test_the_cache_of_a_user_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", nobody)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert build.cache_dir() == tmp_path / f"rectifiers-{os.geteuid()}"


@needs_library
def test_without_nodes_in_c_plus_plus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that cannot make them leaves the kernels as they are."""
    name = build.KERNELS.name
    monkeypatch.setenv("CXX", compiler := script(tmp_path / "cc", "echo 'error: no such header' >&2; exit 1"))
    for library_, found in ((build.KERNELS, True), (build.NODES, False)):
        folder = tmp_path / "rectifiers" / build.fingerprint(compiler, library_)
        folder.mkdir(parents=True)
        if found:
            assert library.state(warn=False).origin
            built = Path(re.findall(r"/.*\.so", library.state(warn=False).origin)[0])
            for ending in (".so", ".sha256"):
                (folder / f"{name}{ending}").write_bytes(built.with_suffix(ending).read_bytes())
    status = run(CXX=compiler, XDG_CACHE_HOME=str(tmp_path))["status"]
    assert status.startswith("cpu kernel, ")
    assert ", nodes in Python, built before, " in status


@needs_library
@pytest.mark.parametrize("capability", ["default", "avx2"])
def test_lesser_processors(capability: str) -> None:
    found = run(ATEN_CPU_CAPABILITY=capability)
    assert not found["warnings"]
    has_avx2 = torch.backends.cpu.get_cpu_capability().startswith("AVX")
    best = "AVX2" if capability == "avx2" and has_avx2 else "baseline"
    assert found["status"].startswith(f"cpu kernel, {best}, ")


@needs_library
def test_what_names_no_processor_asks_for_nothing() -> None:
    described = [run(ATEN_CPU_CAPABILITY=asked)["status"] for asked in ("", "AVX512")]
    assert described[0] == described[1]


@needs_library
def test_a_kernel_that_differs_from_its_reference_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NAMED["threshold"], "reference", lambda x, theta: x - theta)
    assert set(selftest.mismatches()) == {"threshold"}


@needs_library
def test_a_kernel_whose_gradients_are_not_numbers_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    right = NAMED["threshold"].backward

    def wrong(*arguments: Any) -> tuple[torch.Tensor | None, ...]:
        first, *others = right(*arguments)
        return first, *(torch.nan * gradient for gradient in others if gradient is not None)

    monkeypatch.setattr(NAMED["threshold"], "backward", wrong)
    assert set(selftest.mismatches()) == {"threshold"}


@needs_library
def test_every_kernel_agrees_with_its_reference() -> None:
    assert not selftest.mismatches()


@pytest.mark.parametrize("defaults", [(torch.float64, "cpu"), (torch.float32, "meta")])
def test_every_kernel_matches_its_reference_under_other_defaults(defaults: tuple[torch.dtype, str]) -> None:
    torch.set_default_dtype(defaults[0])
    torch.set_default_device(defaults[1])
    try:
        assert not selftest.mismatches()
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)


@needs_library
def test_kernels_are_compared_out_of_reach_of_those_who_intercept_functions() -> None:
    class Nothing(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return torch.zeros(()) if func is torch.Tensor.relu else func(*args, **(kwargs or {}))

    with Nothing():
        assert not selftest.mismatches()


@needs_library
def test_kernels_are_compared_in_full_precision_where_the_first_call_is_under_autocast() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not selftest.mismatches()


@needs_library
def test_what_is_saved_to_compare_kernels_is_nothing_to_a_checkpoint_around_the_first_call() -> None:
    saved: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: saved.append(tensor) or tensor, lambda tensor: tensor):
        assert not selftest.mismatches()
    assert not saved


@needs_library
def test_kernels_are_compared_without_a_change_of_any_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    before = torch.get_rng_state()
    assert not selftest.mismatches()
    assert torch.equal(torch.get_rng_state(), before)
    assert not seeded


def test_other_threads_wait_for_the_one_that_loads_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, end = threading.Event(), threading.Event()
    loaded = provider.State(frozenset({"two_slopes"}), "made up")

    def load() -> provider.State:
        begun.set()
        assert end.wait(timeout=60)
        assert library.state(warn=False).reason == "they are being loaded"
        return loaded

    monkeypatch.setattr(library, "_state", None)
    monkeypatch.setattr(library, "_load", load)
    with ThreadPoolExecutor(max_workers=2) as threads:
        first = threads.submit(library.state, warn=False)
        assert begun.wait(timeout=60)
        second = threads.submit(library.state, warn=False)
        time.sleep(0.05)
        assert not second.done()
        end.set()
        assert first.result() is second.result() is loaded


def test_after_an_interruption_the_next_call_loads_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: str) -> provider.State:
        raise KeyboardInterrupt

    for module, call in (
        (library, lambda: library.state(warn=False)),
        (loading, lambda: loading.state("two_slopes", warn=False)),
    ):
        monkeypatch.setattr(library, "_state", None)
        monkeypatch.setattr(loading, "_states", {})
        monkeypatch.setattr(module, "_load", interrupt)
        with pytest.raises(KeyboardInterrupt):
            call()
        loaded = provider.State(frozenset({"two_slopes"}), "made up")
        monkeypatch.setattr(module, "_load", lambda *arguments, loaded=loaded: loaded)
        assert call() is loaded


@needs_library
def test_after_an_interruption_of_the_comparison_the_next_call_loads_the_kernels() -> None:
    """The operators were declared a second time, which PyTorch refuses, until the process ended."""
    program = """
import torch
from rectifiers import functional as R
from rectifiers.kernels import library, selftest

def interrupt(*arguments):
    selftest.mismatches = compare
    raise KeyboardInterrupt

compare, selftest.mismatches = selftest.mismatches, interrupt
try:
    R.prelu(torch.ones(3))
except KeyboardInterrupt:
    R.prelu(torch.ones(3))
    print(sorted(library.state(warn=False).formulas))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == str(sorted(VARIANTS)), done.stderr


def test_a_choice_holds_within_its_block_and_thread() -> None:
    assert dispatch._chosen.get() is None
    with kernels.using("reference"):
        with kernels.using("auto"):
            assert dispatch._chosen.get() == "auto"
        assert dispatch._chosen.get() == "reference"
    assert dispatch._chosen.get() is None
