"""Variants as text, dictionaries and functions; what they make of a model, and the code that makes it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import rectifiers
from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.experiments.compare.trial import OwnTrial
from rectifiers.experiments.compare.variants import Swap, Variant, parse_variant, read_variants, split_variants

from .samples import make_model


@pytest.mark.parametrize(
    ("text", "swaps"),
    [
        ("arelu", [("arelu", "all", None, {})]),
        ("convrelu@R1", [("convrelu", "R1", None, {})]),
        ("pvlu@R1", [("pvlu", "R1", None, {})]),
        ("pvlu:start=was:share=channel@0,2", [("pvlu", "0,2", "was", {"share": "channel"})]),
        (
            "crelu:halve=true@first+pvlu@/relu(3|4)$/",
            [("crelu", "first", None, {"halve": True}), ("pvlu", "/relu(3|4)$/", None, {})],
        ),
        ("arelu:alpha=0.5@stage:1", [("arelu", "stage:1", None, {"alpha": 0.5})]),
    ],
)
def test_texts(text: str, swaps: list[tuple[str, str, str | None, dict[str, Any]]]) -> None:
    variant = parse_variant(text)
    assert variant.label == text
    assert [(swap.to, swap.where, swap.start, dict(swap.options)) for swap in variant.swaps] == swaps


def test_options_of_training_are_the_variants() -> None:
    variant = parse_variant("pvlu:activation_lr=0.01:freeze=weights-except-norm")
    assert (variant.activation_lr, variant.trained) == (0.01, "activations and norms")
    assert not variant.swaps[0].options


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["arleu"], "did you mean arelu"),
        (["arelu@"], "cannot read the variant"),
        (["arelu:start"], "cannot read the variant"),
        (["arelu:alpha=0.8:alpha=0.9"], "the variant 'arelu:alpha=0.8:alpha=0.9' gives alpha twice; leave one out"),
        (["arelu:where=R1@R2"], "gives where twice"),
        ([""], "is empty"),
        (["arelu", "arelu"], "appears twice among the activations; leave one out"),
        (["arelu:optimizer=sgd"], "not an option of a variant"),
        (["arelu:freeze=all"], "unknown freeze"),
        (["arelu:activation_lr=-1"], "must be a positive number"),
        ([3], "expected the name of an activation"),
        ([{"where": "R1"}], "needs the name of its activation"),
        ([{"swaps": ["arelu"], "where": "R1"}], "has its settings in them"),
        (7, "must be a list"),
    ],
)
def test_mistakes(given: Any, message: str) -> None:
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        read_variants(given)


def test_forms_that_mean_the_same() -> None:
    text, mapping, value, several = read_variants(
        {
            "text": "pvlu:share=channel@first",
            "mapping": {"to": "pvlu", "where": "first", "share": "channel"},
            "value": Variant("", (Swap(to="pvlu", where="first", options={"share": "channel"}),)),
            "several": {"swaps": ["pvlu:share=channel@first"]},
        }
    )
    assert text.swaps == mapping.swaps == value.swaps == several.swaps
    assert [one.label for one in (text, mapping, value, several)] == ["text", "mapping", "value", "several"]


def test_a_swap_changes_the_model_and_its_code_does_the_same() -> None:
    example = torch.randn(2, 6)
    variant = parse_variant("pvlu@first+arelu@last")
    changed = variant.apply(make_model(), example)
    assert [type(module).__name__ for module in changed if not isinstance(module, nn.Linear | nn.Dropout)] == [
        "PVLU",
        "AReLU",
    ]
    scope: dict[str, Any] = {"model": make_model(), "example": example}
    exec(variant.code("model", "example"), scope)
    assert [type(one) for one in scope["model"]] == [type(one) for one in changed.children()]
    assert Variant("as it is").code("net", "x") == "# net stays as it is"


def test_a_function_changes_the_model() -> None:
    def widen(model: nn.Module) -> nn.Module:
        return nn.Sequential(model, nn.Linear(3, 3))

    (variant,) = read_variants([widen])
    assert variant.label == "widen"
    assert len(variant.apply(make_model(), ())) == 2
    assert variant.code("model", "x") == "model = widen(model)"
    (forgets,) = read_variants({"forgets": lambda model: None})
    with pytest.raises(ConfigError, match="variant forgets returned NoneType; return the changed model"):
        forgets.apply(make_model(), ())
    (fails,) = read_variants({"fails": lambda model: 1 / 0})
    with pytest.raises(ConfigError, match="variant fails failed: ZeroDivisionError"):
        fails.apply(make_model(), ())


def test_a_trial_keeps_its_id_when_it_is_written_and_read() -> None:
    trial = OwnTrial.create(network="a:b#0", swaps=parse_variant("pvlu:start=was@R1+arelu").swaps, seed=3)
    again = OwnTrial.model_validate_json(trial.model_dump_json())
    assert (again, again.id) == (trial, trial.id)
    assert OwnTrial.create(**trial.settings).id == trial.id
    assert trial.settings["swaps"] == [{"to": "pvlu", "where": "R1", "start": "was"}, {"to": "arelu"}]


def test_public_name() -> None:
    assert rectifiers.lab.Variant is Variant


def test_a_convrelu_of_the_rank_that_is_there() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3))
    changed = parse_variant("convrelu").apply(net, torch.randn(2, 1, 8, 8))
    assert any(type(module).__name__.startswith("ConvReLU2d") for module in changed.modules())


def test_classes_and_other_names_of_registered_functions() -> None:
    given = read_variants([rectifiers.PVLU, {"to": rectifiers.AReLU, "where": "first"}, "SiLU@last"])
    assert [(variant.label, variant.swaps[0].to) for variant in given] == [
        ("pvlu", "pvlu"),
        ("arelu@first", "arelu"),
        ("SiLU@last", "swish"),
    ]


def test_other_names_behind_a_comma() -> None:
    assert split_variants("relu@0,silu,SiLU@1,2") == ["relu@0", "silu", "SiLU@1,2"]


@pytest.mark.parametrize("given", [nn.GELU, nn.GELU(), torch.tanh, {"to": nn.GELU}])
def test_activations_without_a_name_are_no_functions_of_a_model(given: Any) -> None:
    with pytest.raises(ConfigError, match="is compared by a name, which its runs are kept under; give it one"):
        read_variants([given])
