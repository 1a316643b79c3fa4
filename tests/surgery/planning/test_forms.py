"""Learned functions as a gain, a threshold, an offset and a plain rectifier."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from rectifiers import create
from rectifiers.surgery.inserted.annealed import Annealed
from rectifiers.surgery.inserted.capped import Capped
from rectifiers.surgery.planning.forms import Form, Unfoldable, read_form

X = torch.linspace(-9, 9, 1801, dtype=torch.float64)[:, None]


def numbers(part: Tensor) -> list[float]:
    return [round(value, 6) for value in part.tolist()]


def moved(name: str, **values: float) -> nn.Module:
    module = create(name, share="layer")
    with torch.no_grad():
        for parameter, value in values.items():
            getattr(module, parameter).fill_(value)
    return module


@pytest.mark.parametrize(
    ("module", "gain", "threshold", "slope"),
    [
        (moved("adarelu", theta=-0.5), 1.0, -0.5, 0.0),
        (moved("prelu", a=0.2), 1.0, 0.0, 0.2),
        (moved("prelu", a=1.0), 1.0, 0.0, 1.0),
        (moved("comb_arelu", p=0.25), 1.0, 0.0, 0.25),
        (moved("arelu", alpha=0.5, beta=0.0), 1.5, 0.0, 0.5 / 1.5),
        (moved("arelu", alpha=-3.0, beta=0.0), 1.5, 0.0, 0.01 / 1.5),
        (moved("elsa", alpha=0.5, beta=0.0), 0.5, 0.0, 1.0),
        (moved("pvlu", alpha=0.0, beta=2.0), 1.0, 0.0, 0.0),
        (moved("apl", a=0.0), 1.0, 0.0, 0.0),
        (create("relu"), 1.0, 0.0, 0.0),
        (create("leaky_relu"), 1.0, 0.0, 0.01),
    ],
)
def test_forms(module: nn.Module, gain: float, threshold: float, slope: float) -> None:
    form = read_form(module)
    read = [numbers(part) for part in (form.gain, form.threshold, form.offset, form.slope)]
    assert read == [[gain], [threshold], [threshold], [round(slope, 6)]]


@pytest.mark.parametrize("name", ["adarelu", "prelu", "arelu", "elsa", "comb_arelu"])
def test_a_form_is_the_function_channel_by_channel(name: str) -> None:
    module = create(name, share="channel", channels=3).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(0))
    x = X.expand(-1, 3).contiguous()
    torch.testing.assert_close(read_form(module)(x), module(x))


def test_caps_are_kept() -> None:
    form = read_form(Capped(moved("adarelu", theta=0.5), 6.0))
    assert form.top == 5.5
    torch.testing.assert_close(form(X), X.clamp(0.5, 6.0))
    assert read_form(create("relu6")).top == 6.0


def test_elements_that_agree_have_a_form() -> None:
    assert read_form(create("pvlu", share="element", channels=(2, 3), relu_like=True)).gain.tolist() == [1.0]


def test_what_was_annealed_has_the_form_of_its_end() -> None:
    module = Annealed("swish", {}, "relu6")
    module.anneal(1.0)
    assert read_form(module).top == 6.0


def different(name: str, **options: object) -> nn.Module:
    module = create(name, **options)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.linspace(0.2, 0.7, parameter.numel()).reshape(parameter.shape))
    return module


def halfway() -> nn.Module:
    module = Annealed("swish", {})
    module.anneal(0.5)
    return module


class Shifted(type(create("prelu"))):  # type: ignore[misc]
    """A function that computes something else than its parameters say."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) + 1  # type: ignore[no-any-return]


REFUSED = {
    "not made of two straight pieces": create("pau"),
    "Linear is not made of": nn.Linear(2, 2),
    "amplitude other than 0 in 1 of 1 unit": moved("pvlu", alpha=0.1),
    "hinges have slopes": moved("apl", a=0.1),
    "every element has parameters of its own": different("prelu", share="element", channels=(2, 3)),
    "a different distance above the threshold": Capped(different("adarelu", share="channel", channels=2), 6.0),
    "a cap at 6 and a slope below zero": Capped(moved("prelu", a=0.1), 6.0),
    "above its cap at 6": Capped(moved("adarelu", theta=7.0), 6.0),
    "annealed to 50 % only": halfway(),
    "no shape yet": create("adarelu", share="channel"),
    "not what its parameters say": Shifted(),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_others_have_none(reason: str) -> None:
    with pytest.raises(Unfoldable, match=reason):
        read_form(REFUSED[reason])


def test_a_form_can_be_evaluated() -> None:
    one = torch.ones(1, dtype=torch.float64)
    form = Form(gain=2 * one, threshold=one, offset=-one, slope=0.5 * one, top=3.0)
    assert form(torch.tensor([[0.0], [1.0], [2.0], [9.0]])).flatten().tolist() == [-2.0, -1.0, 1.0, 2.0]
