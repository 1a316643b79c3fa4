"""Times in the form in which Liger-Kernel publishes its own, one row per function, input and number of threads.

The columns, but for the last, are those of its `benchmark/data/all_benchmark_data.csv`, so that its tools read them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from math import prod

from .measure import Timing

OURS = "rectifiers"


@dataclass(frozen=True)
class PublishedRow:
    """What one call took.

    Args:
        kernel_name: the function.
        kernel_provider: whose code ran: ours, PyTorch's, or another package's.
        kernel_operation_mode: `full`, which is forward and backward.
        metric_name: `speed`.
        metric_unit: `ms`, milliseconds of a call.
        x_name: what the input's size is counted in.
        x_label: the same in words.
        x_value: the size.
        y_value_50: median.
        y_value_20: 20th percentile.
        y_value_80: 80th percentile.
        extra_benchmark_config_str: shape, layout, dtype, granularity and threads, as JSON.
        gpu_name: the machine's processor, as nothing is timed on a GPU here.
        timestamp: when the benchmark began.
        rectifiers_version: in place of their `liger_version`.
    """

    kernel_name: str
    kernel_provider: str
    kernel_operation_mode: str
    metric_name: str
    metric_unit: str
    x_name: str
    x_label: str
    x_value: int
    y_value_50: float
    y_value_20: float
    y_value_80: float
    extra_benchmark_config_str: str
    gpu_name: str
    timestamp: str
    rectifiers_version: str


def published_rows(
    timings: Iterable[Timing], machine: Mapping[str, str], timestamp: str
) -> Iterator[dict[str, object]]:
    """Rows of all functions, in the order in which they were timed.

    Args:
        timings: what was measured.
        machine: facts about it: `processor` and `rectifiers`.
        timestamp: when.
    """
    for timing in timings:
        for row in timing.rows:
            name, provider, share = _parts(row.function)
            config = {"shape": timing.shape, "layout": timing.layout, "dtype": "float32", "threads": timing.threads}
            published = PublishedRow(
                kernel_name=name,
                kernel_provider=provider,
                kernel_operation_mode="full",
                metric_name="speed",
                metric_unit="ms",
                x_name="elements",
                x_label="elements of the input",
                x_value=prod(timing.shape),
                y_value_50=row.microseconds / 1e3,
                y_value_20=row.spread[0] / 1e3,
                y_value_80=row.spread[1] / 1e3,
                extra_benchmark_config_str=json.dumps({**config, **({"share": share} if share else {})}),
                gpu_name=machine["processor"],
                timestamp=timestamp,
                rectifiers_version=machine["rectifiers"],
            )
            yield asdict(published)


def _parts(label: str) -> tuple[str, str, str]:
    """The function, whose it is, and the granularity of its parameters, of its name in the table.

    Example:
        >>> _parts("pau, channel"), _parts("nn.ReLU"), _parts("arelu, torch-activation")
        (('pau', 'rectifiers', 'channel'), ('relu', 'torch', ''), ('arelu', 'torch-activation', ''))
    """
    name, _, rest = label.partition(", ")
    if name == "copy" or name.startswith("nn."):
        return name.removeprefix("nn.").lower(), "torch", ""
    if rest in ("", "channel", "drawing"):
        return name, OURS, rest if rest == "channel" else "layer"
    return name, rest, ""
