"""Calls of functions outside of the methods of modules: as operators they are found, in hooks and threads told of."""

from __future__ import annotations

import asyncio
import copy
import functools
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers import diagnose, find_sites, plan_swap, swap
from rectifiers.surgery.swap import NothingToSwapError

from .samples import run, structure

Call = Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]
"""Calls a function on a tensor somewhere else."""

aten = torch.ops.aten
X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


class Operators(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = aten.relu(self.a(x))
        x = aten.gelu.default(self.b(x), approximate="tanh")
        return aten.leaky_relu_(self.a(x), 0.2) + aten.clamp(self.b(x), 0)


def test_operators_are_functions_as_others_are() -> None:
    torch.manual_seed(0)
    net = Operators()
    kinds = {site.name: site.kind for site in find_sites(net, X)}
    assert kinds == {":relu": "relu", ":gelu": "gelu", ":leaky_relu": "leaky_relu", ":clamp": "clamp"}
    before, parts = run(net, X), structure(net)
    report = swap(net, "prelu", example=X, from_=("relu", "leaky_relu", "clamp"), share="channel")
    assert [change.start for change in report.plan.changes] == ["exact"] * 3
    assert torch.equal(run(net, X), before)
    with torch.no_grad():
        for parameter in net.rectified.parameters():
            parameter.fill_(1.0)
        x = F.gelu(net.b(net.a(X)), approximate="tanh")
        torch.testing.assert_close(run(net, X), net.a(x) + net.b(x))
    exported = torch.export.export(net.eval(), (X,)).module()
    torch.testing.assert_close(exported(X), run(net, X))
    assert {site.name for site in diagnose(net, [X]).sites} >= {":gelu"}
    report.revert()
    assert structure(net) == parts
    assert torch.equal(run(net, X), before)


class Plain(nn.Module):
    """A net with one function of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return self.b(F.relu(self.a(x)))


class Hook:
    def __call__(self, module: nn.Module, args: Any, output: Tensor) -> Tensor:
        return F.relu(output - 1)


def shift(by: float, module: nn.Module, args: tuple[Tensor], output: Tensor | None = None) -> Tensor:
    return F.relu(args[0] - by if output is None else output - by)


def hooked(name: str) -> Plain:
    torch.manual_seed(0)
    net = Plain()
    if name == "forward":
        net.a.register_forward_hook(lambda module, args, output: F.relu(output - 1))
    elif name == "before":
        net.b.register_forward_pre_hook(lambda module, args: (F.relu(args[0] - 1),))
    elif name == "partial":
        net.b.register_forward_hook(functools.partial(shift, 1.0))
    elif name == "object":
        net.b.register_forward_hook(Hook())
    elif name == "model":
        net.register_forward_hook(lambda module, args, output: output.relu())
    else:
        net.register_forward_pre_hook(lambda module, args: args[0].relu())
    return net


@pytest.mark.parametrize("name", ["forward", "before", "partial", "object", "model", "model before"])
def test_functions_in_hooks_stay_and_are_told_of(name: str) -> None:
    net = hooked(name)
    before = run(net, X)
    report = swap(net, "prelu", example=X, share="channel")
    assert [change.site for change in report.plan.changes] == [":relu"]
    (left,) = report.plan.left
    where = {"forward": "a", "before": "b", "partial": "b", "object": "b"}.get(name, "Plain")
    assert (left.site, left.was) == (where, "relu")
    assert "a hook of it calls this function" in left.reason
    assert torch.equal(run(net, X), before)
    # What was put in is called, and nothing else is.
    changed = copy.deepcopy(net)
    with torch.no_grad():
        next(changed.rectified.parameters()).fill_(1.0)
    plain = hooked(name)
    plain.load_state_dict(net.state_dict(), strict=False)
    plain.forward = lambda x: plain.b(plain.a(x))  # type: ignore[method-assign]
    assert torch.equal(run(changed, X), run(plain, X))
    assert [site.name for site in diagnose(net, [X]).sites] == ["rectified.0", "b.1"]


class Threads(Plain):
    def part(self, x: Tensor) -> Tensor:
        return F.relu(x)

    def forward(self, x: Tensor) -> Tensor:
        with ThreadPoolExecutor(1) as pool:
            (y,) = pool.map(self.part, [self.a(x)])
        return self.b(y)


class Both(Threads):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(super().forward(x))


class Pool(Plain):
    """A net that has a function called by a thread that was there before."""

    def __init__(self, call: Call, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.call, self.function = call, function

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.call(self.function, x))


class Worker:
    """A thread that waits for work in queues of Python's own."""

    def __init__(self) -> None:
        self.todo: queue.Queue[Any] = queue.Queue()
        self.done: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self.work, daemon=True).start()

    def work(self) -> None:
        while (job := self.todo.get()) is not None:
            self.done.put(job[0](job[1]))

    def __call__(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        self.todo.put((function, x))
        y: Tensor = self.done.get()
        return y


@pytest.fixture
def pools() -> Iterator[dict[str, Call]]:
    worker = Worker()
    with ThreadPoolExecutor(1) as executor, ThreadPool(1) as pool:
        executor.submit(abs, 1).result()
        yield {
            "executor": lambda function, x: executor.submit(function, x).result(),
            "pool": lambda function, x: pool.apply(function, (x,)),
            "queues": worker,
            "loop": lambda function, x: asyncio.run(in_loop(executor, function, x)),
        }
    worker.todo.put(None)


async def in_loop(executor: ThreadPoolExecutor, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return await asyncio.get_running_loop().run_in_executor(executor, function, x)


def test_what_new_threads_call_is_told_of() -> None:
    with pytest.raises(NothingToSwapError, match="Threads: functions that its threads call are not seen"):
        swap(Threads(), "prelu", example=X, share="layer")
    assert_told(Both())


@pytest.mark.parametrize("function", [F.relu, Tensor.relu, nn.Sequential(nn.Linear(4, 4), nn.ReLU())])
@pytest.mark.parametrize("name", ["executor", "pool", "queues", "loop"])
def test_what_threads_call_that_were_there_is_told_of(
    pools: dict[str, Call], name: str, function: Callable[[Tensor], Tensor]
) -> None:
    assert_told(Pool(pools[name], function))


def assert_told(net: nn.Module) -> None:
    before = run(net, X)
    report = swap(net, "prelu", example=X, share="layer")
    assert [change.site for change in report.plan.changes] == [":relu"]
    assert [left.was for left in report.plan.left] == ["in other threads"]
    assert torch.equal(run(net, X), before)


class Logging(Plain):
    """A net that uses locks and starts a thread, neither of which has to do with activations."""

    def forward(self, x: Tensor) -> Tensor:
        logging.getLogger(__name__).debug("forward")
        with threading.Lock():
            result: list[Tensor] = []
            thread = threading.Thread(target=lambda: result.append(x * 2))
            thread.start()
            thread.join()
        return super().forward(x)


def test_other_threads_alone_are_not_told_of(pools: dict[str, Call]) -> None:
    assert not plan_swap(Plain(), "prelu", example=X, share="layer").left
    assert not plan_swap(Logging(), "prelu", example=X, share="layer").left


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_what_scripted_functions_call_is_told_of() -> None:
    scripted = torch.jit.script(twice_rectified)

    class Calling(Operators):
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.b(scripted(self.a(x)))
            return y

    class Keeping(Operators):
        def __init__(self) -> None:
            super().__init__()
            self.act = scripted

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(self.b(self.act(self.a(x))))

    reason = "the scripted function twice_rectified calls it, whose code is fixed; call a function of Python"
    with pytest.raises(NothingToSwapError, match=reason):
        swap(Calling(), "pvlu", example=X)
    plan = plan_swap(Keeping(), "pvlu", example=X)
    assert [change.site for change in plan.changes] == [":relu"]
    assert [(left.site, left.was, left.reason) for left in plan.left] == [("Keeping", "relu", reason)]
    assert not plan_swap(Keeping(), "pvlu", example=X, from_=("relu", "gelu")).left[1:]


def twice_rectified(x: Tensor) -> Tensor:
    return torch.relu(x) - torch.relu_(-x)
