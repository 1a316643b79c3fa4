"""Comparing two models: alike after permutation, different after new weights, and left as they were."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers.analysis import compare_models
from rectifiers.analysis.streaming import CrossProducts
from rectifiers.core.errors import ConfigError, DataError, UnknownNameError

from ..models import Force


def net(width: int = 6) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, width, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(width * 16, 5), nn.ReLU()
    )


BATCHES = [torch.randn(8, 2, 6, 6), torch.randn(3, 2, 6, 6)]


def test_a_model_is_like_itself() -> None:
    model = net()
    comparison = compare_models(model, copy.deepcopy(model), BATCHES)
    assert comparison.samples == 11
    assert [layer.cka for layer in comparison.layers] == pytest.approx([1, 1])
    assert [(layer.first.name, layer.second.name) for layer in comparison.layers] == [("1", "1"), ("4", "4")]
    assert [layer.first.sparsity for layer in comparison.layers] == [
        layer.second.sparsity for layer in comparison.layers
    ]


def test_permuted_channels_are_alike_and_new_weights_are_not() -> None:
    model = net()
    permuted, other = copy.deepcopy(model), net()
    with torch.no_grad():
        permuted[0].weight.copy_(model[0].weight.flip(0))
        permuted[0].bias.copy_(model[0].bias.flip(0))
    assert compare_models(model, permuted, BATCHES).layers[0].cka == pytest.approx(1)
    assert compare_models(model, other, BATCHES).layers[0].cka < 0.9


def test_figures_of_either_model() -> None:
    model = net()
    dead = copy.deepcopy(model)
    with torch.no_grad():
        dead[0].bias[0] = -100.0
    layer = compare_models(model, dead, BATCHES).layers[0]
    assert (layer.first.dead, layer.second.dead) == (0, pytest.approx(1 / 6))
    x = torch.cat([model[0](batch) for batch in BATCHES]).detach()
    assert layer.first.mean == pytest.approx(float(x.mean()), abs=1e-6)
    assert layer.first.sparsity == pytest.approx(float((x <= 0).float().mean()))


def test_batches_without_a_finite_sample_are_left_out() -> None:
    model, broken = net(), torch.full((4, 2, 6, 6), float("nan"))
    for batches in ([broken, *BATCHES], [*BATCHES, broken]):
        assert [layer.cka for layer in compare_models(model, model, batches).layers] == pytest.approx([1, 1])
    assert [math.isnan(layer.cka) for layer in compare_models(model, model, [broken]).layers] == [True, True]


def test_pairs_of_sites_and_other_sizes() -> None:
    first = net()
    second = nn.Sequential(nn.Conv2d(2, 4, 3, stride=2), nn.ReLU())
    with pytest.raises(ConfigError, match=r"have 2 and 1 activation sites; .* pairs=\[\('1', '1'\), …\]"):
        compare_models(first, second, BATCHES)
    comparison = compare_models(first, second, BATCHES, pairs=[("1", "1")])
    assert 0 < comparison.layers[0].cka < 1
    with pytest.raises(UnknownNameError, match="unknown activation site '7'"):
        compare_models(first, second, BATCHES, pairs=[("7", "1")])


def test_models_are_left_as_they_were() -> None:
    model = net().train()
    before = copy.deepcopy(model.state_dict())
    compare_models(model, model, BATCHES)
    assert model.training
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in before.items())


def test_forms_and_an_empty_loader() -> None:
    model = net()
    comparison = compare_models(model, model, BATCHES)
    assert json.loads(comparison.to_json())["layers"][1]["first"]["units"] == 5
    assert comparison.to_csv().splitlines()[1].startswith("1,1,")
    assert "1 (relu) and 1 (relu): CKA 1.000" in str(comparison)
    with pytest.raises(DataError, match="no batch"):
        compare_models(model, model, [])


class Laid(nn.Module):
    """The same values in another layout, by a function of them."""

    def __init__(self, lay: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.lay = nn.Linear(6, 6), lay

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.lay(self.layer(x)))


def test_a_site_of_unknown_channels_is_compared_by_its_samples_means() -> None:
    known, unknown = Laid(lambda y: y), Laid(lambda y: y.view(-1, 2, 3, 1))
    unknown.layer = nn.Identity()
    x = torch.randn(16, 6)
    found = compare_models(known, unknown, [x], pairs=[(":relu", ":relu")]).layers[0]
    with torch.no_grad():
        features = known(x).double(), unknown(x).double().flatten(1).mean(1, keepdim=True)
    products = CrossProducts(6, 1)
    products.add(*features)
    assert found.cka == pytest.approx(products.cka)


def test_outputs_of_other_samples_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\(20, 6\) and \(4, 5, 6\), in which samples cannot be matched"):
        compare_models(Laid(lambda y: y.flatten(0, 1)), Laid(lambda y: y), [torch.randn(4, 5, 6)])


def test_another_number_of_features_is_refused() -> None:
    net = Laid(lambda y: y.mean(-1))
    with pytest.raises(ConfigError, match="another number of features on batch 2"):
        compare_models(net, net, [torch.randn(4, 5, 6), torch.randn(4, 7, 6)])


def test_models_that_take_gradients_themselves() -> None:
    net = Force()
    assert compare_models(net, net, [torch.randn(9, 3)]).layers[0].cka == pytest.approx(1)
