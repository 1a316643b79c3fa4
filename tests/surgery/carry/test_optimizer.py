"""Optimizers, schedules and gradient scalers go along with a swap, and back."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

import rectifiers
from rectifiers.core.errors import ConfigError, UnsupportedError
from rectifiers.surgery import swap
from rectifiers.surgery.carry.optimizer import lay_out_state, migrate
from rectifiers.surgery.carry.parameters import compare_parameters, parameter_slots

OPTIMIZERS: dict[str, dict[str, Any]] = {
    name: {}
    for name, cls in sorted(vars(torch.optim).items())
    if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer) and cls is not torch.optim.Optimizer
} | {"SGD": {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-2}}
WITHOUT_A_GROUP = {"LBFGS", "Muon"}
SPARSE = {"SparseAdam"}


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.PReLU(), nn.Linear(4, 2))


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.randn(5, 3)).square().sum().backward()
    optimizer.step()


def groups(optimizer: torch.optim.Optimizer) -> list[list[int]]:
    return [[id(parameter) for parameter in group["params"]] for group in optimizer.param_groups]


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - WITHOUT_A_GROUP - SPARSE))
@pytest.mark.parametrize("form", ["foreach", "fused"])
@pytest.mark.parametrize("wanted", [False, True])
def test_every_optimizer_goes_along_and_back(name: str, form: str, wanted: bool) -> None:
    cls = getattr(torch.optim, name)
    settings = {form: wanted} if form in inspect.signature(cls).parameters else {}
    model = net()
    optimizer = cls(model.parameters(), lr=0.01, **settings, **OPTIMIZERS[name])
    step(model, optimizer)
    before, states = groups(optimizer), {p: dict(optimizer.state[p]) for p in model.parameters()}
    report = swap(model, "pvlu", example=(5, 3), optimizer=optimizer)
    kept = [parameter for parameter in model.parameters() if parameter in states]
    assert all(optimizer.state[parameter].keys() == states[parameter].keys() for parameter in kept)
    assert all(
        optimizer.state[parameter][key] is value for parameter in kept for key, value in states[parameter].items()
    )
    start = model[1].alpha.detach().clone()
    step(model, optimizer)
    assert not torch.equal(model[1].alpha, start)
    report.revert()
    assert groups(optimizer) == before
    assert set(optimizer.state) == set(model.parameters())
    step(model, optimizer)


def test_groups_keep_their_place_and_new_parameters_get_their_own() -> None:
    model = net()
    optimizer = torch.optim.AdamW(
        [
            {"params": model[0].parameters(), "lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.3},
            {"params": model[3].parameters(), "lr": 0.2},
            {"params": [*model[2].parameters(), *model[4].parameters()], "lr": 0.3},
        ]
    )
    step(model, optimizer)
    report = swap(model, "pvlu", example=(5, 3), from_=("relu", "prelu"), optimizer=optimizer)
    weights, emptied, rest, added = optimizer.param_groups
    assert [len(group["params"]) for group in optimizer.param_groups] == [2, 0, 4, 4]
    assert (weights["lr"], emptied["lr"], rest["lr"]) == (0.1, 0.2, 0.3)
    assert (added["name"], added["lr"], added["betas"], added["weight_decay"]) == ("activations", 0.1, (0.5, 0.9), 0.0)
    migration = report.applied.migration
    assert migration.added == ("1.alpha", "1.beta", "3.alpha", "3.beta")
    assert (migration.kept, migration.dropped, migration.group, migration.emptied) == (6, ("3.weight",), 3, (1,))
    assert str(report).splitlines()[-1] == (
        "optimizer: 6 parameters kept with their state; dropped 3.weight; "
        "4 added to group 3, 'activations', with lr 0.1; no parameters left in group 1"
    )
    step(model, optimizer)
    report.revert()
    assert [len(group["params"]) for group in optimizer.param_groups] == [2, 1, 4]
    assert optimizer.state[model[3].weight]["step"] == 1


def test_new_parameters_join_the_group_that_param_groups_made() -> None:
    model = net()
    optimizer = torch.optim.SGD(rectifiers.param_groups(model, lr=0.1, activation_lr=0.01), momentum=0.9)
    report = swap(model, "pvlu", example=(5, 3), optimizer=optimizer)
    assert [len(group["params"]) for group in optimizer.param_groups] == [6, 3]
    assert (report.applied.migration.group, report.applied.migration.lr) == (1, 0.01)
    report.revert()
    assert [len(group["params"]) for group in optimizer.param_groups] == [6, 1]
    report = swap(model, "pvlu", example=(5, 3), optimizer=optimizer, activation_lr=0.5)
    assert (report.applied.migration.group, report.applied.migration.lr) == (2, 0.5)


def test_names_that_the_optimizer_keeps_go_along() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.named_parameters(), lr=0.1)
    report = swap(model, "pvlu", example=(5, 3), from_=("relu", "prelu"), optimizer=optimizer)
    assert "3.weight" not in optimizer.param_groups[0]["param_names"]
    assert optimizer.param_groups[1]["param_names"] == ["1.alpha", "1.beta", "3.alpha", "3.beta"]
    report.revert()
    assert optimizer.param_groups[0]["param_names"] == [name for name, _ in model.named_parameters()]


def test_a_state_dict_saved_after_the_swap_loads_and_reverts() -> None:
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    report = swap(model, "pvlu", example=(5, 3), optimizer=optimizer)
    step(model, optimizer)
    optimizer.load_state_dict(optimizer.state_dict())
    report.revert()
    assert groups(optimizer) == [[id(parameter) for parameter in model.parameters()]]
    step(model, optimizer)


def test_two_swaps_are_reverted_one_after_the_other() -> None:
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    before = groups(optimizer)
    first = swap(model, "pvlu", example=(5, 3), optimizer=optimizer)
    between = groups(optimizer)
    second = swap(model, "arelu", example=(5, 3), from_="prelu", optimizer=optimizer)
    assert [len(group["params"]) for group in optimizer.param_groups] == [6, 4]
    second.revert()
    assert groups(optimizer) == between
    first.revert()
    assert groups(optimizer) == before


SCHEDULERS: dict[str, Any] = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 0.9**epoch),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda epoch: 0.9),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [2, 4]),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 10),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.1, total_steps=10),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, step_size_up=2),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0, min_lr=[0.001]),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o, 0.1),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.1, total_iters=2), lr_scheduler.CosineAnnealingLR(o, 5)], [2]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o, 0.5, 2), lr_scheduler.ExponentialLR(o, 0.9)], o
    ),
    "SWALR": lambda o: torch.optim.swa_utils.SWALR(o, 0.05),
}


def advance(scheduler: Any) -> None:
    with warnings.catch_warnings():
        # SequentialLR calls its own schedules with the argument that PyTorch deprecates.
        warnings.simplefilter("ignore")
        scheduler.step(*((1.0,) if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau) else ()))


@pytest.mark.parametrize("name", sorted(SCHEDULERS))
def test_a_schedule_drives_the_new_group_like_the_first(name: str) -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = SCHEDULERS[name](optimizer)
    step(model, optimizer)
    advance(scheduler)
    report = swap(model, "pvlu", example=(5, 3), optimizer=optimizer, scheduler=scheduler, activation_lr=None)
    for _ in range(4):
        step(model, optimizer)
        advance(scheduler)
        first, added = optimizer.param_groups
        assert added["lr"] == first["lr"]
    assert len(scheduler.get_last_lr()) == 2
    report.revert()
    step(model, optimizer)
    advance(scheduler)
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("name", ["LambdaLR", "CosineAnnealingLR", "OneCycleLR", "LinearLR"])
def test_a_rate_of_its_own_follows_the_schedule_in_proportion(name: str) -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = SCHEDULERS[name](optimizer)
    base = optimizer.param_groups[0]["initial_lr"]
    step(model, optimizer)
    advance(scheduler)
    swap(model, "pvlu", example=(5, 3), optimizer=optimizer, scheduler=[scheduler], activation_lr=base / 2)
    for _ in range(4):
        first, added = optimizer.param_groups
        assert added["lr"] == pytest.approx(first["lr"] / 2)
        step(model, optimizer)
        advance(scheduler)


def test_a_schedule_that_is_not_given_is_asked_for() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, 5)
    with pytest.raises(ConfigError, match="give it as scheduler="):
        swap(model, "pvlu", example=(5, 3), optimizer=optimizer)
    assert isinstance(model[1], nn.ReLU)
    swap(model, "swish", example=(5, 3), optimizer=optimizer).revert()
    swap(model, "pvlu", example=(5, 3), optimizer=optimizer, scheduler=())
    other = torch.optim.SGD(net().parameters(), lr=0.1)
    with pytest.raises(ConfigError, match="CosineAnnealingLR drives another optimizer"):
        swap(model, "pvlu", example=(5, 3), from_="prelu", optimizer=other, scheduler=scheduler)


@pytest.mark.parametrize("name", sorted(WITHOUT_A_GROUP))
def test_optimizers_that_cannot_take_a_group_are_refused(name: str) -> None:
    model = net()
    weights = [parameter for parameter in model.parameters() if parameter.dim() == 2 or name == "LBFGS"]
    optimizer = getattr(torch.optim, name)(weights)
    with pytest.raises(UnsupportedError, match=name):
        swap(model, "pvlu", example=(5, 3), optimizer=optimizer)
    assert isinstance(model[1], nn.ReLU)
    assert len(optimizer.param_groups) == 1


def test_an_optimizer_of_another_model_is_refused() -> None:
    model = net()
    with pytest.raises(ConfigError, match="trains none of this model's parameters"):
        swap(model, "pvlu", example=(5, 3), optimizer=torch.optim.SGD(net().parameters(), lr=0.1))
    assert isinstance(model[1], nn.ReLU)


def test_parameters_of_another_model_beside_it_stay() -> None:
    model, other = net(), net()
    optimizer = torch.optim.SGD([*model.parameters(), *other.parameters()], lr=0.1)
    swap(model, "pvlu", example=(5, 3), optimizer=optimizer)
    assert {*other.parameters()} <= {*optimizer.param_groups[0]["params"]}


def test_rates_outside_their_domain_are_refused() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ConfigError, match="activation_lr must be a positive number, got -1"):
        swap(model, "pvlu", example=(5, 3), optimizer=optimizer, activation_lr=-1)


@pytest.mark.parametrize("settings", [{"scheduler": ()}, {"activation_lr": 0.1}])
def test_what_is_for_an_optimizer_needs_one(settings: dict[str, Any]) -> None:
    model = net()
    with pytest.raises(ConfigError, match="give it as optimizer="):
        swap(model, "pvlu", example=(5, 3), **settings)
    assert isinstance(model[1], nn.ReLU)


def test_a_failure_on_the_way_leaves_the_optimizer_as_it_was() -> None:
    class Picky(torch.optim.SGD):
        def add_param_group(self, param_group: dict[str, Any]) -> None:
            if len(self.param_groups) == 1:
                raise RuntimeError("no more groups")
            super().add_param_group(param_group)

    model = net()
    optimizer = Picky(model.parameters(), lr=0.1, momentum=0.9)
    step(model, optimizer)
    before, states = groups(optimizer), dict(optimizer.state)
    with pytest.raises(RuntimeError, match="no more groups"):
        swap(model, "pvlu", example=(5, 3), from_=("relu", "prelu"), optimizer=optimizer, freeze="weights")
    assert isinstance(model[1], nn.ReLU)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert groups(optimizer) == before
    assert dict(optimizer.state) == states


def test_a_grad_scaler_goes_on() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)

    def scaled_step() -> None:
        optimizer.zero_grad()
        scaler.scale(model(torch.randn(5, 3)).square().sum()).backward()
        scaler.step(optimizer)
        scaler.update()

    scaled_step()
    report = swap(model, "pvlu", example=(5, 3), optimizer=optimizer)
    start = model[1].alpha.detach().clone()
    scaled_step()
    assert not torch.equal(model[1].alpha, start)
    report.revert()
    scaled_step()


class Widened:
    """An edit that says where the numbers of `0.weight` went: behind two new columns."""

    def layouts(self, model: nn.Module) -> dict[str, Any]:
        return {"0.weight": lambda value: nn.functional.pad(value, (2, 0))}


@pytest.mark.parametrize(
    ("padding", "edits", "moment"),
    [((0, 2), (), (0, 2)), ((2, 0), (), None), ((2, 0), (Widened(),), (2, 0))],
    ids=["first", "elsewhere", "elsewhere, said"],
)
def test_widened_parameters_take_their_state_along(
    padding: tuple[int, int], edits: tuple[Widened, ...], moment: tuple[int, int] | None
) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    optimizer = torch.optim.Adam(model.parameters())
    step(model, optimizer)
    before, old = parameter_slots(model), model[0].weight
    state = dict(optimizer.state[old])
    model[0].weight = nn.Parameter(nn.functional.pad(old.detach(), padding))
    migration = migrate(optimizer, compare_parameters(before, model, edits))
    assert optimizer.param_groups[0]["params"][0] is model[0].weight
    assert old not in optimizer.state
    if moment is None:
        assert migration.reset == ("0.weight",)
        assert "state reset for 0.weight" in str(migration)
        assert model[0].weight not in optimizer.state
    else:
        assert migration.widened == ("0.weight",)
        wide = optimizer.state[model[0].weight]
        assert torch.equal(wide["exp_avg"], nn.functional.pad(state["exp_avg"], moment))
        assert wide["step"] == state["step"]
    migration.undo()
    assert optimizer.param_groups[0]["params"][0] is old
    assert optimizer.state[old]["exp_avg"] is state["exp_avg"]
    assert model[0].weight not in optimizer.state


def test_a_factored_state_is_begun_anew() -> None:
    old, new = nn.Parameter(torch.ones(2, 3)), nn.Parameter(nn.functional.pad(torch.ones(2, 3), (0, 3)))
    assert lay_out_state({"step": torch.tensor(1.0), "row_var": torch.ones(2, 1)}, old, new) is None
