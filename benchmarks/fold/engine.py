"""Nets outside PyTorch: written as ONNX, run by onnxruntime, timed in turns."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

Predict = Callable[..., Tensor]
"""What a net is to its user: tensors in, a tensor out."""
K = TypeVar("K")


def export(net: nn.Module, inputs: Sequence[Tensor], path: Path, names: Sequence[str] = ("x",)) -> None:
    """Write a net for inputs of this size; if there are several, batches and sentences of any size.

    Args:
        net: the net.
        inputs: what it is called with.
        path: the file.
        names: the names of the inputs.
    """
    sizes = [{0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC} for _ in names] if len(names) > 1 else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            tuple(inputs),
            path,
            dynamo=True,
            verbose=False,
            input_names=list(names),
            dynamic_shapes=sizes,
            external_data=False,
        )


def run_in_onnxruntime(path: Path, names: Sequence[str] = ("x",)) -> Predict:
    """Load a file, to be run with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    made = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def predict(*inputs: Tensor) -> Tensor:
        given = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
        return torch.from_numpy(made.run(None, given)[0])

    return predict


def time_in_turns(
    ways: dict[K, Predict], inputs: Sequence[Tensor], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[K, float]:
    """Call several functions in turns; return the median of each in milliseconds."""
    times: dict[K, list[float]] = {way: [] for way in ways}
    with torch.inference_mode():
        for _ in range(rounds):
            for way, call in ways.items():
                start = clock()
                call(*inputs)
                times[way].append(1000 * (clock() - start))
    return {way: statistics.median(taken) for way, taken in times.items()}
