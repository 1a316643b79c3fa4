"""What a swap notes in a configuration, with stand-ins for Transformers; `tests/test_hf.py` has the real ones."""

from __future__ import annotations

import json
import sys
from types import ModuleType, SimpleNamespace

import pytest
from torch import Tensor, nn

from rectifiers.surgery import swap
from rectifiers.surgery.carry.configuration import read_note


class Config(SimpleNamespace):
    pass


class Model(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.Sequential(nn.Linear(2, 3), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


@pytest.fixture(autouse=True)
def _transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    utils = ModuleType("transformers.modeling_utils")
    utils.PreTrainedModel, utils.PreTrainedConfig = Model, Config
    monkeypatch.setitem(sys.modules, "transformers.modeling_utils", utils)


def test_a_note_holds_the_plan_until_it_is_reverted() -> None:
    model = Model(Config())
    report = swap(model, "pvlu", example=(1, 2))
    json.dumps(vars(model.config))
    note = read_note(model.config)
    assert note == {"plans": [json.loads(report.plan.to_json())], "obstacles": []}
    assert "import rectifiers.hf" in model.config.quantization_config["backend"]
    report.revert()
    assert vars(model.config) == {}


def test_reverting_the_second_swap_leaves_the_first() -> None:
    model = Model(Config())
    first = swap(model, "pvlu", example=(1, 2))
    swap(model, "arelu", from_="pvlu", example=(1, 2)).revert()
    assert read_note(model.config) == {"plans": [json.loads(first.plan.to_json())], "obstacles": []}


def test_a_swapped_part_and_a_model_around_are_obstacles() -> None:
    part, around = Model(Config()), nn.Sequential(Model(Config()))
    part.layers.config = part.config
    for model, config in ((part.layers, part.config), (around, around[0].config)):
        report = swap(model, "pvlu", example=(1, 2))
        (obstacle,) = read_note(config)["obstacles"]
        assert obstacle == "what was swapped is Sequential, of which this is not the whole"
        report.revert()
        assert vars(config) == {}


def test_a_function_without_a_name_is_an_obstacle() -> None:
    model = Model(Config())
    swap(model, lambda channels: nn.PReLU(), example=(1, 2))
    assert "which cannot be written down" in read_note(model.config)["obstacles"][0]


def test_the_configuration_of_a_quantised_model_stays() -> None:
    model = Model(Config(quantization_config={"quant_method": "gptq"}))
    with pytest.warns(UserWarning, match=r"save_pretrained will not keep this swap.*rectifiers\.save keeps it"):
        swap(model, "pvlu", example=(1, 2)).revert()
    assert model.config == Config(quantization_config={"quant_method": "gptq"})
