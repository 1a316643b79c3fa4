"""The units that the doctor counts are the channels that a swap would give parameters of their own."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers import diagnose, swap


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.bias, self.out = (
            nn.Parameter(torch.randn(4, 16)),
            nn.Parameter(torch.zeros(16)),
            nn.Linear(16, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        shape = (*x.shape[:-1], 16)
        out: Tensor = self.out(F.relu(torch.addmm(self.bias, x.reshape(-1, 4), self.inner).view(shape)))
        return out


@pytest.mark.parametrize("function", ["", "pvlu", "arelu"])
def test_units_are_features_at_any_length(function: str) -> None:
    model = Tokens()
    with torch.no_grad():
        model.bias[3] = -100.0
    if function:
        swap(model, function, example=(2, 7, 4))
    (site,) = diagnose(model, [torch.randn(2, 7, 4), torch.randn(5, 9, 4), torch.randn(1, 1, 4)]).sites
    assert (site.units, site.values) == (16, 16 * (14 + 45 + 1))
    assert site.never_above == (3,)
    assert site.curve is not None


@pytest.mark.parametrize("function", ["", "pvlu"])
def test_units_of_an_image_without_a_batch(function: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    with torch.no_grad():
        model[0].bias[2] = -100.0
    if function:
        swap(model, function, example=torch.randn(3, 5, 5))
    (site,) = diagnose(model, [torch.randn(3, 5, 5), torch.randn(3, 8, 6)]).sites
    assert (site.units, site.never_above) == (4, (2,))
    assert site.curve is not None
    assert len(site.curve.x) == len(site.curve.mean) == 101
    torch.testing.assert_close(torch.tensor(site.curve.mean), torch.tensor(site.curve.x).relu())


def test_units_of_a_vector() -> None:
    class Vectors(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))

        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([self.net(row) for row in x.unbind(0)])

    model = Vectors()
    with torch.no_grad():
        model.net[0].bias[1] = -100.0
    sites = diagnose(model, [torch.randn(2, 3)]).sites
    assert {(site.units, 1 in site.never_above) for site in sites} == {(4, True)}


def test_values_without_known_channels_are_one_unit_and_the_diagnosis_says_so() -> None:
    class Scores(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x @ x.mT) @ x

    diagnosis = diagnose(Scores(), [torch.randn(2, 5, 3, requires_grad=True), torch.randn(2, 8, 3)])
    assert diagnosis.sites[0].units == 1
    note = "nothing in the model shows which dimension holds the channels at :relu, or their number changes: all values"
    assert note in str(diagnosis)
