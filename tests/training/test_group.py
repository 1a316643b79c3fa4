"""Several processes take the steps of one: shares, sums, gradients, statistics, evaluation."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from rectifiers.activations.arelu import AReLU
from rectifiers.core.errors import ConfigError
from rectifiers.training import group as groups
from rectifiers.training.group import ALONE, Group, current
from rectifiers.training.sharded import Parallel, SharedEvaluation, WholeNetwork, WholeOptimizer, distribute
from rectifiers.training.shared_norm import SharedBatchNorm, share_statistics
from rectifiers.training.state import Noise
from rectifiers.training.tasks import Classification, Segmentation
from rectifiers.training.update import Precision, Update

from .processes import in_group, in_processes

Batch = tuple[Tensor, Tensor]


@pytest.mark.parametrize("count", [0, 1, 5, 8, 9])
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_shares_are_all_of_a_batch_once(count: int, size: int) -> None:
    shares = [list(range(count))[Group(rank, size).share(count)] for rank in range(size)]
    assert [one for share in shares for one in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_one_process_alone_changes_nothing() -> None:
    values = torch.tensor([1.0, 2.0])
    assert current() is ALONE
    assert ALONE.sum(values) is values
    assert ALONE.join(values, 2) is values
    assert ALONE.any(True)
    assert ALONE.take_first(7) == 7


def test_a_batch_that_does_not_suffice_for_all() -> None:
    with pytest.raises(ConfigError, match="a batch of 2 examples is too small for 3 processes"):
        Group(0, 3).share_of_batch(2)


def make_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), AReLU(share="channel", channels=4)),
        nn.Flatten(),
        nn.Sequential(nn.Linear(4 * 16, 8), nn.BatchNorm1d(8, momentum=None), nn.ReLU(), nn.Linear(8, 3)),
    )


def make_batches(*sizes: int) -> list[Batch]:
    torch.manual_seed(1)
    return [(torch.randn(size, 1, 6, 6), torch.randint(3, (size,))) for size in sizes]


def take_steps(net: nn.Module, called: nn.Module, batches: Sequence[Sequence[Batch]], precision: Precision) -> Update:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    update = Update(called, optimizer, Classification(), clip_norm=1.0, precision=precision)
    net.train()
    for group in batches:
        losses = [float(answer.loss) for answer in update(group)]
        update.losses = losses  # type: ignore[attr-defined]
    return update


def check_steps(kind: Parallel, precision: Precision) -> None:
    """Two steps of two batches each, of sizes that cannot be halved, end where those of one process do."""
    tolerance = 1e-5 if precision == "float32" else 0.005
    wholes = [make_batches(7, 5), make_batches(9, 3)]
    alone, net = make_net(), make_net()
    processes, groups._current = current(), ALONE
    expected = take_steps(alone, alone, wholes, precision)
    groups._current = processes
    share_statistics(net)
    shares = [[tuple(one[processes.share(len(one))] for one in batch) for batch in group] for group in wholes]
    called = distribute(net, kind)
    update = take_steps(net, called, shares, precision)  # type: ignore[arg-type]
    assert update.losses == pytest.approx(expected.losses, rel=tolerance)
    kept = WholeNetwork(net).state_dict() if kind == "fsdp" else net.state_dict()
    assert kept.keys() == alone.state_dict().keys()
    for name, tensor in alone.state_dict().items():
        torch.testing.assert_close(kept[name], tensor, atol=tolerance, rtol=tolerance)
    if kind == "fsdp":
        check_whole_state(net, update.optimizer)
    images = torch.randn(11, 1, 6, 6)
    alone.load_state_dict(kept)
    with torch.inference_mode():
        answers = SharedEvaluation(net.eval(), processes)(images)
        torch.testing.assert_close(answers, alone.eval()(images))
        torch.testing.assert_close(SharedEvaluation(net, processes)(images[:1]), alone(images[:1]))


def check_whole_state(net: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """What is put together can be taken apart again."""
    keeper = WholeOptimizer(net, optimizer)
    before = copy.deepcopy(keeper.state_dict())
    for one in optimizer.state.values():
        one["momentum_buffer"].zero_()
    keeper.load_state_dict(before)
    after = keeper.state_dict()["state"]
    for name, state in before["state"].items():
        torch.testing.assert_close(after[name]["momentum_buffer"], state["momentum_buffer"], atol=0, rtol=0)


def check_sums() -> None:
    group = current()
    assert group.sum(torch.tensor([float(group.rank), 1.0])).tolist() == [1.0, 2.0]
    assert group.any(group.rank == 1)
    assert not group.any(False)
    assert group.take_first(5 + group.rank) == 5
    rows = torch.arange(10.0).reshape(5, 2)
    assert torch.equal(group.join(rows[group.share(5)], 5), rows)
    torch.manual_seed(group.rank)
    noise = Noise(torch.device("cpu"))
    state = noise.state_dict()
    drawn = torch.rand(3)
    noise.load_state_dict(state)
    assert torch.equal(torch.rand(3), drawn)
    noise.load_state_dict({"cpu": state["cpu"]})  # kept by one process
    others = group.collect(torch.rand(3))
    assert not torch.equal(others[0], others[1])


@pytest.mark.slow
def test_processes_tell_each_other() -> None:
    in_processes(2, in_group, check_sums)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_steps_of_two_processes_are_those_of_one(kind: Parallel, precision: Precision) -> None:
    in_processes(2, in_group, check_steps, kind, precision)


def check_dice() -> None:
    """Two steps of two batches each on a loss that is no mean over examples end where those of one process do."""
    wholes = [[(images, (images > 0.5).byte()) for images, _ in make_batches(*sizes)] for sizes in ((5, 3), (7, 2))]
    torch.manual_seed(0)
    nets, processes, found = [nn.Conv2d(1, 1, 3, padding=1)], current(), []
    nets.append(copy.deepcopy(nets[0]))
    for net, group in ((nets[0], ALONE), (nets[1], processes)):
        groups._current = group
        optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
        update = Update(net if group is ALONE else distribute(net, "ddp"), optimizer, Segmentation())
        for batches in wholes:
            answers = update([tuple(one[group.share(len(one))] for one in batch) for batch in batches])  # type: ignore[misc]
        found.append([float(answer.loss) for answer in answers])
    assert found[1] == pytest.approx(found[0], rel=1e-5)
    for name, tensor in nets[0].state_dict().items():
        torch.testing.assert_close(nets[1].state_dict()[name], tensor, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_the_dice_loss_of_two_processes_is_that_of_the_whole_batch() -> None:
    in_processes(2, in_group, check_dice)


def check_norm_without_statistics() -> None:
    """One that keeps none takes those of the whole batch in evaluation, too."""
    processes, images = current(), make_batches(7)[0][0]
    alone = nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False)).eval()
    net = copy.deepcopy(alone)
    share_statistics(net)
    torch.testing.assert_close(SharedEvaluation(net, processes)(images), alone(images))
    torch.testing.assert_close(SharedEvaluation(net, processes)(images[:1]), alone(images[:1]))


@pytest.mark.slow
def test_a_norm_that_keeps_no_statistics_has_those_of_the_whole_batch() -> None:
    in_processes(2, in_group, check_norm_without_statistics)


def test_a_norm_of_several_names_stays_one() -> None:
    net = nn.Module()
    net.first = net.again = nn.BatchNorm2d(2)
    net.inner = nn.Sequential(net.first)
    share_statistics(net)
    assert type(net.first) is SharedBatchNorm
    assert net.first is net.again is net.inner[0]


def test_a_norm_that_does_more_is_refused() -> None:
    """As in timm's networks, where the activation is part of the normalisation."""

    class NormAct(nn.BatchNorm2d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).relu()

    with pytest.raises(ConfigError, match=r"1 is a NormAct, which does more than batch normalisation"):
        share_statistics(nn.Sequential(nn.Conv2d(1, 2, 1), NormAct(2)))


@pytest.mark.slow
def test_fsdp_refuses_single_numbers() -> None:
    net = nn.Linear(2, 2)
    net.register_parameter("scale", nn.Parameter(torch.tensor(1.0)))
    with pytest.raises(ConfigError, match="fsdp cannot share scale"):
        distribute(net, "fsdp")
