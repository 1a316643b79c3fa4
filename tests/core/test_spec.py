"""Specs are values, and reading them needs no PyTorch."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from rectifiers.core.spec import ActivationSpec, ParameterSpec


def test_learnable_means_having_parameters() -> None:
    fixed = ActivationSpec(name="f", title="F", equation="x", paper="none")
    assert not fixed.learnable
    assert dataclasses.replace(fixed, parameters=(ParameterSpec(name="a", init=0.0),)).learnable


def test_specs_are_values() -> None:
    one = ActivationSpec(name="f", title="F", equation="x", paper="none")
    assert one == ActivationSpec(name="f", title="F", equation="x", paper="none")
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.name = "g"  # type: ignore[misc]


def test_reading_specs_needs_no_torch() -> None:
    modules = "rectifiers.core.spec, rectifiers.core.registry, rectifiers.core.errors"
    code = f"import sys, {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
