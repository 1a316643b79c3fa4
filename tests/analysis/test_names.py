"""Every name that the package announces is there, and no module hides it."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from rectifiers import analysis


@pytest.mark.parametrize("name", analysis._HOME)
def test_names_are_things_and_not_modules(name: str) -> None:
    for module in pkgutil.iter_modules(analysis.__path__):
        importlib.import_module(f"{analysis.__name__}.{module.name}")
    assert getattr(analysis, name).__name__ == name
    assert getattr(analysis, name).__doc__
    assert name in dir(analysis)
