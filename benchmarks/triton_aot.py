"""Compile the Triton kernels for two generations of GPUs, without a GPU, and say what comes of it.

    python benchmarks/triton_aot.py [--formula wave] [--output benchmarks/results/triton_aot.json]

Each kernel is compiled ahead of time with the arguments that a call at the shapes below would pass. The assembler
then tells registers per thread, bytes spilled and shared memory. No time is measured: these numbers say whether a
kernel fits the machine, not how fast it is.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

from rectifiers.kernels.triton import conv_threshold
from rectifiers.kernels.triton.operators import KERNELS

NAMES = sorted({*KERNELS, "conv_threshold"})
TARGETS = {"sm_80": GPUTarget("cuda", 80, 32), "sm_90": GPUTarget("cuda", 90, 32)}
OUTPUT = Path(__file__).parent / "results" / "triton_aot.json"
DTYPES = (torch.float32, torch.bfloat16)

# Long runs of one channel, and channels side by side: the two ways that a tile is cut.
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
SHAPE = (128, 64, 32, 32)
# Form B of degrees 5 and 4, one hinge, and three powers are what the papers train.
COEFFICIENTS = {"rational": ((6,), (4,)), "hinges": ((1,), (1,)), "poly_norm": ((4,),), "poly_relu": ((4,),)}
# A convolution of 64 to 64 channels, 3×3 with one zero around.
GEOMETRY = conv_threshold.Geometry.of((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1)


class Launch(NamedTuple):
    """A kernel and what it was called with."""

    kernel: JITFunction
    arguments: dict[str, Any]


def elementwise(formula: str, dtype: torch.dtype, memory_format: torch.memory_format) -> Iterator[Launch]:
    """A formula's launches forward and backward, with channel-wise parameters unless it knows a layer's alone."""
    kernel = KERNELS[formula]
    x = torch.empty(SHAPE, dtype=dtype, device="meta").to(memory_format=memory_format)
    leads = COEFFICIENTS.get(formula, ((),) * len(kernel.formula.parameters))
    units = () if kernel.formula.along else (SHAPE[1],)
    parameters = [torch.empty(*lead, *units, device="meta") for lead in leads]

    def call() -> None:
        out = kernel.forward(x, parameters, 1)
        kernel.backward(torch.empty_like(out), x if parameters else out, parameters, 1)

    return record(call)


def convolution(dtype: torch.dtype, memory_format: torch.memory_format) -> Iterator[Launch]:
    """The launches of a ConvReLU."""
    channels = SHAPE[1]
    x = torch.empty(SHAPE, dtype=dtype, device="meta").to(memory_format=memory_format)
    weight = torch.empty(channels, channels, 3, 3, dtype=dtype, device="meta")
    threshold = torch.empty(channels, 3, 3, device="meta")

    def call() -> None:
        out = conv_threshold.forward(x, weight, threshold, None, GEOMETRY)
        conv_threshold.backward(torch.empty_like(out), x, weight, threshold, GEOMETRY)

    return record(call)


def launches(formula: str, dtype: torch.dtype, memory_format: torch.memory_format) -> Iterator[Launch]:
    """All launches of a formula."""
    if formula == "conv_threshold":
        return convolution(dtype, memory_format)
    return elementwise(formula, dtype, memory_format)


def record(call: Callable[[], None]) -> Iterator[Launch]:
    """Record the launches that a call on tensors without memory would make."""
    seen: list[Launch] = []

    def note(kernel: JITFunction, *args: Any, grid: object, warmup: bool, **kwargs: Any) -> None:
        seen.append(Launch(kernel, {**dict(zip(kernel.arg_names, args, strict=False)), **kwargs}))

    with mock.patch.object(JITFunction, "run", note):
        call()
    return iter(seen)


def source(launch: Launch) -> ASTSource:
    """The kernel specialised as a launch would: an integer 1 is a constant, a multiple of 16 known as one."""
    constants: dict[tuple[int, ...], Any] = {}
    attributes: dict[tuple[int, ...], Any] = {}

    def specialise(path: tuple[int, ...], value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(specialise((*path, place), element) for place, element in enumerate(value))
        if value is None or (isinstance(value, int) and value == 1):
            constants[path] = value
            return "constexpr"
        if isinstance(value, Tensor) or value % 16 == 0:
            attributes[path] = [["tt.divisibility", 16]]
        return triton.runtime.jit.mangle_type(value)

    signature: dict[str, Any] = {}
    for place, parameter in enumerate(launch.kernel.params):
        value = launch.arguments[parameter.name]
        if parameter.is_constexpr:
            signature[parameter.name], constants[(place,)] = "constexpr", value
        else:
            signature[parameter.name] = specialise((place,), value)
    return ASTSource(launch.kernel, signature, constants, attributes)


def resources(launch: Launch, target: GPUTarget) -> dict[str, int]:
    """What one compiled kernel needs of the machine."""
    options = {name: value for name, value in launch.arguments.items() if name in ("num_warps", "num_stages")}
    compiled = triton.compile(source(launch), target=target, options=options)
    report = assemble(compiled.asm["ptx"])
    return {
        "registers": number(r"Used (\d+) registers", report),
        "spilled_bytes": number(r"(\d+) bytes spill stores", report) + number(r"(\d+) bytes spill loads", report),
        "stack_bytes": number(r"(\d+) bytes stack frame", report),
        "shared_bytes": compiled.metadata.shared,
        "warps": compiled.metadata.num_warps,
    }


def assemble(ptx: str) -> str:
    """What the assembler that comes with Triton reports of a kernel."""
    arch = re.search(r"\.target (\w+)", ptx)
    assert arch is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.ptx"
        path.write_text(ptx)
        command = [
            triton.knobs.nvidia.ptxas.path,
            "-v",
            f"--gpu-name={arch[1]}",
            path,
            "-o",
            path.with_suffix(".cubin"),
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stderr


def number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found is not None, f"no {pattern!r} in {text!r}"
    return int(found[1])


def survey(formulas: list[str]) -> Iterator[dict[str, Any]]:
    """One row per kernel, target, dtype and layout."""
    for formula in formulas:
        for dtype in DTYPES:
            for layout, memory_format in LAYOUTS.items():
                for launch in launches(formula, dtype, memory_format):
                    for arch, target in TARGETS.items():
                        yield {
                            "formula": formula,
                            "kernel": launch.kernel.__name__.removesuffix("_kernel"),
                            "dtype": str(dtype).removeprefix("torch."),
                            "layout": layout,
                            "target": arch,
                            **resources(launch, target),
                        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--formula", choices=NAMES, action="append", help="only this one; may be repeated")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where to write the JSON")
    options = parser.parse_args()
    rows = []
    for row in survey(options.formula or NAMES):
        rows.append(row)
        print(*row.values(), flush=True)
    facts = {"triton": version("triton"), "torch": torch.__version__, "shape": SHAPE}
    lines = ",\n".join(map(json.dumps, rows))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(f'{json.dumps(facts)[:-1]}, "kernels": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
