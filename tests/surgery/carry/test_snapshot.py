"""A snapshot brings back what was trained since; without one it stays."""

from __future__ import annotations

import torch
from torch import nn

from rectifiers.surgery import swap


class Net(nn.Module):
    """With a buffer that its forward replaces instead of changing."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.PReLU()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.calls = self.calls + 1
        return self.act(self.norm(self.conv(x)))


def values(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def train(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(2, 3, 8, 8)).square().sum().backward()
        optimizer.step()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return [*one] == [*other] and all(torch.equal(one[name], other[name]) for name in one)


def test_snapshot_brings_values_and_the_optimizers_state_back() -> None:
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    train(model, optimizer)
    objects, before = dict(model.named_parameters()), values(model)
    moments = {name: optimizer.state[tensor]["exp_avg"].clone() for name, tensor in objects.items()}
    report = swap(model, "pvlu", example=(2, 3, 8, 8), from_="prelu", optimizer=optimizer, snapshot=True)
    train(model, optimizer)
    assert not torch.equal(model.conv.weight, before["conv.weight"])
    report.revert()
    assert same(values(model), before)
    for name, parameter in model.named_parameters():
        assert parameter is objects[name]
        assert torch.equal(optimizer.state[parameter]["exp_avg"], moments[name])
        assert optimizer.state[parameter]["step"] == 3


def test_without_it_what_was_trained_stays() -> None:
    model = Net()
    report = swap(model, "pvlu", example=(2, 3, 8, 8), from_="prelu")
    train(model, torch.optim.SGD(model.parameters(), lr=0.01))
    trained = values(model)
    report.revert()
    assert torch.equal(model.conv.weight, trained["conv.weight"])
    assert model.calls == 3


def test_what_is_brought_back_has_moved_along() -> None:
    model = Net().eval()
    x = torch.randn(2, 3, 8, 8)
    expected = model(x)
    report = swap(model, "pvlu", example=x, from_="prelu", snapshot=True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    model.double()
    report.revert()
    assert {value.dtype for value in values(model).values()} == {torch.float64, torch.int64}
    assert torch.allclose(model(x.double()).float(), expected, atol=1e-5)
