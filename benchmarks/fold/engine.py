"""Nets outside PyTorch: written as ONNX, run by onnxruntime, timed in turns."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

Predict = Callable[[Tensor], Tensor]
"""What a net is to its user: a tensor in, a tensor out."""
K = TypeVar("K")


def export(net: nn.Module, x: Tensor, path: Path, *, any_size: bool = False) -> None:
    """Write a net.

    Args:
        net: the net.
        x: what it is called with.
        path: the file.
        any_size: whether it takes batches and sentences of any size; else those of this size.
    """
    sizes = [{0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}] if any_size else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (x,),
            path,
            dynamo=True,
            verbose=False,
            input_names=["x"],
            dynamic_shapes=sizes,
            external_data=False,
        )


def run_in_onnxruntime(path: Path) -> Predict:
    """Load a file, to be run with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    made = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda x: torch.from_numpy(made.run(None, {"x": x.numpy()})[0])


def time_in_turns(
    ways: dict[K, Predict], x: Tensor, rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[K, float]:
    """Call several functions in turns; return the median of each in milliseconds."""
    times: dict[K, list[float]] = {way: [] for way in ways}
    with torch.inference_mode():
        for _ in range(rounds):
            for way, call in ways.items():
                start = clock()
                call(x)
                times[way].append(1000 * (clock() - start))
    return {way: statistics.median(taken) for way, taken in times.items()}
