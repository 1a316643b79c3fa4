"""Names and order of what models call, and the inputs that they take."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers import CReLU, surgery
from rectifiers.core.errors import ConfigError, DataError, UnknownNameError
from rectifiers.watching.calls import list_calls, pick_calls
from rectifiers.watching.feeding import read_batch, read_batches

from ..analysis.models import InPlace, Keywords, pictures


def names(model: nn.Module, batch: object, kind: str) -> list[str]:
    return [call.name for call in list_calls(model, read_batch(model, batch)) if call.role == kind]


def test_activations_have_the_names_that_surgery_gives_them() -> None:
    for model in (InPlace(), nn.Sequential(nn.Conv2d(3, 2, 1), nn.PReLU(), nn.Sigmoid())):
        sites = surgery.find_sites(model, (1, 3, 8, 8))
        assert names(model, pictures(1), "activation") == [site.name for site in sites]


def test_functions_and_second_calls_have_names() -> None:
    assert names(InPlace(), pictures(2), "activation") == ["relu#1", "relu#2", ":relu"]
    assert names(InPlace(), pictures(2), "pooling") == [":max_pool2d"]


def test_swapped_models_too() -> None:
    model = InPlace()
    surgery.swap(model, "arelu", example=(1, 3, 8, 8))
    assert names(model, pictures(2), "activation") == ["relu.0", "relu.1", "rectified.0"]


def test_what_softmax_is_not() -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 1), CReLU(), nn.Softmax(1))
    assert names(net, pictures(1), "activation") == ["1"]


def test_chains_show_where_each_input_comes_from() -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(inplace=True), nn.Dropout(), nn.Flatten())
    leaves = [call for call in list_calls(net, read_batch(net, pictures(1))) if call.leaf]
    assert [call.source for call in leaves] == [-1, 0, 1, 2]


def test_the_model_and_the_batch_stay_as_they_were() -> None:
    net, batch = nn.Sequential(nn.ReLU(inplace=True), nn.BatchNorm2d(3)), pictures(2)
    before = batch.clone()
    list_calls(net, read_batch(net, batch))
    assert torch.equal(batch, before)
    assert net.training
    assert net[1].num_batches_tracked == 0


def test_batches_of_every_form() -> None:
    net, labels = Keywords(), torch.zeros(2)
    batch = {"images": pictures(2), "labels": labels, "scale": torch.ones(1)}
    assert set(read_batch(net, batch).kwargs) == {"images", "scale"}
    assert names(net, batch, "activation") == ["relu"]
    linear = nn.Linear(2, 1).half()
    for given in (torch.zeros(3, 2), (torch.zeros(3, 2), labels), [torch.zeros(3, 2), labels, labels]):
        inputs = read_batch(linear, given)
        assert (inputs.size, inputs.args[0].dtype) == (3, torch.float16)


def test_bad_batches_are_named() -> None:
    net = Keywords()
    with pytest.raises(ConfigError, match="takes images, scale, but a batch has x, z"):
        read_batch(net, {"x": pictures(1), "z": pictures(1)})
    for batch in ((), "text", None, 3):
        with pytest.raises(ConfigError, match="expected a tensor, a tuple or a dictionary"):
            read_batch(net, batch)
    with pytest.raises(DataError, match="has no samples"):
        read_batch(net, torch.zeros(0, 2))
    with pytest.raises(DataError, match="no batch"):
        next(read_batches(net, iter([])))
    with pytest.raises(ConfigError, match="Linear fails on batch 1 of shape 1×3"):
        list_calls(nn.Linear(2, 1), read_batch(nn.Linear(2, 1), torch.zeros(1, 3)))


def test_unknown_layers_are_named() -> None:
    net = InPlace()
    with pytest.raises(UnknownNameError, match="unknown layer 'relu#3'; did you mean relu#"):
        pick_calls(list_calls(net, read_batch(net, pictures(1))), ["relu#3"])


class Wrapped(nn.Module):
    """What is an activation whatever it computes inside."""

    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x)


@pytest.mark.parametrize(
    "act", [F.relu, torch.ops.aten.relu, torch.ops.aten.relu.default, lambda x: x * torch.sigmoid(x)]
)
def test_activations_that_are_wrapped_have_the_names_of_sites(act: Callable[[Tensor], Tensor]) -> None:
    class Outside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.inside = nn.Conv2d(3, 2, 1), Wrapped(act)

        def forward(self, x: Tensor) -> Tensor:
            return F.max_pool2d(torch.ops.aten.relu.default(self.inside(self.layer(x))), 2)

    sites = [site.name for site in surgery.find_sites(Outside(), (1, 3, 8, 8))]
    assert sites == ["inside", ":relu"]
    calls = list_calls(Outside(), read_batch(Outside(), pictures(1)))
    assert [call.name for call in calls if call.role == "activation"] == sites
    assert [call.source for call in calls if call.leaf] == [-1, 0, 1, 2]


def test_what_forward_has_to_be_given_is_no_mere_label() -> None:
    class Both(nn.Module):
        def forward(self, x: Tensor, y: Tensor, target: Tensor | None = None) -> Tensor:
            assert target is None
            return F.relu(x + y)

    batch = dict.fromkeys(("x", "y", "target"), torch.ones(2, 3))
    assert names(Both(), batch, "activation") == [":relu"]
