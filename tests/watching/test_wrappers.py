"""What is looked through, what is left as it is, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.ao.nn.quantized as nnq
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from rectifiers import diagnose, plan_swap, swap
from rectifiers.analysis import Watch
from rectifiers.core.errors import UnsupportedError
from rectifiers.surgery.swap import NothingToSwapError

X = torch.randn(8, 4)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def block(width: int = 4) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 4))


def compiled(module: nn.Module) -> Any:
    return torch.compile(module, backend="eager")


def distributed(module: nn.Module) -> nn.Module:
    return nn.parallel.DistributedDataParallel(module)


WRAPPED = [
    compiled,
    distributed,
    lambda net: compiled(distributed(net)),
    lambda net: distributed(compiled(net)),
    nn.DataParallel,
]


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("wrap", WRAPPED)
def test_the_doctor_and_watch_look_inside(wrap: Any) -> None:
    """The wrapper gives what the model inside gives, and the watched steps are those of training."""
    net = block()
    expected = diagnose(net, [X]).sites
    wrapped = wrap(net)
    assert diagnose(wrapped, [X]).sites == expected
    with Watch(net, every=2) as bare:
        for _ in range(3):
            net(X)
    with Watch(wrapped, every=2) as watch:
        for _ in range(3):
            wrapped(X)
    assert watch.history == bare.history
    assert watch.history.steps == (0, 2)
    assert [site.name for site in watch.history.sites] == ["1"]
    # Outside of the block, the compiler is at work again, and nothing is watched.
    assert wrapped(X).shape == X.shape
    assert len(watch.history.steps) == 2


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("wrap", "advice"), [(compiled, "compile it afterwards"), (distributed, "before wrapping it")])
def test_a_swap_asks_for_the_model_inside(wrap: Any, advice: str) -> None:
    with pytest.raises(UnsupportedError, match=advice):
        swap(wrap(block()), "pvlu", example=(2, 4))


@pytest.mark.usefixtures("alone")
def test_sharded_models_are_refused_with_the_remedy() -> None:
    net: nn.Module = fully_shard(block(), mesh=init_device_mesh("cpu", (1,)))
    with pytest.raises(UnsupportedError, match="swap before wrapping it"):
        swap(net, "pvlu", example=(2, 4))
    assert diagnose(net, [X]).model == "Sequential"


def test_a_model_that_was_compiled_in_place() -> None:
    net = block()
    expected = diagnose(net, [X])
    net.compile(backend="eager")
    assert diagnose(net, [X]) == expected
    with pytest.raises(UnsupportedError, match="compile it afterwards"):
        swap(net, "pvlu", example=(2, 4))


def test_watch_stands_in_front_of_a_model_that_was_compiled_in_place() -> None:
    net, plain = block().train(), block().train()
    plain.load_state_dict(net.state_dict())
    net.compile(backend="eager")
    before = net._compiled_call_impl
    with Watch(net, every=2) as watch, Watch(plain, every=2) as other, torch.no_grad():
        for _ in range(3):
            torch.testing.assert_close(net(X), plain(X))
    assert watch.history == other.history
    assert watch.history.steps == (0, 2)
    assert net._compiled_call_impl is before


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("fix", [torch.jit.script, lambda part: torch.jit.trace(part, X), compiled])
@torch.no_grad()
def test_a_fixed_part_is_left_and_the_rest_is_swapped(fix: Any) -> None:
    net = nn.Sequential(block(), nn.ReLU(), fix(block()))
    before = net(X)
    report = swap(net, "pvlu", example=X)
    assert [change.site for change in report.plan.changes] == ["0.1", "1"]
    (left,) = report.plan.left
    assert left.site.startswith("2")
    assert "afterwards" in left.reason or "script that" in left.reason
    assert torch.equal(net(X), before)
    report.revert()
    assert isinstance(net[1], nn.ReLU)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_what_a_fixed_part_reads_is_known() -> None:
    """A ReLU that a scripted part reads too cannot move into the convolution behind it."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act, self.conv, self.fixed = nn.ReLU(), nn.Conv2d(3, 3, 1), torch.jit.script(nn.Conv2d(3, 3, 1))

        def forward(self, x: Tensor) -> Tensor:
            x = self.act(x)
            result: Tensor = self.conv(x) + self.fixed(x)
            return result

    for to in ("convrelu", "crelu"):
        with pytest.raises(NothingToSwapError, match="fixed"):
            swap(Two(), to, example=(1, 3, 5, 5))


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_the_doctor_says_what_it_does_not_see() -> None:
    diagnosis = diagnose(nn.Sequential(block(), torch.jit.script(block())), [X])
    assert [site.name for site in diagnosis.sites] == ["0.1"]
    assert diagnosis.notes[0] == "not seen is what 1 calls: it is scripted"


def test_a_model_with_nothing_but_fixed_parts() -> None:
    with pytest.raises(NothingToSwapError, match="0 is compiled: swap in the model that was compiled"):
        swap(nn.Sequential(compiled(block())), "pvlu", example=X)


def test_a_fused_recurrent_layer_is_named() -> None:
    with pytest.raises(NothingToSwapError, match=r"RNN: it is inside PyTorch's fused RNN: write the recurrence"):
        swap(nn.RNN(4, 8, nonlinearity="relu"), "pvlu", example=(5, 2, 4))
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.RNN(4, 8, nonlinearity="relu"))
    assert [left.site for left in plan_swap(net, "pvlu", example=(5, 4)).left] == ["2"]


class Marked(nn.Module):
    """A float model with the marks of eager quantisation."""

    def __init__(self, total: nn.Module) -> None:
        super().__init__()
        self.linear, self.total = nn.Linear(4, 4), total

    def forward(self, x: Tensor) -> Tensor:
        total: Any = self.total
        x = F.relu(self.linear(x))
        result: Tensor = total.add(x, x)
        return result


@pytest.mark.parametrize("total", [nnq.FloatFunctional(), nnq.FXFloatFunctional()])
def test_float_models_that_can_be_quantised(total: nn.Module) -> None:
    net = Marked(total)
    before = net(X)
    swap(net, "pvlu", example=X)
    assert torch.equal(net(X), before)
    assert [site.kind for site in diagnose(net, [X]).sites] == ["pvlu"]


def test_a_package_may_be_called_quantized() -> None:
    kind = type("Mine", (nn.Sequential,), {"__module__": "mine.quantized.layers"})
    swap(kind(nn.Linear(4, 4), nn.ReLU()), "pvlu", example=X)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_integer_layers_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="quantised"):
        swap(nn.Sequential(nnq.Linear(4, 4), nn.ReLU()), "pvlu", example=X)
