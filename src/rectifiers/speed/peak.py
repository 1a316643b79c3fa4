"""Peak memory of a training step of ResNet-18 for images of 32×32, all its activations replaced.

Measured is what PyTorch's allocator holds at most from the forward pass to the optimizer's step, parameters and images
included, by the record of its profiler; what a library allocates past it, such as oneDNN's scratch memory, is not seen.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import activations
from .subjects import PublishedAReLU

MAKERS: dict[str, Callable[[], nn.Module]] = {
    "nn.ReLU": nn.ReLU,
    "nn.ReLU(inplace=True)": lambda: nn.ReLU(inplace=True),
    "nn.PReLU": nn.PReLU,
    "arelu, as published": PublishedAReLU,
}
USUAL = ("arelu", "prelu", "adarelu", "pvlu")
"""The functions whose peak is measured where nobody says."""
GOALS = {"arelu": 1.02, "convrelu": 1.05}


@dataclass(frozen=True)
class Peak:
    """Peak memory of a training step.

    Args:
        function: what replaces every ReLU, or of those before a convolution alone.
        batch: images.
        bytes: the peak.
        ratio: divided by that of `nn.ReLU`.
        goal: what the ratio is to stay below.
    """

    function: str
    batch: int
    bytes: int
    ratio: float
    goal: float | None


def measure_peaks(batch: int, names: Sequence[str] | None = None) -> list[Peak]:
    """The peak for every function that keeps the number of channels.

    Args:
        batch: images of the step.
        names: registered names; None takes the usual ones.
    """
    makers = dict(MAKERS)
    for name in USUAL if names is None else names:
        if activations.registry.get(name).spec.channel_factor == (1, 1):
            makers[name] = partial(activations.create, name)
    peaks = {name: _peak(resnet18(make), batch) for name, make in makers.items()}
    peaks["convrelu"] = _peak(resnet18_with_convrelu(), batch)
    relu = peaks["nn.ReLU"]
    return [Peak(name, batch, peak, peak / relu, GOALS.get(name)) for name, peak in peaks.items()]


def resnet18(make: Callable[[], nn.Module]) -> nn.Module:
    """ResNet-18 with a first convolution of 3×3, no pooling after it, ten classes, and other activations.

    Args:
        make: makes an activation.
    """
    from torchvision.models.resnet import BasicBlock

    net = _for_small_images(BasicBlock)
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.ReLU):
                setattr(module, name, make())
    return net


def resnet18_with_convrelu() -> nn.Module:
    """The same with a ConvReLU for every ReLU whose output goes to a convolution alone, and for that convolution.

    That is one in each of the eight blocks; the others' output is the shortcut of the next block, too.
    """
    from torchvision.models.resnet import BasicBlock

    class Block(BasicBlock):  # type: ignore[misc]
        def __init__(self, inplanes: int, planes: int, *args: Any, **kwargs: Any) -> None:
            super().__init__(inplanes, planes, *args, **kwargs)
            self.conv2 = activations.ConvReLU2d(planes, planes, 3, padding=1, bias=False)
            self.relu = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            shortcut = x if self.downsample is None else self.downsample(x)
            out: Tensor = self.relu(self.bn2(self.conv2(self.bn1(self.conv1(x)))) + shortcut)
            return out

    net = _for_small_images(Block)
    net.relu = nn.ReLU()
    return net


def _for_small_images(block: type[nn.Module]) -> nn.Module:
    from torchvision.models.resnet import ResNet

    net: nn.Module = ResNet(block, [2, 2, 2, 2], num_classes=10)
    net.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    net.maxpool = nn.Identity()
    return net


def _peak(net: nn.Module, batch: int) -> int:
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-6)
    images, labels = torch.randn(batch, 3, 32, 32), torch.zeros(batch, dtype=torch.long)

    def step() -> None:
        F.cross_entropy(net(images), labels).backward()
        optimizer.step()
        optimizer.zero_grad()

    tensors = [images, labels, *net.parameters(), *net.buffers()]
    return sum(tensor.nbytes for tensor in tensors) + most_held(step)


def most_held(work: Callable[[], object]) -> int:
    """The most bytes that work has allocated on the CPU and not yet given back."""
    profiler = torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU],
        profile_memory=True,
        acc_events=True,  # there is but one cycle; without, PyTorch 2.10 warns that others would be lost
    )
    with tempfile.TemporaryDirectory() as folder:
        with _silent(), profiler:
            work()
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    held = most = 0
    for event in sorted((event for event in events if event["name"] == "[memory]"), key=lambda event: event["ts"]):
        held += event["args"]["Bytes"]
        most = max(most, held)
    return most


@contextmanager
def _silent() -> Iterator[None]:
    """Leave out what the profiler writes to the standard error, past Python, whenever it starts and stops."""
    kept = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
