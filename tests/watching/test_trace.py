"""The trace of a forward pass: which op reads which value, and who called it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers.activations import PVLU, create
from rectifiers.watching.trace import Value, record


class Joined(nn.Module):
    """Two branches and a concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.act = nn.Linear(4, 3), nn.Linear(4, 2), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.act(self.left(x)), self.right(x)], dim=1)


def test_values_flow_from_their_producers_to_their_consumers() -> None:
    trace = record(Joined(), (torch.randn(2, 4),), {})
    assert [op.name for op in trace.ops] == ["linear", "relu", "linear", "cat"]
    left, relu, right, cat = trace.ops
    assert relu.inputs == left.outputs
    assert cat.inputs == (*relu.outputs, *right.outputs)
    assert [trace.shapes[value] for value in cat.inputs] == [(2, 3), (2, 2)]
    assert cat.args == ((Value(cat.inputs[0]), Value(cat.inputs[1])),)
    assert trace.producer[cat.inputs[0]] is relu
    assert trace.consumers[left.inputs[0]] == [left, right]
    assert trace.outputs == frozenset(cat.outputs)
    assert trace.parameters[left.inputs[1]] == "left.weight"


def test_ops_know_the_modules_that_call_them() -> None:
    model = nn.Sequential(Joined(), nn.Identity())
    trace = record(model, (torch.randn(2, 4),), {})
    assert [[trace.names[frame.module] for frame in op.stack] for op in trace.ops[:2]] == [
        ["", "0", "0.left"],
        ["", "0", "0.act"],
    ]
    assert {trace.names[module] for module in trace.reached} == {"", "0", "0.left", "0.right", "0.act", "1"}


def test_this_librarys_activations_are_one_op_each() -> None:
    model = nn.Sequential(nn.Linear(4, 4), create("apl", channels=4), nn.Linear(4, 4), PVLU(channels=4))
    trace = record(model, (torch.randn(2, 4),), {})
    assert [(op.name, op.kind) for op in trace.ops] == [
        ("linear", None),
        ("APL", "apl"),
        ("linear", None),
        ("PVLU", "pvlu"),
    ]
    assert trace.ops[2].inputs[0] == trace.ops[1].outputs[0]


@pytest.mark.parametrize("training", [False, True])
def test_the_mode_asked_for_is_the_mode_seen_and_then_put_back(training: bool) -> None:
    modes = []
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).train(not training)
    model[1].register_forward_pre_hook(lambda module, _: modes.append(module.training))
    mean = model[1].running_mean.clone()
    record(model, (torch.randn(3, 4),), {}, training=training)
    assert modes == [training]
    assert model[1].training is not training
    assert torch.equal(model[1].running_mean, mean)
    assert model[1].num_batches_tracked == 0


def test_nothing_stays_behind_when_the_model_fails() -> None:
    class Failing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            F.relu(x)
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        record(nn.Sequential(nn.Linear(4, 4), Failing()), (torch.randn(2, 4),), {})
    assert not nn.modules.module._has_any_global_hook()
    assert not torch.overrides._get_current_function_mode_stack()


def test_no_tensor_of_the_run_is_kept() -> None:
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(3)))
    kept = []
    for layer in model:
        layer.register_forward_hook(lambda *call: kept.append(torch.utils.weak.WeakTensorKeyDictionary({call[2]: 1})))
    trace = record(model, (torch.randn(2, 4),), {})
    assert len(trace.ops) == 3
    assert [len(made) for made in kept] == [0, 0, 0]


def gelu_then(write: Callable[[Tensor, Tensor], object]) -> tuple[bool, bool]:
    """Whether the trace sees that the input and the output of a GELU are written over."""

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = x + 1
            y = F.gelu(x)
            write(x, y)
            return y.sum() + x.sum()

    (op,) = (op for op in record(Net(), (torch.randn(2, 4),), {}).ops if op.kind == "gelu")
    return op.input_overwritten, op.output_overwritten


@pytest.mark.parametrize(
    ("write", "seen"),
    [
        (lambda x, y: x.add_(1), (True, False)),
        (lambda x, y: y.mul_(x), (False, True)),
        (lambda x, y: y[:, 0].zero_(), (False, True)),
        (lambda x, y: x.__setitem__(0, 1.0), (True, False)),
        (lambda x, y: torch.add(x, 1, out=y), (False, True)),
        (lambda x, y: F.relu(x, inplace=True), (True, False)),
        (lambda x, y: F.dropout(y, 0.5, True, True), (False, True)),
        (lambda x, y: y.detach().clamp_(max=1), (False, True)),
        (lambda x, y: (x + y).add_(1), (False, False)),
    ],
)
def test_what_is_written_over_afterwards_is_seen(
    write: Callable[[Tensor, Tensor], object], seen: tuple[bool, bool]
) -> None:
    assert gelu_then(write) == seen


def test_memory_that_is_used_again_is_not_taken_for_what_was_there() -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            for _ in range(20):
                x = F.gelu(x + 1) + 1
                x = (x * 2).add_(1)
            return x

    ops = [op for op in record(Net(), (torch.randn(64, 64),), {}).ops if op.kind == "gelu"]
    assert len(ops) == 20
    assert not any(op.input_overwritten or op.output_overwritten for op in ops)


@pytest.mark.parametrize("made_there", [False, True])
def test_what_is_written_over_is_seen_in_inference_mode_too(made_there: bool) -> None:
    class Net(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            x = self[0](x)
            y = F.gelu(x)
            x += 1
            return self[1](y)

    def make() -> Net:
        return Net(nn.Linear(4, 4), nn.BatchNorm1d(4))

    model = make()
    with torch.inference_mode():
        model = make() if made_there else model
        for training in (False, True):
            trace = record(model, (torch.randn(2, 4),), {}, training=training)
            (op,) = (op for op in trace.ops if op.kind == "gelu")
            # Nothing counts the writes to what is made of inference weights, which cannot be trained either.
            assert op.input_overwritten is not made_there
