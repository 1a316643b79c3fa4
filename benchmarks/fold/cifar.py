"""From SiLU to ReLU to int8 in a small convolutional net, trained on CIFAR-10."""

from __future__ import annotations

import copy
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

import rectifiers
from rectifiers import datasets
from rectifiers.core.seeds import derive
from rectifiers.datasets.batches import Normalise, order
from rectifiers.datasets.dataset import Split

from .engine import Predict, export, run_in_onnxruntime, time_in_turns
from .steps import descend, fold

BATCH, EPOCHS, TUNING = 128, 10, 2
"""Images at a time, epochs of the first training, and epochs of each fine-tuning."""

ARMS = {
    "silu": "SiLU, trained on",
    "at once": "ReLU at once",
    "annealed": "ReLU, annealed and distilled",
    "adarelu": "AdaReLU, fitted, then folded",
}
"""What is done in the fine-tuning."""


class Net(nn.Module):
    """Six convolutions with batch norms and SiLU, the mean over the pixels, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width, stride in ((16, 1), (16, 2), (32, 1), (32, 2), (64, 1), (64, 2)):
            layers += [nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.SiLU()]
            before = width
        self.features, self.head = nn.Sequential(*layers), nn.Linear(before, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Ten numbers per image."""
        scores: Tensor = self.head(self.features(x).mean((2, 3)))
        return scores


class Images:
    """CIFAR-10, all of it, without loss; training batches are mirrored and moved by up to two pixels at random."""

    def __init__(self) -> None:
        data = datasets.load("cifar10")
        assert isinstance(data.train, Split)
        assert isinstance(data.test, Split)
        self.train, self.test = data.train, data.test
        self.normalise = Normalise.named("cifar10")

    def steps(self, epochs: int) -> int:
        """How many batches there are."""
        return epochs * (len(self.train.labels) // BATCH)

    def batches(self, seed: int, epochs: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Give training batches of several epochs; the same for the same seed."""
        generator = torch.Generator().manual_seed(derive(seed, "augmentation", 0))
        for epoch in range(epochs):
            for chosen in order(len(self.train.labels), seed, epoch).split(BATCH):
                if len(chosen) < BATCH:
                    continue
                x = self.normalise(self.train.images[chosen])
                mirrored = torch.rand(BATCH, generator=generator) < 0.5
                x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
                down, right = torch.randint(0, 5, (2,), generator=generator).tolist()
                yield F.pad(x, (2, 2, 2, 2))[:, :, down : down + 32, right : right + 32], self.train.labels[chosen]

    def some(self, count: int) -> Tensor:
        """The first training images of a fixed order."""
        return self.normalise(self.train.images[order(len(self.train.labels), 0, 0)[:count]])

    def accuracy(self, predict: Predict) -> float:
        """Percent of the test images that are told right."""
        right = 0
        with torch.no_grad():
            for chosen in torch.arange(len(self.test.labels)).split(500):
                told = predict(self.normalise(self.test.images[chosen])).argmax(1)
                right += int((told == self.test.labels[chosen]).sum())
        return 100 * right / len(self.test.labels)


def train(
    net: nn.Module, images: Images, seed: int, epochs: int, rate: float, annealing: rectifiers.surgery.Annealing | None
) -> None:
    """Train with SGD, whose rate rises for a fifth of the time and falls to zero."""
    optimizer = torch.optim.SGD(rectifiers.param_groups(net, lr=rate, weight_decay=5e-4), momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, images.steps(epochs), pct_start=0.2, cycle_momentum=False
    )
    descend(net, images.batches(seed, epochs), optimizer, schedule, annealing)


def trained(images: Images, seed: int, folder: Path) -> Net:
    """The net as it is after its first training, from the folder if it is there."""
    torch.manual_seed(seed)
    net, path = Net(), folder / f"silu-{seed}.pt"
    if path.exists():
        net.load_state_dict(torch.load(path, weights_only=True))
        return net.eval()
    train(net, images, seed, EPOCHS, 0.1, None)
    torch.save(net.state_dict(), path)
    return net


def tuned(net: Net, arm: str, images: Images, seed: int) -> dict[str, Any]:
    """Fine-tune a trained net in the way of an arm, fold it, and quantise it; return what was measured."""
    example, facts, annealing = images.some(64), {"before": images.accuracy(net)}, None
    if arm == "at once":
        rectifiers.swap(net, "relu", from_="swish", example=example)
    elif arm == "adarelu":
        rectifiers.swap(net, "adarelu", from_="swish", example=example, start="was", share="layer")
    elif arm == "annealed":
        annealing = rectifiers.anneal(net, example=example, steps=images.steps(TUNING))
    facts["swapped"] = images.accuracy(net)
    start = time.process_time()
    train(net, images, 1000 + seed, TUNING, 0.02, annealing)
    facts["seconds"] = time.process_time() - start
    facts["tuned"] = images.accuracy(net)
    if arm != "silu":
        facts |= fold(net, example, lambda: images.accuracy(net))
    facts["zeros"] = zeros(net, images)
    with tempfile.TemporaryDirectory() as folder:
        facts["int8"] = images.accuracy(int8(net, images, Path(folder)))
    return facts


def zeros(net: Net, images: Images) -> float:
    """Percent of the activations' values that are 0 on a thousand test images."""
    counts: list[Tensor] = []

    def count(module: nn.Module, args: Any, output: Tensor) -> None:
        counts.append(torch.tensor([float((output == 0).sum()), float(output.numel())]))

    handles = [net.features[index].register_forward_hook(count) for index in range(2, len(net.features), 3)]
    with torch.no_grad():
        net(images.normalise(images.test.images[:1000]))
    for handle in handles:
        handle.remove()
    found, of = torch.stack(counts).sum(0)
    return 100 * float(found) / float(of)


def fused(net: Net) -> Net:
    """A copy with the batch norms in the convolutions, as engines do it."""
    net = copy.deepcopy(net).eval()
    for index in range(0, len(net.features), 3):
        conv, norm = net.features[index], net.features[index + 1]
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        net.features[index], net.features[index + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    return net


def int8(net: Net, images: Images, folder: Path, batch: int = 500) -> Predict:
    """Quantise weights and activations to eight bits, by some training images."""
    from onnxruntime import quantization

    class Calibration(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rows = iter([{"x": images.some(batch).numpy()}])

        def get_next(self) -> Any:
            return next(self.rows, None)

    export(fused(net), images.some(batch), folder / "net.onnx")
    quantization.quantize_static(
        folder / "net.onnx", folder / "int8.onnx", Calibration(), quant_format=quantization.QuantFormat.QDQ
    )
    return run_in_onnxruntime(folder / "int8.onnx")


def latency(folder: Path) -> dict[str, dict[str, float]]:
    """Time the nets of the first seed, in turns: milliseconds for 32 images, medians of 60."""
    ways: dict[str, dict[str, Predict]] = {}
    images = Images()
    x = images.some(32)
    with tempfile.TemporaryDirectory() as scratch:
        for arm in ARMS:
            net = Net()
            rectifiers.load(folder / f"{arm.replace(' ', '-')}-0", net).eval()
            own = Path(scratch) / arm.replace(" ", "-")
            own.mkdir()
            ways[arm] = {"int8": int8(net, images, own, 32), "torch": fused(net)}
            ways[arm]["onnxruntime"] = run_in_onnxruntime(own / "net.onnx")
        times = time_in_turns({(arm, way): call for arm, them in ways.items() for way, call in them.items()}, x, 60)
    return {arm: {way: times[arm, way] for way in them} for arm, them in ways.items()}


def measure(facts: dict[str, Any], seeds: Sequence[int], folder: Path, keep: Callable[[], None]) -> None:
    """Measure the arms that have no result yet.

    Args:
        facts: the results, to which new ones are added.
        seeds: the seeds.
        folder: where nets are kept, as they are after their first training and at the end.
        keep: called after every arm.
    """
    images = None
    for seed, arm in itertools.product(seeds, ARMS):
        runs = facts.setdefault("arms", {}).setdefault(arm, {})
        if str(seed) in runs:
            continue
        images = Images() if images is None else images
        net = trained(images, seed, folder)
        runs[str(seed)] = tuned(net, arm, images, seed)
        rectifiers.save(net, folder / f"{arm.replace(' ', '-')}-{seed}")
        keep()
        print(seed, arm, runs[str(seed)], flush=True)
