"""What a trial fixes outside itself is put back afterwards."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from rectifiers.training.process_state import restoring
from rectifiers.training.reproducible import flushes_denormals, reproducible


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    torch.set_flush_denormal(False)


@pytest.mark.parametrize("before", [False, True])
def test_flushing_is_put_back_to_what_it_was(before: bool) -> None:
    if not torch.set_flush_denormal(before):
        pytest.skip("this processor cannot flush denormal numbers")
    with reproducible(threads=1):
        assert flushes_denormals()
    assert flushes_denormals() == before
    with pytest.raises(ValueError, match="inside"), reproducible(threads=1):
        raise ValueError("inside")
    assert flushes_denormals() == before


def test_flushing_is_told_under_a_default_dtype_of_double_precision() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert not flushes_denormals()
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("keep", [False, True])
def test_default_dtype_and_device_are_the_usual_ones_unless_kept(keep: bool) -> None:
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    try:
        with reproducible(threads=1, keep_defaults=keep):
            made = torch.zeros(1)
        after = torch.zeros(1)
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    assert (made.dtype, made.device.type) == ((torch.float64, "meta") if keep else (torch.float32, "cpu"))
    assert (after.dtype, after.device.type) == (torch.float64, "meta")


def _leave_changed(folder: Path) -> None:
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.autograd.set_detect_anomaly(True, check_nan=False)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.deterministic = True
    torch.set_float32_matmul_precision("medium")
    torch.set_autocast_enabled("cpu", True)
    sys.setrecursionlimit(sys.getrecursionlimit() + 50)
    os.chdir(folder)


def _state() -> tuple[object, ...]:
    return (
        torch.is_grad_enabled(),
        torch.zeros(1).dtype,
        torch.zeros(1).device,
        torch.get_deterministic_debug_mode(),
        torch.is_anomaly_enabled(),
        torch.is_anomaly_check_nan_enabled(),
        torch.backends.cudnn.benchmark,
        torch.backends.cudnn.deterministic,
        torch.get_float32_matmul_precision(),
        torch.is_autocast_enabled("cpu"),
        torch.backends.cuda.matmul.fp32_precision,
        torch.backends.mkldnn.matmul.fp32_precision,
        sys.getrecursionlimit(),
        Path.cwd(),
    )


@pytest.mark.parametrize("keep", [False, True])
def test_what_a_run_leaves_changed_is_put_back(keep: bool, tmp_path: Path) -> None:
    before = _state()
    with reproducible(threads=1, keep_defaults=keep):
        _leave_changed(tmp_path)
    assert _state() == before


def test_what_was_changed_before_is_as_it_was(tmp_path: Path) -> None:
    with restoring():
        _leave_changed(tmp_path)
        before = _state()
        with reproducible(threads=1):
            assert torch.is_grad_enabled()
        assert _state() == before


@pytest.mark.parametrize("keep", [False, True])
def test_matrices_are_multiplied_as_exactly_as_can_be_unless_defaults_are_kept(keep: bool) -> None:
    with restoring():
        torch.set_float32_matmul_precision("medium")
        with reproducible(threads=1, keep_defaults=keep):
            assert torch.get_float32_matmul_precision() == ("medium" if keep else "highest")
        assert torch.get_float32_matmul_precision() == "medium"


@pytest.mark.parametrize("keep", [False, True])
def test_autocast_around_a_run_does_not_reach_it_unless_defaults_are_kept(keep: bool) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        with reproducible(threads=1, keep_defaults=keep):
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert product.dtype is (torch.bfloat16 if keep else torch.float32)
        assert torch.is_autocast_enabled("cpu")


def test_a_backend_that_multiplies_otherwise_than_the_rest_is_put_back() -> None:
    with restoring():
        torch.backends.cuda.matmul.fp32_precision = "tf32"
        with pytest.raises(RuntimeError):
            torch.get_float32_matmul_precision()
        with reproducible(threads=1):
            assert torch.get_float32_matmul_precision() == "highest"
            assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
    assert torch.get_float32_matmul_precision() == "highest"


def test_a_working_directory_that_is_gone_is_no_error(tmp_path: Path) -> None:
    with restoring():
        gone = tmp_path / "gone"
        gone.mkdir()
        os.chdir(gone)
        with restoring():
            os.chdir(tmp_path)
            gone.rmdir()
        assert Path.cwd() == tmp_path


@pytest.mark.parametrize("outside", [torch.no_grad, torch.inference_mode])
def test_gradients_are_computed_whatever_the_caller_does_without(outside: Any) -> None:
    weight = torch.ones(1, requires_grad=True)
    with outside():
        with reproducible(threads=1):
            (2 * weight).backward()
        assert not torch.is_grad_enabled()
    assert weight.grad == 2


def test_threads_and_random_numbers_are_put_back() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    with reproducible(threads=threads + 1):
        assert torch.get_num_threads() == threads + 1
        torch.rand(3)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
