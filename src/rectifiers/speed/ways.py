"""The ways in which a model is run to see what it costs: in training and in inference, eager, compiled and exported.

A way prepares a call that takes no arguments. What it cannot prepare raises an error, which says of a model, and not of
this project, that it does not go this way.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..watching.contents import find_tensors

Loss = Callable[[Any], Tensor]
"""A number to be minimised, of what a model returns."""


@dataclass(frozen=True)
class Call:
    """What a model is called with, and how it is trained.

    Args:
        args: positional arguments.
        kwargs: keyword arguments.
        loss: of the outputs.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    loss: Loss


@dataclass(frozen=True)
class Prepared:
    """A model that is ready to be timed.

    Args:
        run: one training step or one inference; inference returns the outputs.
        bytes: of the file that it is exported to; None where there is none.
    """

    run: Callable[[], Any]
    bytes: int | None = None


def mean_square(outputs: Any) -> Tensor:
    """The mean square of all floating-point outputs, as a loss where none is given.

    Raises:
        ConfigError: nothing in the outputs can be trained on.

    Example:
        >>> float(mean_square({"logits": torch.tensor([1.0, 3.0]), "words": torch.tensor([1])}))
        5.0
    """
    tensors = [tensor for _, tensor in find_tensors(outputs) if tensor.is_floating_point()]
    if not tensors:
        raise ConfigError("the model returns no floating-point tensor to train on; give a loss of its outputs")
    return torch.stack([tensor.square().mean() for tensor in tensors]).sum()


def train(model: nn.Module, call: Call) -> Prepared:
    """Prepare training steps: forward, backward, and a step of SGD that moves nothing, so that all steps are alike."""
    return Prepared(_step(model.train(), model, call))


def train_compiled(model: nn.Module, call: Call) -> Prepared:
    """Prepare the same with forward and backward compiled."""
    return Prepared(_step(torch.compile(model.train()), model, call))


def infer(model: nn.Module, call: Call) -> Prepared:
    """Prepare calls in evaluation mode without gradients."""
    return Prepared(_inference(model.eval(), call))


def infer_compiled(model: nn.Module, call: Call) -> Prepared:
    """Prepare compiled calls in evaluation mode without gradients."""
    return Prepared(_inference(torch.compile(model.eval()), call))


def infer_exported(model: nn.Module, call: Call) -> Prepared:
    """Prepare calls of the graph that `torch.export` makes."""
    program = torch.export.export(model.eval(), call.args, dict(call.kwargs))
    file = io.BytesIO()
    torch.export.save(program, file)
    return Prepared(_inference(program.module(), call), file.getbuffer().nbytes)


def infer_onnx(model: nn.Module, call: Call) -> Prepared:
    """Prepare calls of the model as ONNX, by onnxruntime on the CPU."""
    import onnxruntime

    program = torch.onnx.export(model.eval(), call.args, kwargs=dict(call.kwargs), dynamo=True, verbose=False)
    assert program is not None
    content = program.model_proto.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    given = [tensor.detach().cpu().numpy() for _, tensor in find_tensors([call.args, dict(call.kwargs)])]
    feed = dict(zip((input.name for input in session.get_inputs()), given, strict=True))
    return Prepared(lambda: [torch.from_numpy(output) for output in session.run(None, feed)], len(content))


@dataclass(frozen=True)
class Way:
    """A way to run a model.

    Args:
        title: in tables.
        prepare: makes a model ready, or raises an error.
        trains: whether what is timed is a training step.
        compiles: whether it takes a compiler, and its time.
        exports: whether it exports the model.
        needs: packages that have to be there.
    """

    title: str
    prepare: Callable[[nn.Module, Call], Prepared]
    trains: bool = False
    compiles: bool = False
    exports: bool = False
    needs: Sequence[str] = ()

    @property
    def missing(self) -> list[str]:
        """Packages that it needs and that are not installed."""
        return [package for package in self.needs if find_spec(package) is None]


WAYS = {
    "train": Way("training step", train, trains=True),
    "infer": Way("inference", infer),
    "train_compiled": Way("training step, compiled", train_compiled, trains=True, compiles=True),
    "infer_compiled": Way("inference, compiled", infer_compiled, compiles=True),
    "export": Way("torch.export", infer_exported, exports=True),
    "onnx": Way("onnxruntime", infer_onnx, exports=True, needs=("onnx", "onnxscript", "onnxruntime")),
}


def _step(run: Callable[..., Any], model: nn.Module, call: Call) -> Callable[[], None]:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trained:
        raise ConfigError(f"{type(model).__name__} has no parameters that are trained")
    optimizer = torch.optim.SGD(trained, lr=0.0)

    def step() -> None:
        call.loss(run(*call.args, **call.kwargs)).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def _inference(run: Callable[..., Any], call: Call) -> Callable[[], Any]:
    def inference() -> Any:
        with torch.no_grad():
            return run(*call.args, **call.kwargs)

    return inference
