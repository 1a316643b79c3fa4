"""`rectifiers bench`: what the functions cost on this machine."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.errors import ConfigError
from .options import JsonOption, OwnOption, read_count, use_own
from .output import print_json

if TYPE_CHECKING:
    from ..speed.measure import Timing
    from ..speed.peak import Peak


def run_benchmark(
    sizes: Annotated[
        str, typer.Option("--sizes", help="Shapes of the input, channels second, separated by commas.")
    ] = "2x4,128x10x12x12,128x64x32x32",
    threads: Annotated[
        str, typer.Option("--threads", help="Numbers of threads for PyTorch, separated by commas.")
    ] = "1,2",
    rounds: Annotated[
        int,
        typer.Option(
            "--rounds",
            metavar="N",
            help="How many rounds; in each, every function is timed once.",
            parser=str,
            callback=read_count(2),
        ),
    ] = 15,
    batch: Annotated[
        int,
        typer.Option(
            "--batch",
            metavar="N",
            help="Images in the training step whose peak memory is measured; 0 leaves this out.",
            parser=str,
            callback=read_count(0),
        ),
    ] = 128,
    functions: Annotated[
        str,
        typer.Option(
            "--functions",
            metavar="NAMES",
            help="Registered functions, separated by commas, or `all`; by default those that learn, have a kernel or a "
            "goal.",
            show_default=False,
        ),
    ] = "",
    own: OwnOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Write the numbers to a .json file.", show_default=False)
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the numbers to an .svg file.", show_default=False)
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            "--device",
            metavar="NAME",
            help="cpu; or cuda, which checks and times the GPU kernels instead, within --seconds, and writes numbers "
            "and a page into the folder --output (gpu-check by default), where the same command continues.",
        ),
    ] = "cpu",
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="N", help="How long the check of a GPU may take.")
    ] = 480.0,
    as_json: JsonOption = False,
) -> None:
    """Check the functions against float64, then time them against nn.ReLU, forward and backward.

    --json prints a list of rows with the columns of Liger-Kernel's benchmarks; --output keeps everything.
    """
    if device != "cpu":
        _check_gpu(device, output or Path("gpu-check"), seconds, as_json)
        return
    for option, path, ending in (("--output", output, ".json"), ("--plot", plot, ".svg")):
        # A device such as /dev/stdout has no ending.
        if path is not None and path.suffix.lower() != ending and (path.suffix or not path.exists()):
            raise ConfigError(f"{option} must end in {ending}, got {path}")
    shapes = [_shape(size) for size in _items("--sizes", sizes)]
    counts = [_count(item) for item in _items("--threads", threads)]
    from ..core.files import check_file, write_file
    from ..speed.measure import Timing, measure
    from ..speed.peak import USUAL, measure_peaks
    from ..speed.published import published_rows
    from ..speed.subjects import can_be_timed, choose_functions, find_rivals, make_noisy, names_of_ours

    for path in filter(None, (output, plot)):
        check_file(path)
    brought = [one.name for one in use_own(own) if one.kind == "activation"]
    named = _items("--functions", functions) if functions else []
    chosen = can_be_timed() if functions == "all" else choose_functions([*named, *brought])
    timed = chosen if functions else [*names_of_ours(), *(name for name in brought if name not in names_of_ours())]
    rivals, states = find_rivals()
    facts: dict[str, Any] = {"machine": _machine(), "rivals": states, "settings": [], "training_step": []}
    timings, begun = list[Timing](), datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
    say = (lambda line: None) if as_json else print
    for heading in ("machine", "rivals"):
        say("\n".join(f"{key}: {value}" for key, value in facts[heading].items()))
    unchecked = rivals if functions else [*make_noisy(), *rivals]
    for timing in measure(unchecked, shapes, counts, rounds, timed):
        timings.append(timing)
        facts["settings"].append(asdict(timing))
        say("\n" + "\n".join(_lines(timing)))
    if batch:
        peaks = measure_peaks(batch, chosen if functions else [*USUAL, *brought])
        facts["training_step"] = [asdict(one) for one in peaks]
        say("\n" + "\n".join(_peak_lines(peaks)))
    if as_json:
        print_json(_round(list(published_rows(timings, facts["machine"], begun))))
    if output is not None:
        write_file(output, json.dumps(_round(facts), indent=1, ensure_ascii=False) + "\n", make_folder=True)
    if plot is not None:
        from ..report.figures import costs
        from ..report.figures.canvas import standalone, svg

        drawing = svg(costs.costs_figure(_round(facts["settings"])), name="kernels", title=costs.TITLE)
        write_file(plot, standalone(drawing), make_folder=True)


def _check_gpu(device: str, folder: Path, seconds: float, as_json: bool) -> None:
    from ..speed.gpu.page import failures
    from ..speed.gpu.run import PAGE, run

    content = run(device, folder, seconds, say=(lambda line: None) if as_json else print)
    if as_json:
        print_json(content)
    wrong = failures(content)
    if wrong:
        raise ConfigError(f"{len(wrong)} of {len(content['results'])} pieces failed; {folder / PAGE} says which")


def _items(option: str, text: str) -> list[str]:
    items = [part.strip() for part in text.split(",")]
    if not all(items):
        raise ConfigError(f"{option} needs values with commas between them, got {text!r}")
    return items


def _shape(text: str) -> tuple[int, ...]:
    sides = text.split("x")
    if len(sides) < 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise ConfigError(f"--sizes: expected shapes of two dimensions or more, such as 128x64x32x32, got {text!r}")
    return tuple(map(int, sides))


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ConfigError(f"--threads: expected whole numbers of at least 1, such as 1,2, got {text!r}")
    return int(text)


def _machine() -> dict[str, Any]:
    from .. import kernels
    from ..experiments.provenance import provenance

    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    # Where a library was built says something of a home, and nothing of its speed.
    states = sorted({state.partition(", /")[0] for state in kernels.status().values()})
    return {**provenance(), "load in the last 1, 5, 15 minutes": load, "kernels": states}


def _lines(timing: Timing) -> list[str]:
    size = "×".join(map(str, timing.shape))
    heading = (
        f"{size}, {timing.layout}, threads: {timing.threads}; nn.ReLU {timing.relu_microseconds:.1f} µs, "
        f"copy {timing.copy_gigabytes:.1f} GB/s"
    )
    longest = max(len(row.function) for row in timing.rows)
    columns = f"  {'':{longest}}  × nn.ReLU [quartiles]   × nn.PReLU  B kept  error (composite)"
    lines = [heading, columns]
    for row in timing.rows:
        low, middle, high = row.ratio
        kept = "" if row.bytes_kept is None else f"{row.bytes_kept:.1f}"
        errors = "" if row.error is None else f"{row.error:.0e} ({row.composite_error:.0e})"
        goal = "" if row.goal is None else f"goal ≤ {row.goal}"
        text = f"  {row.function:{longest}}  {middle:6.2f} [{low:5.2f}, {high:5.2f}]   {row.to_prelu[1]:10.2f}"
        lines.append(f"{text}  {kept:>6}  {errors:16}  {goal}".rstrip())
    return lines


def _peak_lines(peaks: list[Peak]) -> list[str]:
    longest = max(len(one.function) for one in peaks)
    return [
        f"Peak memory of a training step, ResNet-18 for 32×32, batch {peaks[0].batch}, by PyTorch's allocator",
        *(
            f"  {one.function:{longest}}  {one.bytes / 2**20:8.1f} MiB  {one.ratio:5.3f} × nn.ReLU"
            + ("" if one.goal is None else f"  goal ≤ {one.goal}")
            for one in peaks
        ),
    ]


def _round(value: Any) -> Any:
    """Four digits: more is noise, and files that are kept are read."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _round(item) for key, item in value.items()}
    return [_round(item) for item in value] if isinstance(value, list | tuple) else value
