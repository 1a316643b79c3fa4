"""Every row of `peft/encoder` trains what it names in a small random encoder; the pretrained one is what it was."""

from __future__ import annotations

import pytest
import torch

from rectifiers import datasets
from rectifiers.experiments import pretrained
from rectifiers.experiments.network import build_network, count_parameters, prepare_network
from rectifiers.experiments.train_network import train_network
from rectifiers.experiments.trial import Trial
from rectifiers.papers.peft.encoder import experiment
from rectifiers.training.frozen import freeze

ROWS = [row.label for row in experiment.rows]
SMALL = dict(experiment.presets["smoke"].settings, train_size=16)
HIDDEN, INNER, HEAD = 16, 32, 2 * 16 + 2

NUMBERS = {
    "Head": 0,
    "PVLU on GELU": 2 * INNER,
    "PReLU's slopes on GELU": INNER,
    "AdaReLU's thresholds on GELU": INNER,
    "AReLU's two numbers on GELU": 2,
    "PAU, rational": 6 + 4,
    "PReLU's slopes for GELU": INNER,
    "Norms": 3 * 2 * HIDDEN,
    # Attention has four layers, and two norms follow; the other two layers are those around GELU.
    "Biases (BitFit)": 4 * HIDDEN + INNER + HIDDEN + 3 * HIDDEN,
    "IA³": 4 * HIDDEN + INNER + HIDDEN,
    "LoRA, rank 1": 4 * 2 * HIDDEN + 2 * (HIDDEN + INNER),
    "LoRA, rank 4": 4 * (4 * 2 * HIDDEN + 2 * (HIDDEN + INNER)),
}
"""Of a layer, beside the head's."""


def runnable(row: str) -> Trial:
    """The trial of a row, where what it needs is installed."""
    pytest.importorskip("transformers")
    one = trial(row)
    if one.adapter:
        pytest.importorskip("peft")
    return one


def trial(row: str, **changes: object) -> Trial:
    fields = next(one.settings for one in experiment.rows if one.label == row)
    return Trial.create(**{**experiment.settings, **fields, **SMALL, **changes})


@pytest.mark.parametrize("row", ROWS)
def test_each_row_trains_what_it_names(row: str) -> None:
    one = runnable(row)
    data = datasets.load(one.dataset)
    start = build_network(trial("Head"), data).state_dict()
    net = prepare_network(one, data, start)
    freeze(net, one.trained)
    if row in NUMBERS:
        assert count_parameters(net)["trained_parameters"] == NUMBERS[row] + HEAD
    outcome, _ = train_network(one, data, start)
    assert outcome["status"] == "done"


@pytest.mark.parametrize("row", [row for row in ROWS if row not in ("PAU, rational", "PReLU's slopes for GELU")])
def test_all_but_two_rows_start_with_the_outputs_of_the_encoder(row: str) -> None:
    one = runnable(row)
    data = datasets.load(one.dataset)
    plain = build_network(trial("Head"), data)
    net = prepare_network(one, data, plain.state_dict())
    x = torch.arange(24.0).reshape(2, 12)
    with torch.no_grad():
        difference = (net.eval()(x) - plain.eval()(x)).abs().max()
    # AReLU cannot start at ReLU, only near it.
    assert difference <= (1e-2 if row.startswith("AReLU") else 1e-6)


def test_the_pretrained_encoder_is_that_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    found = pretrained.check("all-minilm-l6-v2")
    if not found.ready:
        pytest.skip(found.missing[0])
    row = next(one.settings for one in experiment.rows if one.label == "Head")
    one = Trial.create(**{**experiment.settings, **row, "dataset": "generated:mr-pieces"})
    net = prepare_network(one, datasets.load(one.dataset), pretrained.load("all-minilm-l6-v2")).eval()
    theirs = transformers.BertModel.from_pretrained(found.found[0].parent).eval()
    pieces = torch.tensor([[101, 2023, 3185, 102, 0, 0], [101, 1037, 2919, 3185, 999, 102]])
    with torch.no_grad():
        outputs = theirs(input_ids=pieces, attention_mask=(pieces != 0).long()).last_hidden_state
        means = torch.stack([outputs[0, :4].mean(0), outputs[1].mean(0)])
        torch.testing.assert_close(net(pieces.float()), net.classifier(means))
