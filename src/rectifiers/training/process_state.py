"""What code of a user's may change in its process, put back: nothing that a run leaves meets another."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import torch

from ..core.autocast import AUTOCAST_DEVICES


class _Switch(NamedTuple):
    """Something of the process.

    Args:
        read: tells how it is.
        write: makes it so.
    """

    read: Callable[[], Any]
    write: Callable[[Any], object]


@contextmanager
def restoring() -> Iterator[None]:
    """Put back afterwards what code meanwhile may have changed: PyTorch's switches, and the working directory.

    Environment variables stay, for libraries set some when they are first imported; and so does what modules keep for
    themselves.

    Example:
        >>> with restoring():
        ...     _ = torch.set_grad_enabled(False)
        >>> torch.is_grad_enabled()
        True
    """
    before = [(switch, switch.read()) for switch in _SWITCHES]
    try:
        yield
    finally:
        for switch, value in before:
            if switch.read() != value:
                switch.write(value)


def _folder() -> str | None:
    """The working directory; None where somebody removed it."""
    try:
        return os.getcwd()  # noqa: PTH109 - not a path
    except FileNotFoundError:
        return None


def _return_to(folder: str | None) -> None:
    if folder is not None:
        # Where it is gone, there is nothing to return to, and results lie elsewhere.
        with suppress(OSError):
            os.chdir(folder)


def _set_anomaly(given: tuple[bool, bool]) -> None:
    torch.autograd.set_detect_anomaly(given[0], check_nan=given[1])


def _set_device(device: torch.device) -> None:
    # None, for a default device that is set costs time in every call, even if it is the processor.
    torch.set_default_device(None if device.type == "cpu" else device)


_MKLDNN: Any = torch.backends.mkldnn  # types know less of it


def _autocast() -> set[str]:
    """The types of devices that it is on for."""
    return {device for device in AUTOCAST_DEVICES if torch.is_autocast_enabled(device)}


def set_autocast(devices: Collection[str]) -> None:
    """Turn autocast on for these types of devices, and off for all others.

    It takes no block of `torch.autocast`, for blocks in a block keep narrow copies of weights from step to step.
    """
    for device in AUTOCAST_DEVICES:
        torch.set_autocast_enabled(device, device in devices)


def _matmul_precision() -> tuple[str | None, str, str]:
    """How exactly float32 matrices are multiplied: on the whole, None where backends were set apart, and by each."""
    backends = torch.backends.cuda.matmul.fp32_precision, _MKLDNN.matmul.fp32_precision
    try:
        return torch.get_float32_matmul_precision(), *backends
    except RuntimeError:
        return None, *backends


def _set_matmul_precision(given: tuple[str | None, str, str]) -> None:
    precision, cuda, mkldnn = given
    torch.set_float32_matmul_precision(precision or "highest")
    if torch.backends.cuda.matmul.fp32_precision != cuda:
        torch.backends.cuda.matmul.fp32_precision = cuda
    if _MKLDNN.matmul.fp32_precision != mkldnn:
        _MKLDNN.matmul.fp32_precision = mkldnn


_SWITCHES = (
    _Switch(torch.is_grad_enabled, torch.set_grad_enabled),
    _Switch(torch.get_default_dtype, torch.set_default_dtype),
    _Switch(torch.get_default_device, _set_device),
    _Switch(torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    _Switch(lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()), _set_anomaly),
    _Switch(lambda: torch.backends.cudnn.benchmark, lambda on: setattr(torch.backends.cudnn, "benchmark", on)),
    _Switch(lambda: torch.backends.cudnn.deterministic, lambda on: setattr(torch.backends.cudnn, "deterministic", on)),
    _Switch(_autocast, set_autocast),
    _Switch(_matmul_precision, _set_matmul_precision),
    _Switch(sys.getrecursionlimit, sys.setrecursionlimit),
    _Switch(_folder, _return_to),
)
