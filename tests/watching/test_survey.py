"""What one example shows of a model in both of its modes."""

from __future__ import annotations

import sys

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers import swap
from rectifiers.core.errors import ConfigError
from rectifiers.watching import find_sites, survey_model


class OnlyTraining(nn.Module):
    """Has an activation that training mode alone reaches."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.linear, self.head, self.error = nn.Linear(4, 4), nn.Linear(4, 4), error

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.linear(x))
        if self.training:
            if self.error is not None:
                raise self.error
            x = x + torch.tanh(self.head(x))
        return x


def test_sites_of_training_mode_come_last() -> None:
    survey = survey_model(OnlyTraining(), (torch.randn(2, 4),), {})
    assert [(site.name, site.training_only, site.index) for site in survey.sites] == [
        (":relu", False, 0),
        (":tanh", True, 1),
    ]
    assert survey.notes == ()


class OnlyEvaluation(nn.Module):
    """Computes its activation otherwise in training mode, as BLOOM does its GELU, and calls others in both modes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.act = nn.Linear(4, 4), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.act(self.linear(x)))
        return x * x.sigmoid() if self.training else x * torch.tanh(x)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python keeps the positions of calls from 3.11 on")
def test_sites_that_training_does_not_reach_are_marked() -> None:
    survey = survey_model(OnlyEvaluation(), (torch.randn(2, 4),), {})
    assert [(site.name, site.evaluation_only) for site in survey.sites] == [
        ("act", False),
        (":relu", False),
        (":tanh", True),
        (":sigmoid", False),
    ]
    plan = swap(OnlyEvaluation(), "pau", example=(2, 4), from_=("relu", "tanh")).plan
    assert [
        change.note.endswith("called in evaluation mode only, so that training does not reach it")
        for change in plan.changes
    ] == [
        False,
        False,
        True,
    ]


def test_a_norm_that_needs_more_examples_gets_them() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU())
    survey = survey_model(net, (torch.randn(1, 4),), {})
    assert survey.training is not None
    (norm,) = (op for op in survey.training.ops if op.name == "batch_norm")
    assert survey.training.shapes[norm.outputs[0]] == (2, 4)
    assert survey.notes == ()


def test_an_error_of_the_models_own_is_not_mistaken_for_a_norms() -> None:
    model = OnlyTraining(ValueError("Expected more than 1 value per channel when training"))
    calls: list[nn.Module] = []
    model.register_forward_pre_hook(lambda module, _: calls.append(module))
    survey = survey_model(model, (torch.randn(2, 4),), {})
    assert len(calls) == 2
    assert survey.training is None
    assert "in training mode: ValueError: Expected more" in survey.notes[0]


def test_what_the_example_does_not_reach_is_said() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    net.register_module("spare", nn.Identity())
    net.spare.add_module("act", nn.GELU())
    net.spare.forward = lambda x: x  # type: ignore[method-assign, assignment]
    assert survey_model(net, (torch.randn(2, 4),), {}).notes == (
        "not reached by the example, and left unchanged: spare.act",
    )


class Expert(nn.Module):
    """Calls a function, and has a method that nobody calls."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(4, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.encode(x) if self.training else self.outer(F.relu(self.inner(x)))

    def encode(self, x: Tensor) -> Tensor:
        return self.outer(F.relu(self.inner(x)))


class Experts(nn.Module):
    """Calls the expert that the values choose, another by its method, and never the third."""

    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.ModuleList(Expert() for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        first, second, third = self.experts
        return third(x) if x.sum() > 100 else first(second.encode(x))


def test_functions_in_modules_that_the_example_does_not_reach_are_named() -> None:
    assert survey_model(Experts(), (torch.randn(2, 4),), {}).notes == (
        "not reached by the example, and left unchanged: experts.2:relu",
    )


def test_a_model_that_does_not_take_the_example_is_named() -> None:
    with pytest.raises(ConfigError, match="Linear fails on the example: RuntimeError"):
        survey_model(nn.Linear(4, 4), (torch.randn(2, 3),), {})


def test_a_list_of_images_is_told_from_a_list_of_arguments() -> None:
    class Detector(nn.Module):
        def forward(self, images: list[Tensor]) -> list[Tensor]:
            return [torch.relu(image) for image in images]

    images = [torch.randn(3, 4, 4), torch.randn(3, 5, 5)]
    with pytest.raises(ConfigError, match=r"for one argument that is a list, give \(list,\)"):
        find_sites(Detector(), images)
    assert len(find_sites(Detector(), (images,))) == 2


def test_a_dictionary_is_told_from_keyword_arguments() -> None:
    class Batched(nn.Module):
        def forward(self, batch: dict[str, Tensor]) -> Tensor:
            return torch.relu(batch["x"])

    example = {"x": torch.randn(3, 4)}
    with pytest.raises(ConfigError, match=r"for one argument that is a dictionary, give \(dict,\)"):
        find_sites(Batched(), example)
    assert len(find_sites(Batched(), (example,))) == 1


def test_an_activation_may_be_called_by_keyword() -> None:
    class Keyword(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.act = nn.Linear(4, 8), nn.ReLU6()

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.act(input=self.linear(x))
            return result

    net, x = Keyword(), torch.randn(2, 4)
    before = net(x)
    swap(net, "pvlu", example=x)
    assert torch.equal(net(x), before)
