"""Swapped models in sharded training: FSDP takes every function, and computes what one process alone does."""

from __future__ import annotations

import copy
import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from rectifiers import swap
from rectifiers.activations import registry
from rectifiers.analysis import History, Watch, diagnose
from rectifiers.core.errors import UnsupportedError
from rectifiers.surgery.swap import NothingToSwapError

Wrap = Callable[[nn.Module], nn.Module]


def old(net: nn.Module) -> nn.Module:
    return FullyShardedDataParallel(net, device_id=torch.device("cpu"), use_orig_params=True)


def new(net: nn.Module) -> nn.Module:
    sharded: nn.Module = fully_shard(net, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
    return sharded


WRAPS = {"FSDP1": old, "FSDP2": new}


def swapped(name: str) -> nn.Module | None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(64, 2))
    try:
        swap(net, name, example=(1, 3, 8, 8))
    except (NothingToSwapError, UnsupportedError):
        return None
    return net.eval()


def step(net: nn.Module, x: Tensor) -> Tensor:
    """The outputs after one step of training."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net(x).square().mean().backward()
    optimizer.step()
    with torch.no_grad():
        outputs: Tensor = net(x)
    return outputs


def check(wrap: Wrap, names: list[str]) -> list[str]:
    """The functions that were trained in shards."""
    checked = []
    for name in names:
        net = swapped(name)
        if net is not None:
            x = torch.randn(4, 3, 8, 8)
            expected = step(copy.deepcopy(net), x)
            torch.testing.assert_close(step(wrap(net), x), expected, msg=lambda text, name=name: f"{name}: {text}")
            checked.append(name)
    return checked


def watch(net: nn.Module, x: Tensor) -> History:
    """What is seen of two steps of training."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with Watch(net.train(), every=1) as seen:
        for _ in range(2):
            net(x).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
    return seen.history


def check_watch() -> None:
    """A sharded model is seen as it is, whatever part of its weights a process keeps."""
    net = swapped("pvlu")
    assert net is not None
    x = torch.randn(4, 3, 8, 8)
    expected = watch(copy.deepcopy(net), x)
    found = watch(new(net), x)
    assert [site.name for site in found.sites] == [site.name for site in expected.sites]
    for site, other in zip(found.sites, expected.sites, strict=True):
        assert site.silent == other.silent
        torch.testing.assert_close(site.mean, other.mean)
    assert found.parameters.keys() == expected.parameters.keys()
    for name, values in found.parameters.items():
        torch.testing.assert_close(values, expected.parameters[name])


def check_doctor() -> None:
    """A sharded model is examined with all its weights, before and after it was trained, and goes on training."""
    for parts, policy in ((False, MixedPrecisionPolicy()), (True, MixedPrecisionPolicy()), (True, HALF)):
        net = swapped("pvlu")
        assert net is not None
        plain, x = copy.deepcopy(net), torch.randn(4, 3, 8, 8)
        options: dict[str, Any] = {"mesh": init_device_mesh("cpu", (dist.get_world_size(),)), "mp_policy": policy}
        for part in (net[2], net[4]) if parts else ():
            fully_shard(part, **options)
        fully_shard(net, **options)
        narrow = policy.param_dtype is not None
        expected = diagnose(copy.deepcopy(plain).bfloat16() if narrow else plain, [x.bfloat16() if narrow else x])
        assert diagnose(net, [x]) == expected
        assert all(isinstance(parameter, DTensor) for parameter in net.parameters())
        outputs = step(net, x)
        if not narrow:
            torch.testing.assert_close(outputs, step(plain, x))
            found, expected = diagnose(net, [x]), diagnose(plain, [x])
            assert found.weight_norm == pytest.approx(expected.weight_norm, rel=1e-6)
            assert found.sites[0].dead == expected.sites[0].dead


HALF = MixedPrecisionPolicy(param_dtype=torch.bfloat16)


def check_refusals(wrap: Wrap, way: str) -> None:
    """What cannot be looked at says what to do, and that works: a copy has the weights of all processes."""
    net = swapped("pvlu")
    assert net is not None
    x, unwrapped = torch.randn(4, 3, 8, 8), copy.deepcopy(net)
    sharded = wrap(net)
    step(sharded, x)
    if way == "FSDP1":
        remedy = r"before it is wrapped, or at an unwrapped copy .*get_model_state_dict gives with full_state_dict=True"
        with pytest.raises(UnsupportedError, match=remedy):
            diagnose(sharded, [x])
        with pytest.raises(UnsupportedError, match="fully_shard, inside of which diagnose and Watch can look"):
            Watch(sharded)
    weights = get_model_state_dict(sharded, options=StateDictOptions(full_state_dict=True))
    with torch.no_grad():
        outputs = sharded(x)
    # FSDP1 gives all weights to every process; FSDP2 too, unless they are offloaded.
    unwrapped.load_state_dict(weights)
    torch.testing.assert_close(unwrapped(x), outputs)
    assert [site.name for site in diagnose(unwrapped, [x]).sites] == ["1"]


def work(rank: int, file: str, way: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    try:
        everywhere = check(WRAPS[way], registry.names())
        assert len(everywhere) >= 20
        assert {"arelu", "apl", "comb", "convrelu2d", "crelu", "elsa", "pau", "prelu", "pvlu"} <= set(everywhere)
        check_watch()
        if way == "FSDP2":
            check_doctor()
        check_refusals(WRAPS[way], way)
        # Sharded models end before their group does, and no process leaves while another still talks to it.
        gc.collect()
        dist.barrier()
    finally:
        dist.destroy_process_group()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("way", WRAPS)
def test_a_number_per_layer_can_be_sharded(way: str) -> None:
    names = ["arelu", "apl_arelu", "comb_arelu", "elsa", "prelu", "pvlu"]
    assert check(WRAPS[way], names) == names


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("alone")
def test_watch_follows_sharded_training() -> None:
    check_watch()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("alone")
def test_the_doctor_puts_the_weights_together() -> None:
    check_doctor()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("way", WRAPS)
def test_a_copy_with_all_weights_can_be_looked_at(way: str) -> None:
    check_refusals(WRAPS[way], way)


@pytest.mark.slow
@pytest.mark.parametrize("way", WRAPS)
def test_every_function_on_two_processes(way: str, tmp_path: Path) -> None:
    command = [sys.executable, __file__, way, str(tmp_path / "store")]
    workers = [
        subprocess.Popen([*command, str(rank)], stderr=subprocess.PIPE, text=True, cwd=tmp_path) for rank in range(2)
    ]
    errors = [worker.communicate(timeout=300)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors


if __name__ == "__main__":
    work(int(sys.argv[3]), sys.argv[2], sys.argv[1])
