"""The compiled kernels, for tests that cannot do without."""

from __future__ import annotations

import pytest

from rectifiers.kernels import library


@pytest.fixture(scope="session")
def compiled() -> None:
    """Skips where the compiled kernels cannot be had."""
    state = library.state(warn=False)
    if not state.formulas:
        pytest.skip(f"no compiled kernels: {state.reason}")
