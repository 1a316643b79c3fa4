"""What a trial fixes outside itself is put back afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

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


def test_threads_and_random_numbers_are_put_back() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    with reproducible(threads=threads + 1):
        assert torch.get_num_threads() == threads + 1
        torch.rand(3)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
