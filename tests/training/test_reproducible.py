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


def test_threads_and_random_numbers_are_put_back() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    with reproducible(threads=threads + 1):
        assert torch.get_num_threads() == threads + 1
        torch.rand(3)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
