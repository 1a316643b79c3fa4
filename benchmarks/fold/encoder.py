"""From GELU to ReLU to int8 in a pretrained sentence encoder, all-MiniLM-L6-v2, fine-tuned to tell film reviews apart.

The encoder is a BERT of six layers, each with GELU between two linear layers that have biases. Network, weights and
sentences are those of the experiment `peft/encoder`.
"""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import rectifiers
from rectifiers import datasets
from rectifiers.core.seeds import derive
from rectifiers.datasets.mr_pieces import LENGTH
from rectifiers.datasets.pieces import VOCABULARY, Pieces
from rectifiers.datasets.splits import subset
from rectifiers.experiments import pretrained
from rectifiers.experiments.weights import transplant
from rectifiers.networks import outside
from rectifiers.networks.outside.hugging_face import Sentences
from rectifiers.papers.peft.encoder import MINILM
from rectifiers.training.batches import Batches

from .engine import Predict, export, run_in_onnxruntime, time_in_turns
from .steps import descend, fold

SENTENCES, BATCH = 1024, 32
"""Training sentences, and sentences at a time."""
EPOCHS, TUNING = 2, 2
"""Epochs of the first training, and of each fine-tuning."""
RATE, NEW_RATE = 5e-5, 1e-3
"""Learning rates: of the encoder, and of what is new in it, which is the classifier and thresholds."""

TIMED, ROUNDS = 32, 9
"""Word pieces of the sentences for which nets are timed, and how often."""

ARMS = {
    "gelu": "GELU, trained on",
    "at once": "ReLU at once",
    "annealed": "ReLU, annealed and distilled",
    "adarelu": "AdaReLU, a threshold for each layer, fitted, then folded",
    "adarelu by channel": "AdaReLU, a threshold for each channel, fitted, then folded",
}
"""What is done in the fine-tuning."""
SHARES = {"adarelu": "layer", "adarelu by channel": "channel"}
"""Who shares a threshold, in the arms that have any."""


def make(sizes: dict[str, Any]) -> Sentences:
    """Make an encoder of these sizes, with random weights, and a classifier that knows nothing yet."""
    net = outside.get("hf:bert").make((LENGTH,), 2, sizes)
    assert isinstance(net, Sentences)
    return net.eval()


def published() -> Sentences:
    """Make the encoder as it was published, and a classifier that knows nothing yet."""
    net = make(MINILM)
    transplant(pretrained.load("all-minilm-l6-v2"), net)
    return net


class Reviews:
    """Some training sentences for each seed, and the 1,067 test sentences of MR.

    Args:
        seed: decides which, and in which order.
        dataset: of word pieces.
        count: how many training sentences.
    """

    def __init__(self, seed: int, dataset: str = "mr-pieces", count: int = SENTENCES) -> None:
        data = datasets.load(dataset)
        assert isinstance(data.train, Pieces)
        self.seed, self.train = seed, subset(data.train, count, seed)
        self.numbers = self.train.numbers("unit")
        self.test = Batches(data.test, BATCH, normalise=self.numbers)

    def batches(self, name: str) -> Batches:
        """Give the batches of a training that has a name."""
        return Batches(self.train, BATCH, normalise=self.numbers, seed=derive(self.seed, name))

    def some(self) -> Tensor:
        """A batch of training sentences."""
        return self.numbers(self.train.take(slice(0, BATCH)))

    def accuracy(self, predict: Predict) -> float:
        """Percent of the test sentences that are told right."""
        with torch.no_grad():
            right = sum(int((predict(pieces).argmax(1) == labels).sum()) for pieces, labels in self.test)
        return 100 * right / len(self.test.targets)


def train(
    net: Sentences,
    batches: Batches,
    epochs: int,
    annealing: rectifiers.surgery.Annealing | None,
) -> None:
    """Train with AdamW, whose rates rise for a tenth of the time and fall to zero."""
    groups = rectifiers.param_groups(net.encoder, lr=RATE, weight_decay=0.01, activation_lr=NEW_RATE)
    optimizer = torch.optim.AdamW([*groups, {"params": list(net.classifier.parameters()), "lr": NEW_RATE}])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        [group["lr"] for group in optimizer.param_groups],
        epochs * len(batches),
        pct_start=0.1,
        anneal_strategy="linear",
        cycle_momentum=False,
    )
    every = (batch for epoch in range(epochs) for batch in batches.epoch(epoch))
    descend(net, every, optimizer, schedule, annealing)


def trained(reviews: Reviews, folder: Path) -> Sentences:
    """The classifier as it is after its first training, from the folder if it is there."""
    torch.manual_seed(reviews.seed)
    net, path = published(), folder / f"gelu-{reviews.seed}.pt"
    if path.exists():
        net.load_state_dict(torch.load(path, weights_only=True))
        return net
    train(net, reviews.batches("first training"), EPOCHS, None)
    torch.save(net.state_dict(), path)
    return net


def tuned(net: Sentences, arm: str, reviews: Reviews) -> dict[str, Any]:
    """Fine-tune a trained classifier in the way of an arm, fold it, and quantise it; return what was measured."""
    example, facts, annealing = reviews.some(), dict[str, Any](), None
    batches = reviews.batches("fine-tuning")
    if arm == "at once":
        rectifiers.swap(net, "relu", from_="gelu", example=example)
    elif arm in SHARES:
        rectifiers.swap(net, "adarelu", from_="gelu", example=example, start="was", share=SHARES[arm])
    elif arm == "annealed":
        annealing = rectifiers.anneal(net, example=example, steps=TUNING * len(batches))
    facts["swapped"] = reviews.accuracy(net)
    start = time.process_time()
    train(net, batches, TUNING, annealing)
    facts["seconds"] = time.process_time() - start
    facts["tuned"] = reviews.accuracy(net)
    if arm != "gelu":
        facts |= fold(net, example, lambda: reviews.accuracy(net))
    facts["zeros"] = zeros(net, reviews)
    with tempfile.TemporaryDirectory() as folder:
        facts["int8"] = reviews.accuracy(int8(net, example, Path(folder)))
    return facts


def functions(net: Sentences) -> list[nn.Module]:
    """Return the activations of the layers."""
    layers: Any = net.encoder.get_submodule("encoder.layer")
    return [layer.intermediate.intermediate_act_fn for layer in layers]


def zeros(net: Sentences, reviews: Reviews) -> float:
    """Percent of the activations' values that are 0, over the pieces of the test sentences."""
    counts: list[Tensor] = []
    pieces = torch.empty(0)

    def count(module: nn.Module, args: Any, output: Tensor) -> None:
        there = output[pieces != 0]
        counts.append(torch.tensor([float((there == 0).sum()), float(there.numel())], dtype=torch.float64))

    handles = [function.register_forward_hook(count) for function in functions(net)]
    with torch.no_grad():
        for pieces, _ in reviews.test:
            net(pieces)
    for handle in handles:
        handle.remove()
    found, of = torch.stack(counts).sum(0)
    return 100 * float(found) / float(of)


def int8(net: Sentences, example: Tensor, folder: Path) -> Predict:
    """Quantise weights to eight bits, and activations where a matrix is multiplied by them, as the batch has them."""
    from onnxruntime import quantization

    export(net, example, folder / "net.onnx", any_size=True)
    quantization.quantize_dynamic(folder / "net.onnx", folder / "int8.onnx", weight_type=quantization.QuantType.QInt8)
    return run_in_onnxruntime(folder / "int8.onnx")


def latency() -> dict[str, dict[str, float]]:
    """Time nets in turns, as published but for their functions, on sentences of random pieces; in milliseconds."""
    net = published()
    example = torch.randint(1000, VOCABULARY, (BATCH, TIMED)).float()
    nets = {"GELU": net}
    for share in SHARES.values():
        nets[f"AdaReLU, a threshold for each {share}"] = swapped = copy.deepcopy(net)
        rectifiers.swap(swapped, "adarelu", from_="gelu", example=example, start="was", share=share)
    nets["The same, folded, which is ReLU"] = folded = copy.deepcopy(swapped)
    rectifiers.fold(folded, example)
    ways: dict[tuple[str, str], Predict] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for title, made in nets.items():
            own = Path(scratch) / title.replace(" ", "-")
            own.mkdir()
            ways[title, "torch"], ways[title, "int8"] = made, int8(made, example, own)
            ways[title, "onnxruntime"] = run_in_onnxruntime(own / "net.onnx")
    times = time_in_turns(ways, example, ROUNDS, time.process_time)
    return {title: {way: times[title, way] for way in ("torch", "onnxruntime", "int8")} for title in nets}


def measure(facts: dict[str, Any], seeds: Sequence[int], folder: Path, keep: Callable[[], None]) -> None:
    """Measure the arms that have no result yet.

    Args:
        facts: the results, to which new ones are added.
        seeds: the seeds.
        folder: where classifiers are kept as they are after their first training.
        keep: called after every arm.
    """
    settings = {"sentences": SENTENCES, "dropout": MINILM["hidden_dropout_prob"]}
    if facts.setdefault("settings", settings) != settings:
        raise SystemExit(f"the results are those of {facts['settings']}, not of {settings}; remove them first")
    for seed in seeds:
        reviews = Reviews(seed)
        for arm in ARMS:
            runs = facts.setdefault("arms", {}).setdefault(arm, {})
            if str(seed) in runs:
                continue
            net = trained(reviews, folder)
            if str(seed) not in facts.setdefault("before", {}):
                facts["before"][str(seed)] = reviews.accuracy(net)
            runs[str(seed)] = tuned(net, arm, reviews)
            keep()
            print(seed, arm, runs[str(seed)], flush=True)
