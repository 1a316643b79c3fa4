"""Memory that runs out is an error that can be told from others."""

from __future__ import annotations

import os
import resource

import pytest
import torch

from rectifiers.core.memory import is_out_of_memory, peak, within_memory


def test_what_goes_beyond_the_free_memory_is_an_error() -> None:
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with within_memory(), pytest.raises(RuntimeError) as caught:
        torch.empty(free, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    assert resource.getrlimit(resource.RLIMIT_DATA) == limits


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA"), True),
        (RuntimeError("could not create a memory object"), True),
        (RuntimeError("shapes do not fit"), False),
        (ValueError("cannot allocate memory"), False),
    ],
)
def test_other_errors_are_told_apart(error: Exception, told: bool) -> None:
    assert is_out_of_memory(error) == told


def test_what_a_process_has_held_at_most() -> None:
    """What was given back counts, and what a process shares with others does not."""
    before = peak()
    assert before is not None
    size = before + 2**26
    assert torch.ones(size, dtype=torch.uint8)[-1] == 1
    after = peak(os.getpid())
    assert after is not None
    assert size <= after <= size + before + 2**26
    assert peak(2**22 + 1) is None
