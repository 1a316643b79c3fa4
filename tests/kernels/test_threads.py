"""Threads, processes, and arguments that must raise and not crash."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from rectifiers import functional as R
from rectifiers.kernels.elementwise import ElementwiseFormula
from rectifiers.kernels.layout import ELEMENT, LAYER

from .cases import every, fast, needs_library, output_grad, parameters

pytestmark = needs_library


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@every
@pytest.mark.parametrize("shape", [(4, 3, 150, 150), (300, 64, 5, 5), (3, 70001)], ids=str)
def test_bits_do_not_depend_on_the_number_of_threads(
    formula: ElementwiseFormula, shape: tuple[int, ...], threads: None
) -> None:
    for axis in (1,) if formula.along else (LAYER, 1, ELEMENT):
        x = torch.randn(shape)
        given = parameters(formula, shape, axis, torch.float32)
        grad = output_grad(formula, x, axis)
        results = []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(fast(formula, x, given, axis, grad))
        for other in results[1:]:
            assert all(torch.equal(one, two) for one, two in zip(results[0], other, strict=True))


def test_several_python_threads() -> None:
    x = torch.randn(64, 1000)

    def work(_: int) -> torch.Tensor:
        leaf = x.clone().requires_grad_()
        R.arelu(leaf, torch.tensor(0.5, requires_grad=True)).sum().backward()
        assert leaf.grad is not None
        return leaf.grad

    first = work(0)
    with ThreadPoolExecutor(8) as pool:
        assert all(torch.equal(first, other) for other in pool.map(work, range(64)))


def test_fork_after_use(threads: None) -> None:
    """As `DataLoader` does it: a child computes with one thread."""
    torch.set_num_threads(1)
    x = torch.randn(300_000)
    expected = R.pvlu(x)
    child = os.fork()
    if child == 0:
        same = False
        try:
            same = torch.equal(R.pvlu(x), expected)
        finally:
            os._exit(not same)  # whatever it raised: the tests behind this one are the parent's
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


ONE = torch.tensor(1.0)
X = torch.randn(3, 4)
operators = torch.ops.rectifiers


@pytest.mark.parametrize(
    "call",
    [
        lambda: operators.threshold_forward(X.int(), ONE, LAYER),
        lambda: operators.threshold_forward(X, ONE.int(), LAYER),
        lambda: operators.threshold_forward(X, torch.rand(3), 1),
        lambda: operators.threshold_forward(X, ONE, 2),
        lambda: operators.threshold_forward(X, ONE, -3),
        lambda: operators.threshold_forward(X, torch.rand(0), 1),
        lambda: operators.threshold_backward(X.double(), X, ONE, LAYER),
        lambda: operators.threshold_backward(X[:2], X, ONE, LAYER),
        lambda: operators.hinges_forward(X, ONE, ONE, LAYER),
        lambda: operators.hinges_forward(X, torch.rand(2), torch.rand(3), LAYER),
        lambda: operators.rational_forward(X, torch.rand(600), torch.rand(3), True, LAYER),
        lambda: operators.rational_forward(X, torch.rand(0), torch.rand(3), True, LAYER),
        lambda: operators.crelu_forward(X, LAYER),
        lambda: operators.crelu_backward(X[:, :3], X[:, :3], 1),
        lambda: operators.wave_forward(X.to_sparse(), ONE, ONE, LAYER),
    ],
)
def test_wrong_arguments_raise(call: object) -> None:
    assert callable(call)
    with pytest.raises((RuntimeError, NotImplementedError), match=r"rectifiers: expected|the 'SparseCPU' backend"):
        call()
