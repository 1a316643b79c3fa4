"""Where kernels are tried: a GPU and its clock, or Triton's interpreter on the processor, which stands in for one."""

from __future__ import annotations

import os
import platform
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import ClassVar

import torch
from torch import nn

from ... import kernels
from ...core.errors import ConfigError

CLEARED_BYTES = 256 * 2**20
"""What is written before each call that is timed: more than the second-level cache of any GPU so far."""


class Device(ABC):
    """A place to run kernels, with a clock.

    Attributes:
        name: what the command line calls it.
        place: PyTorch's name of the device that tensors stand on.
        simulated: whether times mean nothing.
    """

    name: ClassVar[str]
    place: ClassVar[str]
    simulated: ClassVar[bool]

    @abstractmethod
    def check(self) -> None:
        """Raise ConfigError unless kernels can run here."""

    @abstractmethod
    def describe(self) -> dict[str, str]:
        """What results depend on beside our sources."""

    @abstractmethod
    def time(self, call: Callable[[], object], repeats: int) -> list[float]:
        """Milliseconds of each of some calls, every one of which finds an empty cache."""

    @abstractmethod
    def compile(self, module: nn.Module) -> Callable[..., torch.Tensor]:
        """The module's reference as PyTorch's compiler fuses it."""

    def lacks(self, subject: str, dtype: torch.dtype) -> str:
        """Why something cannot be tried here; empty where it can."""
        return ""


class Cuda(Device):
    """PyTorch's current CUDA device, timed by its own events."""

    name, place, simulated = "cuda", "cuda", False

    def check(self) -> None:
        """Raise ConfigError unless kernels can run here."""
        if not torch.cuda.is_available():
            raise ConfigError("device cuda: PyTorch finds no CUDA device; look at nvidia-smi and torch.version.cuda")
        if os.environ.get("TRITON_INTERPRET", "0") not in ("", "0"):
            raise ConfigError("device cuda: TRITON_INTERPRET is set, so that nothing would run on it; unset it")
        _triton()

    def describe(self) -> dict[str, str]:
        """The GPU, its driver, and what compiles for it."""
        properties = torch.cuda.get_device_properties(0)
        return {
            "device": properties.name,
            "capability": f"{properties.major}.{properties.minor}",
            "memory": f"{properties.total_memory / 2**30:.0f} GiB",
            "cuda": str(torch.version.cuda),
            **_software(),
        }

    def time(self, call: Callable[[], object], repeats: int) -> list[float]:
        """Milliseconds of each of some calls, every one of which finds an empty cache."""
        cleared = torch.empty(CLEARED_BYTES // 4, dtype=torch.int32, device=self.place)
        pairs = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(repeats)]
        for start, end in pairs:
            # It also keeps the GPU busy while the processor prepares the call.
            cleared.zero_()
            start.record()
            call()
            end.record()
        torch.cuda.synchronize()
        return [start.elapsed_time(end) for start, end in pairs]

    def compile(self, module: nn.Module) -> Callable[..., torch.Tensor]:
        """The module's reference as PyTorch's compiler fuses it."""
        compiled: Callable[..., torch.Tensor] = torch.compile(module, dynamic=False, fullgraph=True)
        return compiled


class Interpreted(Device):
    """Triton's interpreter, with the processor's clock: it shows that everything runs; its times mean nothing."""

    name, place, simulated = "interpreted", "cpu", True

    def check(self) -> None:
        """Raise ConfigError unless kernels can run here."""
        _triton()
        if os.environ.get("TRITON_INTERPRET", "0") in ("", "0"):
            raise ConfigError("device interpreted: set TRITON_INTERPRET=1, before anything loads Triton")

    def describe(self) -> dict[str, str]:
        """Nothing but the software."""
        return {"device": "none: interpreted on the processor", **_software()}

    def time(self, call: Callable[[], object], repeats: int) -> list[float]:
        """Milliseconds of each of some calls, by the processor's clock."""
        found = []
        for _ in range(repeats):
            start = time.perf_counter()
            call()
            found.append(1e3 * (time.perf_counter() - start))
        return found

    def compile(self, module: nn.Module) -> Callable[..., torch.Tensor]:
        """The reference as it is: compilers are not what is tried here."""

        def run(x: torch.Tensor) -> torch.Tensor:
            with kernels.using("reference"):
                out: torch.Tensor = module(x)
                return out

        return run

    def lacks(self, subject: str, dtype: torch.dtype) -> str:
        """Why something cannot be tried here; empty where it can."""
        convolves = subject.startswith("conv")
        return "the interpreter multiplies no matrices of bfloat16" if convolves and dtype is torch.bfloat16 else ""


DEVICES: dict[str, Device] = {device.name: device for device in (Cuda(), Interpreted())}


def _triton() -> str:
    try:
        return version("triton")
    except PackageNotFoundError:
        raise ConfigError("Triton is not installed; PyTorch for CUDA on Linux brings it") from None


def _software() -> dict[str, str]:
    return {"torch": torch.__version__, "triton": _triton(), "python": platform.python_version()}
