"""A device that is not there is named before anything is trained on it."""

from __future__ import annotations

import pytest

from rectifiers.core.errors import ConfigError
from rectifiers.training.devices import check_device


def test_every_machine_has_a_cpu() -> None:
    check_device("cpu")


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="this machine has no device 'cuda:77'; use 'cpu'"):
        check_device("cuda:77")
