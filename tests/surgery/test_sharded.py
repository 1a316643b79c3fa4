"""Swapped models in sharded training: FSDP takes every function, and computes what one process alone does."""

from __future__ import annotations

import copy
import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, MixedPrecision, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from rectifiers import swap
from rectifiers.activations import registry
from rectifiers.analysis import History, Watch, diagnose
from rectifiers.core.errors import UnsupportedError
from rectifiers.surgery import Adapters, base_state_dict, save
from rectifiers.surgery.swap import NothingToSwapError

Wrap = Callable[[nn.Module], nn.Module]


def old(net: nn.Module, *, parts: bool = False, **options: Any) -> nn.Module:
    options = {"device_id": torch.device("cpu"), "use_orig_params": True, **options}
    for name in ("2", "4") if parts else ():
        net._modules[name] = FullyShardedDataParallel(net.get_submodule(name), **options)
    return FullyShardedDataParallel(net, **options)


def new(net: nn.Module, *, parts: bool = False, **options: Any) -> nn.Module:
    options = {"mesh": init_device_mesh("cpu", (dist.get_world_size(),)), **options}
    for name in ("2", "4") if parts else ():
        fully_shard(net.get_submodule(name), **options)
    sharded: nn.Module = fully_shard(net, **options)
    return sharded


def flat(net: nn.Module, **options: Any) -> nn.Module:
    """FSDP1 with the parameters of a unit in one, which the user sees."""
    return old(net, use_orig_params=False, **options)


WAYS: dict[str, list[Wrap]] = {
    "FSDP1": [old, partial(old, parts=True), flat, partial(flat, parts=True)],
    "FSDP2": [new, partial(new, parts=True)],
}
HALF, OLD_HALF = MixedPrecisionPolicy(param_dtype=torch.bfloat16), MixedPrecision(param_dtype=torch.bfloat16)
NARROW: dict[str, list[Wrap]] = {
    "FSDP1": [partial(wrap, parts=True, mixed_precision=OLD_HALF) for wrap in (old, flat)],
    "FSDP2": [partial(new, parts=True, mp_policy=HALF)],
}


def swapped(name: str) -> nn.Module | None:
    torch.manual_seed(0)
    part = nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU())
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), part, nn.Flatten(), nn.Linear(64, 2))
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


def check_watch(wrap: Wrap) -> None:
    """A sharded model is seen as it is, whatever part of its weights a process keeps."""
    net = swapped("pvlu")
    assert net is not None
    x = torch.randn(4, 3, 8, 8)
    expected = watch(copy.deepcopy(net), x)
    found = watch(wrap(net), x)
    assert [site.name for site in found.sites] == [site.name for site in expected.sites] == ["1", "2.1"]
    for site, other in zip(found.sites, expected.sites, strict=True):
        assert site.silent == other.silent
        torch.testing.assert_close(site.mean, other.mean)
    assert found.parameters.keys() == expected.parameters.keys() == {"1.alpha", "1.beta", "2.1.alpha", "2.1.beta"}
    for name, values in found.parameters.items():
        torch.testing.assert_close(values, expected.parameters[name])
    torch.testing.assert_close(found.weight_norm, expected.weight_norm)


def check_doctor(wrap: Wrap, *, narrow: bool) -> None:
    """A sharded model is examined with all its weights, before and after it was trained, and goes on training."""
    net = swapped("pvlu")
    assert net is not None
    plain, x = copy.deepcopy(net), torch.randn(4, 3, 8, 8)
    sharded = wrap(net)
    expected = diagnose(copy.deepcopy(plain).bfloat16() if narrow else plain, [x.bfloat16() if narrow else x])
    parts = [(name, parameter.shape, parameter.dtype) for name, parameter in sharded.named_parameters()]
    modules = list(sharded.modules())
    assert diagnose(sharded, [x]) == expected
    assert [(name, parameter.shape, parameter.dtype) for name, parameter in sharded.named_parameters()] == parts
    assert list(sharded.modules()) == modules
    outputs = step(sharded, x)
    if not narrow:
        torch.testing.assert_close(outputs, step(plain, x))
        found, expected = diagnose(sharded, [x]), diagnose(plain, [x])
        assert found.weight_norm == pytest.approx(expected.weight_norm, rel=1e-6)
        assert found.sites[0].dead == expected.sites[0].dead


def check_refused(wrap: Wrap) -> None:
    """Surgery in a model that is sharded already is refused, and a copy has the weights of all processes."""
    net = swapped("pvlu")
    assert net is not None
    x, unwrapped = torch.randn(4, 3, 8, 8), copy.deepcopy(net)
    sharded = wrap(net)
    step(sharded, x)
    with pytest.raises(UnsupportedError, match="would not be synchronised: swap before wrapping it"):
        swap(sharded, "pvlu", example=x)
    for take in (partial(save, sharded, "nowhere"), partial(base_state_dict, sharded), partial(Adapters, sharded)):
        with pytest.raises(UnsupportedError, match="has only a part of its weights: load those that get_model_state_d"):
            take()
    assert not Path("nowhere").exists()
    weights = get_model_state_dict(sharded, options=StateDictOptions(full_state_dict=True))
    with torch.no_grad():
        outputs = sharded(x)
    # FSDP1 gives all weights to every process; FSDP2 too, unless they are offloaded.
    unwrapped.load_state_dict(weights)
    torch.testing.assert_close(unwrapped(x), outputs)


def check_looks(way: str) -> None:
    """What `diagnose` and `Watch` show of models sharded in every way."""
    for wrap in WAYS[way]:
        check_watch(wrap)
        check_doctor(wrap, narrow=False)
    for wrap in NARROW[way]:
        check_doctor(wrap, narrow=True)


def work(rank: int, file: str, way: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    try:
        everywhere = check(WAYS[way][0], registry.names())
        assert len(everywhere) >= 20
        assert {"arelu", "apl", "comb", "convrelu2d", "crelu", "elsa", "pau", "prelu", "pvlu"} <= set(everywhere)
        check_looks(way)
        check_refused(WAYS[way][0])
        # Sharded models end before their group does, and no process leaves while another still talks to it.
        gc.collect()
        dist.barrier()
    finally:
        dist.destroy_process_group()


class Block(nn.Sequential):
    """Calls a function beside its parts, whose activation is hidden from loops over them."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(super().forward(x))


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("wrap", WAYS["FSDP2"])
def test_what_is_hidden_is_sharded(wrap: Wrap) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), Block(nn.Linear(4, 4)), nn.ReLU(), nn.Linear(4, 2))
    x = torch.randn(3, 4)
    swap(net, "pvlu", example=x, relu_like=False)
    expected = step(copy.deepcopy(net), x)
    sharded = wrap(net)
    assert {type(parameter) for parameter in sharded.parameters()} == {DTensor}
    torch.testing.assert_close(step(sharded, x), expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("way", WAYS)
def test_a_number_per_layer_can_be_sharded(way: str) -> None:
    names = ["arelu", "apl_arelu", "comb_arelu", "elsa", "prelu", "pvlu"]
    assert check(WAYS[way][0], names) == names


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("way", WAYS)
def test_the_doctor_and_watch_look_inside(way: str) -> None:
    check_looks(way)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("way", WAYS)
def test_sharded_models_are_not_swapped(way: str) -> None:
    check_refused(WAYS[way][0])


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_every_function_on_two_processes(way: str, tmp_path: Path) -> None:
    command = [sys.executable, __file__, way, str(tmp_path / "store")]
    workers = [
        subprocess.Popen([*command, str(rank)], stderr=subprocess.PIPE, text=True, cwd=tmp_path) for rank in range(2)
    ]
    errors = [worker.communicate(timeout=300)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors


if __name__ == "__main__":
    work(int(sys.argv[3]), sys.argv[2], sys.argv[1])
