"""The parts of a network that are trained, by either vocabulary."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

from rectifiers.activations import create
from rectifiers.core.adapting import adapt
from rectifiers.core.learned import learned_values, learning_activations, shaping_parameters
from rectifiers.core.parts import Part, parameters_of
from rectifiers.surgery.carry.freezing import freeze_weights
from rectifiers.training.frozen import freeze


def net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.BatchNorm2d(2),
        create("arelu"),
        create("convrelu2d", in_channels=2, out_channels=2, kernel_size=3),
        nn.Flatten(),
        nn.Linear(8, 3),
        nn.PReLU(),
    )


NAMES: dict[Part, set[str]] = {
    "activations": {"2.alpha", "2.beta", "3.threshold", "6.weight"},
    "norms": {"1.weight", "1.bias"},
    "head": {"5.weight", "5.bias"},
}


@pytest.mark.parametrize("parts", [(), ("activations",), ("norms",), ("head",), ("norms", "head"), tuple(NAMES)])
def test_parts(parts: tuple[Part, ...]) -> None:
    made = net()
    chosen = parameters_of(made, parts)
    found = {name for name, parameter in made.named_parameters() if parameter in chosen}
    assert found == {name for part in parts for name in NAMES[part]}


@pytest.mark.parametrize(
    ("layer", "count"),
    [(nn.TransformerEncoderLayer(4, 2, 8), 6), (nn.LSTM(2, 3, bidirectional=True), 4), (nn.GRUCell(2, 3), 2)],
)
def test_biases_of_attention_and_of_recurrent_layers(layer: nn.Module, count: int) -> None:
    chosen = parameters_of(layer, {"biases"})
    assert len(chosen) == count
    assert chosen == {parameter for parameter in layer.parameters() if parameter.ndim == 1} - _scales(layer)


def _scales(layer: nn.Module) -> set[nn.Parameter]:
    return {module.weight for module in layer.modules() if isinstance(module, nn.LayerNorm)}


def test_a_network_without_a_layer_has_no_head() -> None:
    assert parameters_of(nn.Sequential(nn.PReLU()), {"head"}) == set()


@pytest.mark.parametrize(
    ("kept", "frozen"), [("activations", "weights"), ("activations and norms", "weights-except-norm")]
)
def test_both_vocabularies_leave_the_same_parameters(kept: str, frozen: str) -> None:
    one, other = net(), net()
    freeze(one, kept)  # type: ignore[arg-type]
    freeze_weights(other, frozen)  # type: ignore[arg-type]
    trained = [[name for name, p in made.named_parameters() if p.requires_grad] for made in (one, other)]
    assert trained[0] == trained[1]


def test_the_list_of_what_is_learned_is_one() -> None:
    made = net()
    listed = {f"{layer}.{name}" for layer, name, _ in learned_values(made)}
    assert listed == NAMES["activations"]
    assert {f"{layer}.{name}" for layer, _, names in learning_activations(made) for name in names} == listed
    shaping = shaping_parameters(made)
    assert {name for name, parameter in made.named_parameters() if parameter in shaping} == listed


class _TwoSlopes(nn.Module):
    """An activation made of others."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.PReLU(init=0.5), nn.PReLU(init=0.25)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.first(x) + self.second(x)
        return y


def test_what_an_activation_made_of_others_learns_is_listed_once() -> None:
    made = nn.Sequential(adapt(_TwoSlopes, "two_slopes", "a test")(), nn.PReLU())
    listed = [(layer, name, values.item()) for layer, name, values in learned_values(made)]
    assert listed == [("0", "first.weight", 0.5), ("0", "second.weight", 0.25), ("1", "weight", 0.25)]


def test_parameters_without_a_shape_have_no_values_yet() -> None:
    lazy = nn.Sequential(create("prelu", share="channel"))
    assert [names for _, _, names in learning_activations(lazy)] == [("a",)]
    assert list(learned_values(lazy)) == []
