"""Named sets of activation parameters on one frozen model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import rectifiers
from rectifiers.core.errors import ConfigError, DataError, UnknownNameError
from rectifiers.surgery import Adapters

X = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))


def net(function: str = "pvlu", *, norm: bool = False) -> nn.Sequential:
    torch.manual_seed(1)
    layers = [nn.Linear(4, 6), *([nn.BatchNorm1d(6)] if norm else []), nn.ReLU(), nn.Linear(6, 2)]
    made = nn.Sequential(*layers).eval()
    rectifiers.swap(made, function, example=X)
    return made


def learn(adapters: Adapters, sign: float = 1.0) -> Tensor:
    """Take a few steps; the outputs afterwards."""
    optimizer = torch.optim.SGD(adapters.parameters(), 0.05)
    for _ in range(3):
        optimizer.zero_grad()
        (sign * adapters.model(X)).sum().backward()
        optimizer.step()
    return adapters.model(X).detach()


def test_each_set_has_its_outputs_and_the_weights_stay() -> None:
    model = net()
    before, weights = model(X).detach(), [model[0].weight.clone(), model[2].bias.clone()]
    adapters = Adapters(model)
    assert adapters.active is None
    assert adapters.numbers == 12
    adapters.add("day")
    assert torch.equal(model(X), before)
    day = learn(adapters)
    adapters.add("night")
    assert torch.equal(model(X), before)
    night = learn(adapters, -1.0)
    assert not torch.equal(day, night)
    adapters.set("day")
    assert (adapters.active, adapters.names) == ("day", ["day", "night"])
    assert torch.equal(model(X), day)
    with adapters.disable():
        assert torch.equal(model(X), before)
        assert not model(X).requires_grad
        with pytest.raises(RuntimeError):
            model(X).sum().backward()
    assert torch.equal(model(X), day)
    adapters.set("night")
    assert torch.equal(model(X), night)
    adapters.delete("day")
    assert torch.equal(model(X), night)
    adapters.delete("night")
    assert torch.equal(model(X), before)
    assert (adapters.active, adapters.names) == (None, [])
    assert torch.equal(model[0].weight, weights[0])
    assert torch.equal(model[2].bias, weights[1])


def test_nothing_learns_before_the_first_set() -> None:
    model = net()
    Adapters(model)
    assert not model(X).requires_grad


def test_a_file_has_one_set_and_goes_into_another_copy(tmp_path: Path) -> None:
    adapters = Adapters(net())
    adapters.add("day")
    day = learn(adapters)
    adapters.add("night")
    adapters.save(tmp_path / "day.safetensors", "day")
    assert (tmp_path / "day.safetensors").stat().st_size < 1_000
    other = Adapters(net())
    assert other.load(tmp_path / "day.safetensors") == "day"
    assert torch.equal(other.model(X), day)
    assert other.load(tmp_path / "day.safetensors", "again") == "again"
    assert other.names == ["day", "again"]


def test_what_does_not_fit_is_not_loaded(tmp_path: Path) -> None:
    adapters = Adapters(net())
    adapters.add("day")
    day = learn(adapters)
    path = tmp_path / "day.safetensors"
    adapters.save(path)
    with pytest.raises(ConfigError, match="there is a set 'day' already"):
        adapters.load(path)
    with pytest.raises(ConfigError, match=re.escape('has functions {"1": "pvlu"}, and this')):
        Adapters(net("prelu")).load(path)
    with pytest.raises(ConfigError, match="has parts activations, and this Sequential has activations and head"):
        Adapters(net(), ("activations", "head")).load(path)
    moved = net()
    moved[0].bias.data += 1
    with pytest.raises(ConfigError, match="was trained on other weights than this Sequential has"):
        Adapters(moved).load(path)
    other = Adapters(moved)
    other.load(path, strict=False)
    assert not torch.equal(other.model(X), day)
    wide = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    rectifiers.swap(wide, "pvlu", example=X)
    with pytest.raises(ConfigError, match=r"1\.alpha is 6×?.* in it and 8×?.* here"):
        Adapters(wide).load(path, strict=False)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="truncated"):
        Adapters(net()).load(path)


def test_mistakes_end_in_one_line(tmp_path: Path) -> None:
    plain = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
    with pytest.raises(ConfigError, match="no parameters of activations; swap functions that learn in"):
        Adapters(plain)
    with pytest.raises(ConfigError, match="has no shape yet"):
        Adapters(nn.Sequential(nn.LazyLinear(3), nn.PReLU()))
    adapters = Adapters(net())
    for use in (adapters.merge, adapters.save):
        with pytest.raises(ConfigError, match="no set is in use"):
            use(X if use == adapters.merge else tmp_path / "a.safetensors")
    adapters.add("day")
    with pytest.raises(ConfigError, match="there is a set 'day' already"):
        adapters.add("day")
    for use in (adapters.set, adapters.delete):
        with pytest.raises(UnknownNameError, match="unknown set 'dya'; did you mean day"):
            use("dya")
    with pytest.raises(DataError, match="cannot write"):
        adapters.save(tmp_path / "nowhere" / "day.safetensors")


def test_statistics_that_all_sets_share_must_stay() -> None:
    model = net(norm=True)
    adapters = Adapters(model)
    adapters.add("day")
    model.train()
    learn(adapters)
    with pytest.raises(ConfigError, match="the norm 1 took statistics in training mode"):
        adapters.add("night")


def test_statistics_of_norms_belong_to_sets_that_have_norms(tmp_path: Path) -> None:
    model = net(norm=True)
    before = model(X).detach()
    adapters = Adapters(model, ("activations", "norms"))
    adapters.add("day")
    model.train()
    learn(adapters)
    day = model.eval()(X).detach()
    adapters.save(tmp_path / "day.safetensors")
    with adapters.disable():
        assert torch.equal(model(X), before)
    assert torch.equal(model(X), day)
    other = Adapters(net(norm=True), ("activations", "norms"))
    other.load(tmp_path / "day.safetensors")
    assert torch.equal(other.model(X), day)


def test_instance_norms_with_statistics_are_norms_with_statistics() -> None:
    torch.manual_seed(0)
    norm = nn.InstanceNorm1d(4, affine=True, track_running_stats=True)
    model, x = nn.Sequential(nn.Conv1d(3, 4, 3), norm, nn.ReLU()).eval(), torch.randn(2, 3, 12)
    rectifiers.swap(model, "pvlu", example=x)
    before = model(x).detach()
    adapters = Adapters(model, ("activations", "norms"))
    adapters.add("day")
    model.train()(x)
    day = model.eval()(x).detach()
    assert not torch.equal(day, before)
    with adapters.disable():
        assert torch.equal(model(x), before)
    assert torch.equal(model(x), day)
    sharing = Adapters(model)
    sharing.add("day")
    model.train()(x)
    with pytest.raises(ConfigError, match="the norm 1 took statistics in training mode"):
        sharing.add("night")


def test_sets_follow_a_model_that_moves() -> None:
    model = net(norm=True)
    adapters = Adapters(model, ("activations", "norms"))
    model.double()
    before = model(X.double()).detach()
    adapters.add("day")
    model.train()(X.double())
    day = model.eval()(X.double()).detach()
    assert not torch.equal(day, before)
    adapters.add("night")
    assert torch.equal(model(X.double()), before)
    adapters.set("day")
    assert torch.equal(model(X.double()), day)


def test_a_model_that_is_no_longer_the_same_is_refused(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    report = rectifiers.swap(model, "pvlu", example=X)
    adapters = Adapters(model)
    adapters.add("day")
    report.revert()
    for use in (lambda: adapters.add("night"), lambda: adapters.set("day"), lambda: adapters.save(tmp_path / "a")):
        with pytest.raises(ConfigError, match=r"no longer has the 1\..*make new ones"):
            use()
    with pytest.raises(ConfigError, match="no longer has"), adapters.disable():
        pass


def test_after_a_merge_there_are_no_sets_to_add_to() -> None:
    adapters = Adapters(net())
    adapters.add("day")
    adapters.merge(X)
    for use in (lambda: adapters.add("night"), lambda: adapters.merge(X)):
        with pytest.raises(ConfigError, match="a set was merged for good"):
            use()


def test_merging_folds_what_folds() -> None:
    model = net("adarelu")
    adapters = Adapters(model)
    adapters.add("day")
    day = learn(adapters)
    report = adapters.merge(X)
    assert len(report.plan.changes) == 1
    assert isinstance(model[1], nn.ReLU)
    assert torch.allclose(model(X), day, atol=1e-5)
    assert (adapters.active, adapters.names, adapters.parameters()) == (None, [], [])
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_merging_keeps_what_does_not_fold() -> None:
    model = net()
    adapters = Adapters(model)
    adapters.add("day")
    day = learn(adapters)
    report = adapters.merge(X)
    assert [left.site for left in report.plan.left] == ["1"]
    assert torch.equal(model(X), day)


def test_merging_keeps_a_model_that_has_nothing_to_fold() -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.PReLU(), nn.Linear(6, 2))
    adapters = Adapters(model, ("activations", "head"))
    adapters.add("day")
    day = learn(adapters)
    report = adapters.merge(X)
    assert (report.plan.changes, report.plan.left) == ((), ())
    assert torch.equal(model(X), day)
    assert (adapters.active, adapters.names) == (None, [])


def test_pytorchs_own_prelu_is_a_set_too(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.PReLU(), nn.Linear(6, 2))
    adapters = Adapters(model)
    assert adapters.numbers == 1
    adapters.add("day")
    learn(adapters)
    adapters.save(tmp_path / "day.safetensors")
    adapters.delete("day")
    adapters.load(tmp_path / "day.safetensors")
    assert adapters.active == "day"


def test_what_a_set_has_learned_is_kept_while_all_are_disabled(tmp_path: Path) -> None:
    net, x = nn.Sequential(nn.Linear(4, 4), nn.ReLU()), torch.randn(3, 4)
    rectifiers.swap(net, "pvlu", example=x)
    base, adapters = net(x), rectifiers.Adapters(net)
    learned = {}
    for name, alpha in (("a", 0.5), ("b", 0.7)):
        adapters.add(name)
        net[1].alpha.data.fill_(alpha)
        learned[name] = net(x)
    with adapters.disable():
        assert adapters.active is None
        adapters.save(tmp_path / "b.safetensors", "b")
        with adapters.disable():
            assert torch.equal(net(x), base)
        assert torch.equal(net(x), base)
        adapters.set("a")
        assert torch.equal(net(x), learned["a"])
    assert adapters.active == "b"
    assert torch.equal(net(x), learned["b"])
    adapters.delete("b")
    adapters.load(tmp_path / "b.safetensors")
    assert torch.equal(net(x), learned["b"])
    with adapters.disable():
        adapters.delete("b")
    assert torch.equal(net(x), base)


def test_weights_in_integers_stay_frozen_after_a_merge() -> None:
    model = net()
    model[0].levels = nn.Parameter(torch.zeros(3, dtype=torch.uint8), requires_grad=False)
    adapters = Adapters(model)
    adapters.add("day")
    adapters.merge(X)
    assert {name for name, one in model.named_parameters() if not one.requires_grad} == {"0.levels"}
